"""Apiframe's parameters, one model per model of the vendor (or per mode of one).

Types and ranges are those of the vendor's OpenAPI document (Apiframe API v2, /v2/openapi.json) and
of its page /docs/image-edits. The vendor's bodies are strict: an unknown or misplaced name is
refused. It documents hardly any defaults, so a parameter that the spec leaves out is not sent.
"""

from typing import Annotated, Literal

from pydantic import Field

from darkroom.providers.params import Fraction01, Scale1246, Scale1248, StrictParams

Text = Annotated[str, Field(max_length=2000)]
Prompt = Annotated[str, Field(min_length=1, max_length=2000)]
PngOrJpg = Literal["png", "jpg"]


class Upscale(StrictParams):
    """An upscale. Its format is sent where the source has transparency: JPEG has none."""


class Topaz(Upscale):
    """Topaz Image Upscale."""

    scale: Scale1246 = Field(default=2, serialization_alias="upscale_factor")
    format: PngOrJpg | None = Field(default=None, serialization_alias="output_format")
    seed: int | None = None
    model_type: (
        Literal["standard-v2", "low-res-v2", "cgi", "high-fidelity-v2", "text-refine", "redefine"]
        | None
    ) = None
    face_enhance: bool | None = None
    face_enhance_creativity: Fraction01 | None = None
    face_enhance_strength: Fraction01 | None = None


class Clarity(Upscale):
    """Clarity Upscaler."""

    scale: Scale1248 = Field(default=2, serialization_alias="scale_factor")
    prompt: Text | None = None
    negative_prompt: Text | None = None
    format: Literal["png", "jpg", "webp"] | None = Field(
        default=None, serialization_alias="output_format"
    )
    seed: int | None = None
    creativity: Fraction01 | None = None
    resemblance: Annotated[float, Field(ge=0, le=3)] | None = None
    dynamic: Annotated[float, Field(ge=1, le=50)] | None = None
    num_inference_steps: Annotated[int, Field(ge=1, le=100)] | None = None
    sharpen: Annotated[float, Field(ge=0, le=10)] | None = None


class Bria(StrictParams):
    """Bria Background Remove."""

    content_moderation: bool | None = None


class Lab851(StrictParams):
    """851-labs Background Remove."""

    format: PngOrJpg | None = None
    background_type: Literal["rgba", "map", "green", "white", "blur", "overlay"] | None = None
    reverse: bool | None = None
    threshold: Fraction01 | None = None


class _Fill(StrictParams):
    prompt: Prompt
    format: PngOrJpg | None = Field(default=None, serialization_alias="output_format")
    seed: int | None = None
    steps: Annotated[int, Field(ge=1, le=50)] | None = None
    guidance: Annotated[float, Field(ge=2, le=5)] | None = None
    safety_tolerance: Annotated[int, Field(ge=1, le=6)] | None = None
    prompt_upsampling: bool | None = None


class Inpaint(_Fill):
    """Flux Fill Pro over a mask: white is repainted, black is kept."""


class Outpaint(_Fill):
    """Flux Fill Pro beyond the image's edges; `outpaint` says which."""

    outpaint: Literal[
        "Zoom out 1.5x",
        "Zoom out 2x",
        "Make square",
        "Left outpaint",
        "Right outpaint",
        "Top outpaint",
        "Bottom outpaint",
    ]
