"""The request bodies of Apiframe's three image-edit routes, as strict as the vendor's schema.

Facts from the vendor's OpenAPI file (openapi.json in apiframe-ai/apiframe-nodejs-sdk) and
docs-v2.apiframe.ai/docs/image-edits. Unknown fields are refused, at the root and in the params.
"""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator


def _uri(value: str) -> str:
    parts = urlsplit(value)
    if not parts.scheme or not (parts.netloc or parts.path):
        raise ValueError("Invalid url")
    return value


def _one_of(*allowed: float) -> AfterValidator:
    def check(value: float) -> float:
        if value not in allowed:
            raise ValueError(f"Must be one of {', '.join(f'{one:g}' for one in allowed)}")
        return value

    return AfterValidator(check)


Uri = Annotated[str, AfterValidator(_uri)]
Share = Annotated[float, Field(ge=0, le=1)]
Prompt = Annotated[str, Field(max_length=2000)]


class Strict(BaseModel):
    """Refuses unknown fields and nulls, and converts no types."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _has_no_null(cls, value: object) -> object:
        if isinstance(value, dict) and (nulls := [name for name in value if value[name] is None]):
            raise ValueError(f"null is not allowed: {', '.join(map(str, nulls))}")
        return value


class TopazParams(Strict):
    """`topazUpscaleParams`."""

    image: Uri
    model_type: Literal[
        "standard-v2", "low-res-v2", "cgi", "high-fidelity-v2", "text-refine", "redefine"
    ] = "standard-v2"
    # A guess, since no default is documented: the upstream model keeps the size.
    upscale_factor: Annotated[float, _one_of(1, 2, 4, 6)] = 1
    face_enhance: bool = False
    face_enhance_creativity: Share = 0
    face_enhance_strength: Share = 0.8
    output_format: Literal["jpg", "png"] = "jpg"
    seed: int | None = None


class ClarityParams(Strict):
    """`clarityUpscaleParams`."""

    image: Uri
    prompt: Prompt = ""
    negative_prompt: Prompt = ""
    scale_factor: Annotated[float, _one_of(1, 2, 4, 8)] = 2
    creativity: Share = 0.35
    resemblance: Annotated[float, Field(ge=0, le=3)] = 0.6
    dynamic: Annotated[float, Field(ge=1, le=50)] = 6
    num_inference_steps: Annotated[int, Field(ge=1, le=100)] = 18
    sharpen: Annotated[float, Field(ge=0, le=10)] = 0
    output_format: Literal["png", "jpg", "webp"] = "png"
    seed: int | None = None


class BriaParams(Strict):
    """`briaBgRemoveParams`."""

    image: Uri
    content_moderation: bool = False


class Lab851Params(Strict):
    """`lab851BgRemoveParams`."""

    image: Uri
    background_type: Literal["rgba", "map", "green", "white", "blur", "overlay"] = "rgba"
    format: Literal["png", "jpg"] = "png"
    reverse: bool = False
    threshold: Share = 0


class FluxFillParams(Strict):
    """`fluxFillParams`: inpaint needs a mask, outpaint a preset."""

    image: Uri
    prompt: Annotated[str, Field(min_length=1, max_length=2000)]
    mode: Literal["inpaint", "outpaint"]
    mask: Uri | None = None
    outpaint: (
        Literal[
            "Zoom out 1.5x",
            "Zoom out 2x",
            "Make square",
            "Left outpaint",
            "Right outpaint",
            "Top outpaint",
            "Bottom outpaint",
        ]
        | None
    ) = None
    steps: Annotated[int, Field(ge=1, le=50)] = 50
    guidance: Annotated[float, Field(ge=2, le=5)] = 3
    safety_tolerance: Annotated[int, Field(ge=1, le=6)] = 2
    output_format: Literal["jpg", "png"] = "jpg"
    prompt_upsampling: bool = False
    seed: int | None = None

    @model_validator(mode="after")
    def _has_what_its_mode_needs(self) -> Self:
        if self.mode == "inpaint" and self.mask is None:
            raise ValueError("mask is required when mode is inpaint")
        if self.mode == "outpaint" and self.outpaint is None:
            raise ValueError("outpaint is required when mode is outpaint")
        return self


class EditBody(Strict):
    """The fields that every body has beside its model and params."""

    webhookUrl: Uri | None = None  # noqa: N815 - the vendor's spelling
    webhookEvents: (  # noqa: N815 - the vendor's spelling
        Annotated[list[Literal["progress", "completed", "failed"]], Field(min_length=1)] | None
    ) = None


class TopazBody(EditBody):
    """`topaz-image-upscale`."""

    model: Literal["topaz-image-upscale"]
    topazUpscaleParams: TopazParams  # noqa: N815 - the vendor's spelling


class ClarityBody(EditBody):
    """`clarity-upscale`."""

    model: Literal["clarity-upscale"]
    clarityUpscaleParams: ClarityParams  # noqa: N815 - the vendor's spelling


class BriaBody(EditBody):
    """`bria-bg-remove`."""

    model: Literal["bria-bg-remove"]
    briaBgRemoveParams: BriaParams  # noqa: N815 - the vendor's spelling


class Lab851Body(EditBody):
    """`851-bg-remove`."""

    model: Literal["851-bg-remove"]
    lab851BgRemoveParams: Lab851Params  # noqa: N815 - the vendor's spelling


class FluxFillBody(EditBody):
    """`flux-fill-pro`."""

    model: Literal["flux-fill-pro"]
    fluxFillParams: FluxFillParams  # noqa: N815 - the vendor's spelling


Body = TopazBody | ClarityBody | BriaBody | Lab851Body | FluxFillBody

# Route -> model -> the body that the model takes.
BODIES: dict[str, dict[str, TypeAdapter[Body]]] = {
    "upscale": {
        "topaz-image-upscale": TypeAdapter(TopazBody),
        "clarity-upscale": TypeAdapter(ClarityBody),
    },
    "background-remove": {
        "bria-bg-remove": TypeAdapter(BriaBody),
        "851-bg-remove": TypeAdapter(Lab851Body),
    },
    "edit": {"flux-fill-pro": TypeAdapter(FluxFillBody)},
}
