"""Every image endpoint of SnapAPI: the route that a spec sees, and how the endpoint is called.

Paths, form fields, models and credits are those of the vendor's reference (SnapAPI, "AI Image
Processing API", v1.0.0, /en/docs). Responses are read in `adapter`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from darkroom.domain.media import JPEG, PNG, WEBP
from darkroom.domain.price_table import Case, PriceTable, fixed_price
from darkroom.domain.routes import Role, Route
from darkroom.providers.params import StrictParams
from darkroom.providers.snapapi import params as p

NAME = "snapapi"

Returns = Literal["image", "objects", "mask", "task"]
Roles = Mapping[str, Role]
Check = Callable[[Any, frozenset[str]], str | None]


@dataclass(frozen=True)
class Endpoint:
    """How a route is called.

    Attributes:
        path: of the paid call.
        fields: role -> form fields of its files, in order.
        fixed: form fields that select this operation of the endpoint.
        instead: role -> the parameter that can replace its file.
        returns: what its response contains.
    """

    path: str
    fields: Mapping[str, tuple[str, ...]]
    fixed: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    returns: Returns = "image"


# The vendor documents no formats and no size limits; these are the formats of its examples.
_FORMATS = frozenset({PNG, JPEG, WEBP})
_FILE = Role(_FORMATS)
_MAYBE = Role(_FORMATS, required=False)
_IMAGE: Roles = {"image": _FILE}
_IMAGE_FIELD = {"image": ("input_image",)}
_MASK_FIELDS = {"image": ("input_image",), "mask": ("input_mask",)}
# A mask of another size would be paid for, and hit the wrong area.
_WITH_MASK: Roles = {"image": _FILE, "mask": Role(_FORMATS, same_size_as="image")}
_MAYBE_MASK: Roles = {"image": _FILE, "mask": Role(_FORMATS, required=False, same_size_as="image")}


_ERASE_PRICE = PriceTable(
    (
        Case(3, {"erase_mode": ("normal", None)}),
        Case(4, {"erase_mode": ("super",)}),
        Case(13, {"erase_mode": ("ultra",)}),
    )
)
_ENHANCE_PRICE = PriceTable((Case(6, {"scale": (2,)}), Case(11, {"scale": (4,)})))


def _check_targets(params: p.RemoveObjects, roles: frozenset[str]) -> str | None:
    if "mask" not in roles and params.mask_objects is None:
        return "Say what to remove: name a `mask` among the inputs, or give `mask_objects`."
    if params.mask_objects is not None and params.original_session_id is None:
        return "`mask_objects` needs the `original_session_id` of the detection they came from."
    return None


def _one_of(role: str, param: str) -> Check:
    def check(params: Any, roles: frozenset[str]) -> str | None:  # noqa: ANN401 - any model with the field
        if role in roles or getattr(params, param) is not None:
            return None
        return f"Name `{role}` among the inputs, or give `{param}`."

    return check


def _check_garments(params: p.TryOn, roles: frozenset[str]) -> str | None:
    for role, param in (("image", "model_image_id"), ("garment", "cloth_image_id")):
        if (sentence := _one_of(role, param)(params, roles)) is not None:
            return sentence
    both = "lower_garment" in roles or params.lower_cloth_image_id is not None
    if both and params.cloth_type not in {None, "full"}:
        return "With a lower garment beside the garment, `cloth_type` must be `full`."
    return None


def _route(
    operation: str,
    models: tuple[str, ...],
    endpoint: Endpoint,
    params: type[StrictParams],
    price: PriceTable,
    roles: Roles = _IMAGE,
    check: Check = lambda _params, _roles: None,
) -> tuple[Route, Endpoint]:
    is_task = endpoint.returns == "task"
    return (
        Route(
            operation=operation,
            provider=NAME,
            models=models,
            params=params,
            roles=roles,
            check=check,
            idempotency="none",  # the vendor documents no key and no list of past calls
            asynchronous=is_task,
            charged_on_failure="unknown",
            credits=price,
            price_as_of="2026-11-21",
            price_source="snapapi.ai/en/docs, v1.0.0",
            typical_s=10 if is_task else 5,
            # The vendor's own clients give up after 300 s; a paid job is polled for longer.
            job_s=900,
        ),
        endpoint,
    )


def _plain(
    operation: str, path: str, model: str, price: float, params: type[StrictParams] = p.Nothing
) -> tuple[Route, Endpoint]:
    return _route(operation, (model,), Endpoint(path, _IMAGE_FIELD), params, fixed_price(price))


def _edit(
    operation: str, mode: str, model: str, price: float, params: type[StrictParams]
) -> tuple[Route, Endpoint]:
    endpoint = Endpoint("/v1/images/edits", _IMAGE_FIELD, {"mode": mode})
    models = (f"{model}-of-qwen-image-edit", "qwen-image-edit")
    return _route(operation, models, endpoint, params, fixed_price(price))


def _detect(operation: str, model: str, price: float, returns: Returns) -> tuple[Route, Endpoint]:
    endpoint = Endpoint(f"/v1/images/{operation}", _IMAGE_FIELD, returns=returns)
    params = p.DetectObjects if returns == "objects" else p.Nothing
    return _route(operation, (model,), endpoint, params, fixed_price(price))


def _erase(
    operation: str,
    model: str,
    params: type[StrictParams],
    price: PriceTable,
    check: Check = lambda _params, _roles: None,
) -> tuple[Route, Endpoint]:
    endpoint = Endpoint(f"/v1/images/{operation}", _MASK_FIELDS)
    return _route(operation, (model,), endpoint, params, price, _MAYBE_MASK, check)


def _by_id(
    operation: str,
    path: str,
    models: tuple[str, ...],
    price: float,
    params: type[StrictParams],
    returns: Returns = "image",
) -> tuple[Route, Endpoint]:
    endpoint = Endpoint(path, _IMAGE_FIELD, {}, {"image": "image_id"}, returns)
    check = _one_of("image", "image_id")
    return _route(operation, models, endpoint, params, fixed_price(price), {"image": _MAYBE}, check)


ENDPOINTS: tuple[tuple[Route, Endpoint], ...] = (
    _detect("detect-objects", "object-detection", 1, "objects"),
    _detect("detect-text", "remove-text", 4, "mask"),
    _detect("detect-wires", "remove-wireline", 4, "mask"),
    # The vendor lists remove-object-gan, -sd and -qwen; `erase_mode` chooses among them.
    _erase("remove-objects", "remove-object", p.RemoveObjects, _ERASE_PRICE, _check_targets),
    _erase("remove-text", "remove-text", p.RemoveText, fixed_price(4)),
    _erase("remove-watermark", "remove-logo", p.RemoveWatermark, fixed_price(5)),
    _erase("remove-wires", "remove-wireline", p.Nothing, fixed_price(4)),
    _plain("remove-background", "/v1/images/remove-background", "remove-background", 1),
    _route(
        "upscale",
        ("enhance-upscale-image", "enhance"),
        Endpoint("/v1/images/enhance", _IMAGE_FIELD),
        p.Enhance,
        _ENHANCE_PRICE,
    ),
    _plain("enhance-art", "/v1/images/enhance-art", "enhance-art-image", 2, p.EnhanceArt),
    _plain("restore", "/v1/images/restore", "restore-image", 1),
    _edit("restore", "restore", "restore", 13, p.EditFreely),
    _plain("colorize", "/v1/images/colorize", "colorize-image", 1),
    _edit("colorize", "colorize", "colorize", 13, p.EditFreely),
    _by_id("generate-art", "/v1/images/generate-art", ("fairy-ai-art-gen",), 6, p.GenerateArt),
    _route(
        "generate",
        ("generate-of-z-image", "z-image"),
        Endpoint("/v1/images/generations", {}),
        p.Generate,
        fixed_price(9),
        {},
    ),
    _route(
        "generate",
        ("generate-of-qwen-image", "qwen-image"),
        Endpoint("/v1/images/generations-qwen", {}),
        p.Generate,
        fixed_price(9),
        {},
    ),
    _edit("edit", "editing", "general-edit", 13, p.Edit),
    _by_id(
        "edit",
        "/v1/images/edit-flux",
        ("general-image-editing-of-flux-kontext", "flux-kontext"),
        18,
        p.EditFlux,
        "task",
    ),
    _edit("headshot", "headshot", "headshot-generation", 21, p.Edit),
    _edit("cartoon", "cartoon", "cartoon-sticker-generation", 21, p.Edit),
    _edit("relight", "light_restore", "light-restoration", 21, p.EditFreely),
    _route(
        "inpaint",
        ("inpaint-of-qwen-image-edit", "qwen-image-edit"),
        Endpoint("/v1/images/edits", _MASK_FIELDS, {"mode": "inpaint"}),
        p.Edit,
        fixed_price(13),
        _WITH_MASK,
    ),
    _route(
        "outpaint",
        ("expand-image-outpaint",),
        Endpoint("/v1/images/outpaint", _MASK_FIELDS),
        p.Nothing,
        fixed_price(15),
        _WITH_MASK,
    ),
    _route(
        "combine",
        ("general-edit-multi-of-qwen-image-edit", "qwen-image-edit"),
        Endpoint(
            "/v1/images/edits/multi",
            {"image": ("input_image_0", "input_image_1", "input_image_2")},
            {"mode": "editing"},
        ),
        p.Edit,
        fixed_price(26),
        {"image": Role(_FORMATS, max_files=3)},
    ),
    _plain("retouch-skin", "/v1/images/retouch-skin", "skin-natural-retouch", 2),
    _plain("makeup-transfer", "/v1/images/transfer-makeup", "makeup-transfer", 1, p.TransferMakeup),
    _by_id(
        "hairstyle",
        "/v1/images/hairstyle",
        ("hairstyle-generation-lora-of-sd-1-5",),
        6,
        p.Hairstyle,
    ),
    _route(
        "try-on",
        ("virtual-tryon-clothes",),
        Endpoint(
            "/v1/images/try-on",
            {
                "image": ("model_image",),
                "garment": ("cloth_image",),
                "lower_garment": ("lower_cloth_image",),
            },
            instead={
                "image": "model_image_id",
                "garment": "cloth_image_id",
                "lower_garment": "lower_cloth_image_id",
            },
            returns="task",
        ),
        p.TryOn,
        fixed_price(17),
        {"image": _MAYBE, "garment": _MAYBE, "lower_garment": _MAYBE},
        _check_garments,
    ),
    _plain(
        "suggest-pose",
        "/v1/images/pose-suggest",
        "pose-suggestion-lora-of-qwen-image-edit-2509",
        28,
        p.SuggestPose,
    ),
)
"""Every route of SnapAPI; the preferred one of an operation first."""
