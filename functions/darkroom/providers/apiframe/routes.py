"""Every image endpoint of Apiframe: the route that a spec sees, and how the endpoint is called.

Paths, models and prices are those of the vendor's OpenAPI document (Apiframe API v2,
/v2/openapi.json) and of its page /docs/image-edits: three endpoints, five models.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from darkroom.domain.media import GIF, JPEG, PNG, WEBP
from darkroom.domain.price_table import fixed_price
from darkroom.domain.routes import Role, Route
from darkroom.providers.apiframe import params as p
from darkroom.providers.params import StrictParams

NAME = "apiframe"


@dataclass(frozen=True)
class Endpoint:
    """How a route is called.

    Attributes:
        path: of the paid call.
        group: the field of the body with the model's parameters.
        fixed: parameters that select this operation of the model.
    """

    path: str
    group: str
    fixed: Mapping[str, str] = field(default_factory=dict)


# "Uploads": the vendor checks magic bytes too; images up to 25 MB.
_FILE = Role(frozenset({PNG, JPEG, WEBP, GIF}), max_bytes=25 * 1024 * 1024)
_IMAGE: Mapping[str, Role] = {"image": _FILE}
_UPSCALE = "/v2/images/upscale"
_REMOVE_BACKGROUND = "/v2/images/background-remove"
_EDIT = "/v2/images/edit"


def _route(
    operation: str,
    models: tuple[str, ...],
    endpoint: Endpoint,
    params: type[StrictParams],
    *,
    price: float | None,
    typical_s: int,
    roles: Mapping[str, Role] = _IMAGE,
) -> tuple[Route, Endpoint]:
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
            credits=fixed_price(price),
            price_as_of="2026-11-21",
            price_source="apiframe.ai/docs, the page of the model",
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
        p.Topaz,
        price=None,  # by output megapixels; the vendor shows no figures
        typical_s=10,
    ),
    _route(
        "upscale",
        ("clarity-upscale", "clarity"),
        Endpoint(_UPSCALE, "clarityUpscaleParams"),
        p.Clarity,
        price=3,
        typical_s=13,
    ),
    _route(
        "remove-background",
        ("bria-bg-remove", "bria"),
        Endpoint(_REMOVE_BACKGROUND, "briaBgRemoveParams"),
        p.Bria,
        price=None,
        typical_s=3,
    ),
    _route(
        "remove-background",
        ("851-bg-remove", "851"),
        Endpoint(_REMOVE_BACKGROUND, "lab851BgRemoveParams"),
        p.Lab851,
        price=None,
        typical_s=2,
    ),
    _route(
        "inpaint",
        ("flux-fill-pro", "flux-fill"),
        Endpoint(_EDIT, "fluxFillParams", {"mode": "inpaint"}),
        p.Inpaint,
        price=9,
        typical_s=15,
        roles={"image": _FILE, "mask": replace(_FILE, same_size_as="image")},
    ),
    _route(
        "outpaint",
        ("flux-fill-pro", "flux-fill"),
        Endpoint(_EDIT, "fluxFillParams", {"mode": "outpaint"}),
        p.Outpaint,
        price=9,
        typical_s=15,
    ),
)
"""Every route of Apiframe; the preferred one of an operation first."""
