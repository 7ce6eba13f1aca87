"""The portable parameters of GoAPI's image operations, and their names in its tasks.

Names and ranges are those of catalogue.json; parameters that only GoAPI has keep its names. A
parameter that the spec leaves out is sent only if the vendor requires it and has no default.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from darkroom.providers.params import Positive, StrictParams, reject_bool

Text = Annotated[str, Field(min_length=1)]
Ratio = Annotated[str, Field(pattern=r"^[1-9][0-9]?:[1-9][0-9]?$")]
Steps = Positive
Pixels = Annotated[int, Field(ge=0)]

# Models that take a width and a height: at most 1,048,576 pixels together, in steps of 32.
SIZES = {
    "1:1": (1024, 1024),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "4:3": (1152, 864),
    "3:4": (864, 1152),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
}


class Portable(StrictParams):
    """Their base class."""


class Nothing(Portable):
    """A task that takes its files alone."""


class Upscale(Portable):
    """How much larger."""

    scale: Annotated[int, Field(ge=2, le=10), BeforeValidator(reject_bool)] = 2
    face_enhance: bool | None = None


class UpscaleV2(Portable):
    """How much larger, at the image toolkit v2."""

    scale: Annotated[Literal[2, 4, 8], BeforeValidator(reject_bool)] = 2


class RemoveBackground(Portable):
    """Which model cuts out; the vendor lists no names."""

    rmbg_model: Text | None = None


class Segment(Portable):
    """A list of things, by commas; `segment_factor` grows a mask by so many pixels."""

    prompt: Text
    # The page requires these and names no defaults; these are its own client's.
    negative_prompt: str = ""
    segment_factor: int = -15


class SwapFaces(Portable):
    """Which face goes where, as lists of numbers by commas: `0,1`."""

    swap_faces_index: Text | None = None
    target_faces_index: Text | None = None


class _Sized(Portable):
    """`aspect_ratio` stands for a width and a height."""

    aspect_ratio: Literal["1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16"] | None = None
    width: Positive | None = None
    height: Positive | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.aspect_ratio is not None and (self.width or self.height):
            raise ValueError("give `aspect_ratio`, or `width` and `height`, not both")
        return self

    def to_provider(self) -> dict[str, Any]:
        """The shape as a width and a height."""
        params = super().to_provider()
        if (ratio := params.pop("aspect_ratio", None)) is not None:
            params["width"], params["height"] = SIZES[ratio]
        return params


class GenerateZImage(_Sized):
    """Z-Image."""

    prompt: Text
    negative_prompt: str | None = None
    seed: int | None = None
    batch_size: Positive | None = None
    flow_shift: float | None = None


class GenerateQwen(_Sized):
    """Qwen Image."""

    prompt: Text
    seed: int | None = None
    steps: Steps | None = None
    flow_shift: float | None = None


class GenerateFlux(_Sized):
    """Flux, Schnell or Dev."""

    prompt: Text
    negative_prompt: str | None = None
    steps: Steps | None = None
    guidance_scale: Annotated[float, Field(ge=1.5, le=5)] | None = None


class Vary(_Sized):
    """Flux Redux."""

    prompt: Text
    steps: Steps | None = None


class EditQwen(Portable):
    """Qwen Image Edit."""

    prompt: Text
    negative_prompt: str | None = None
    seed: int | None = None
    steps: Steps | None = None
    flow_shift: float | None = None


class EditKontext(_Sized):
    """Flux Kontext."""

    prompt: Text
    seed: int | None = None
    steps: Steps | None = None


class _Formatted(Portable):
    prompt: Text
    aspect_ratio: Ratio | None = None
    format: Literal["png", "jpg"] | None = Field(default=None, serialization_alias="output_format")

    def to_provider(self) -> dict[str, Any]:
        """The format by the vendor's name."""
        params = super().to_provider()
        if params.get("output_format") == "jpg":
            params["output_format"] = "jpeg"
        return params


class Gemini(_Formatted):
    """Gemini 2.5 Flash Image."""

    num_images: Positive | None = None


class NanoBanana(_Formatted):
    """Nano Banana 2."""

    resolution: Literal["1K", "2K", "4K"] | None = None


class NanoBananaPro(NanoBanana):
    """Nano Banana Pro."""

    safety_level: Text | None = None


class Seedream(_Formatted):
    """Seedream 5 Lite."""

    size: Literal["2K", "3K"] | None = None


class Midjourney(Portable):
    """Midjourney's imagine."""

    prompt: Text
    aspect_ratio: Ratio | None = None
    process_mode: Literal["relax", "fast", "turbo"] | None = None
    skip_prompt_check: bool | None = None


class Inpaint(Portable):
    """Flux Fill: what the picture leaves transparent is painted."""

    prompt: Text
    steps: Steps | None = None
    guidance_scale: Annotated[float, Field(ge=1.5, le=5)] | None = None


class Outpaint(Inpaint):
    """Flux Fill beyond the picture's edges, by so many pixels on each side."""

    outpaint_left: Pixels = 0
    outpaint_right: Pixels = 0
    outpaint_top: Pixels = 0
    outpaint_bottom: Pixels = 0

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not any(
            (self.outpaint_left, self.outpaint_right, self.outpaint_top, self.outpaint_bottom)
        ):
            raise ValueError(
                "say how many pixels to add: `outpaint_left`, `outpaint_right`, `outpaint_top` or "
                "`outpaint_bottom`"
            )
        return self

    def to_provider(self) -> dict[str, Any]:
        """The sides as one setting."""
        params = super().to_provider()
        sides = {name: params.pop(name) for name in list(params) if name.startswith("outpaint_")}
        return params | {"custom_settings": [{"setting_type": "outpaint", **sides}]}


class Caption(Portable):
    """How it is written, and how long it is."""

    prompt_style: Text = "Descriptive"
    caption_length: Text = "any"
    workflow_type: Text | None = None


class MakeModel(Portable):
    """Trellis's knobs."""

    seed: int | None = None
    ss_sampling_steps: Steps | None = None
    slat_sampling_steps: Steps | None = None
    ss_guidance_strength: float | None = None
    slat_guidance_strength: float | None = None


class MakeModelOfText(MakeModel):
    """Trellis without a picture."""

    prompt: Text


class MakeModel2(Portable):
    """Trellis 2."""

    seed: int | None = None


class TryOn(Portable):
    """How many pictures."""

    batch_size: Annotated[int, Field(ge=1, le=4)] | None = None
