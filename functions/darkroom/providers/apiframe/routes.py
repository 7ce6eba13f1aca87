"""Apiframe's image editing: three routes of its API, five models, their parameters.

Types and ranges are those of the vendor's OpenAPI document (Apiframe API v2, /v2/openapi.json)
and of its page /docs/image-edits. Bodies are strict over there: an unknown or misplaced name is
refused. The vendor states hardly any defaults, so what a spec does not say is not sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from darkroom.domain.media import GIF, JPEG, PNG, WEBP
from darkroom.domain.routes import Role, Route
from darkroom.providers.params import Scale1246, Scale1248, Share, Strict

NAME = "apiframe"

Text = Annotated[str, Field(max_length=2000)]
Prompt = Annotated[str, Field(min_length=1, max_length=2000)]
PngOrJpg = Literal["png", "jpg"]


class Topaz(Strict):
    """Topaz Image Upscale."""

    scale: Scale1246 = Field(default=2, serialization_alias="upscale_factor")
    format: PngOrJpg | None = Field(default=None, serialization_alias="output_format")
    seed: int | None = None
    model_type: (
        Literal["standard-v2", "low-res-v2", "cgi", "high-fidelity-v2", "text-refine", "redefine"]
        | None
    ) = None
    face_enhance: bool | None = None
    face_enhance_creativity: Share | None = None
    face_enhance_strength: Share | None = None


class Clarity(Strict):
    """Clarity Upscaler."""

    scale: Scale1248 = Field(default=2, serialization_alias="scale_factor")
    prompt: Text | None = None
    negative_prompt: Text | None = None
    format: Literal["png", "jpg", "webp"] | None = Field(
        default=None, serialization_alias="output_format"
    )
    seed: int | None = None
    creativity: Share | None = None
    resemblance: Annotated[float, Field(ge=0, le=3)] | None = None
    dynamic: Annotated[float, Field(ge=1, le=50)] | None = None
    num_inference_steps: Annotated[int, Field(ge=1, le=100)] | None = None
    sharpen: Annotated[float, Field(ge=0, le=10)] | None = None


class Bria(Strict):
    """Bria Background Remove."""

    content_moderation: bool | None = None


class Lab851(Strict):
    """851-labs Background Remove."""

    format: PngOrJpg | None = None
    background_type: Literal["rgba", "map", "green", "white", "blur", "overlay"] | None = None
    reverse: bool | None = None
    threshold: Share | None = None


class _Fill(Strict):
    prompt: Prompt
    format: PngOrJpg | None = Field(default=None, serialization_alias="output_format")
    seed: int | None = None
    steps: Annotated[int, Field(ge=1, le=50)] | None = None
    guidance: Annotated[float, Field(ge=2, le=5)] | None = None
    safety_tolerance: Annotated[int, Field(ge=1, le=6)] | None = None
    prompt_upsampling: bool | None = None


class Inpaint(_Fill):
    """Flux Fill Pro over a mask: white is painted anew, black is kept."""


class Outpaint(_Fill):
    """Flux Fill Pro beyond the picture's edges; `outpaint` says which."""

    outpaint: Literal[
        "Zoom out 1.5x",
        "Zoom out 2x",
        "Make square",
        "Left outpaint",
        "Right outpaint",
        "Top outpaint",
        "Bottom outpaint",
    ]


@dataclass(frozen=True)
class Endpoint:
    """How a route is called.

    Attributes:
        group: the name that holds the model's parameters.
        fixed: parameters that make the model do this operation.
    """

    path: str
    group: str
    fixed: Mapping[str, str] = field(default_factory=dict)


# "Uploads": magic bytes decide over there too; images up to 25 MB.
_FILE = Role(frozenset({PNG, JPEG, WEBP, GIF}), max_bytes=25 * 1024 * 1024)
_IMAGE: Mapping[str, Role] = {"image": _FILE}
_UPSCALE = "/v2/images/upscale"
_CUT_OUT = "/v2/images/background-remove"
_EDIT = "/v2/images/edit"


def _route(
    operation: str,
    models: tuple[str, ...],
    endpoint: Endpoint,
    params: type[Strict],
    *,
    price: float | None,
    typical_s: int,
    roles: Mapping[str, Role] = _IMAGE,
) -> tuple[Route, Endpoint]:
    cost: Callable[[Any], float | None] = lambda _params: price  # noqa: E731 - typed here
    return (
        Route(
            operation=operation,
            provider=NAME,
            models=models,
            params=params,
            roles=roles,
            idempotency="key",  # the same key within 24 h names the same job
            asynchronous=True,
            charged_on_failure="no",  # deducted at submission, refunded when the job fails
            credits=cost,
            call_s=60,
            typical_s=typical_s,
            job_s=1800,
        ),
        endpoint,
    )


ENDPOINTS: tuple[tuple[Route, Endpoint], ...] = (
    _route(
        "upscale",
        ("topaz-image-upscale", "topaz"),
        Endpoint(_UPSCALE, "topazUpscaleParams"),
        Topaz,
        price=None,  # by output megapixels; the vendor shows no figures
        typical_s=10,
    ),
    _route(
        "upscale",
        ("clarity-upscale", "clarity"),
        Endpoint(_UPSCALE, "clarityUpscaleParams"),
        Clarity,
        price=3,
        typical_s=13,
    ),
    _route(
        "remove-background",
        ("bria-bg-remove", "bria"),
        Endpoint(_CUT_OUT, "briaBgRemoveParams"),
        Bria,
        price=None,
        typical_s=3,
    ),
    _route(
        "remove-background",
        ("851-bg-remove", "851"),
        Endpoint(_CUT_OUT, "lab851BgRemoveParams"),
        Lab851,
        price=None,
        typical_s=2,
    ),
    _route(
        "inpaint",
        ("flux-fill-pro", "flux-fill"),
        Endpoint(_EDIT, "fluxFillParams", {"mode": "inpaint"}),
        Inpaint,
        price=9,
        typical_s=15,
        roles={"image": _FILE, "mask": replace(_FILE, same_size_as="image")},
    ),
    _route(
        "outpaint",
        ("flux-fill-pro", "flux-fill"),
        Endpoint(_EDIT, "fluxFillParams", {"mode": "outpaint"}),
        Outpaint,
        price=9,
        typical_s=15,
    ),
)
"""Every way to call Apiframe for a picture, the preferred one of an operation first."""
