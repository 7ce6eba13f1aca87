"""What the routes declare: complete, consistent, and priced as documented."""

import itertools
from collections import Counter
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from darkroom.domain.routes import Route
from darkroom.providers.registry import build_adapters
from darkroom.providers.snapapi.routes import ENDPOINTS
from tests.contract.providers.provider_cases import PROVIDER_CASES
from tests.fakes.run_adapter import route_of

ROUTES = [route for adapter in build_adapters() for route in adapter.routes]
CLOSED = [route for route in ROUTES if route.operation != "task"]
"""Without GoAPI's models under their own names: its documents are incomplete; it says no itself."""

# Every image endpoint of the vendor's reference, in its order.
SNAPAPI_PATHS = {
    f"/v1/images/{name}"
    for name in (
        *("detect-objects", "detect-text", "detect-wires"),
        *("remove-objects", "remove-text", "remove-watermark", "remove-wires"),
        *("remove-background", "enhance", "enhance-art", "restore", "colorize"),
        *("generate-art", "generations", "generations-qwen"),
        *("edits", "edits/multi", "edit-flux"),
        *("retouch-skin", "transfer-makeup", "hairstyle", "try-on"),
        *("outpaint", "pose-suggest"),
    )
}
APIFRAME_MODELS = {
    *("topaz-image-upscale", "clarity-upscale"),
    *("bria-bg-remove", "851-bg-remove", "flux-fill-pro"),
}


def name_of(route: Route) -> str:
    """A route in a message."""
    return f"{route.provider} {route.operation} {route.model}"


def test_every_endpoint_of_snapapi_has_a_route() -> None:
    """Exactly 24 endpoints."""
    assert len(SNAPAPI_PATHS) == 24
    assert {endpoint.path for _, endpoint in ENDPOINTS} == SNAPAPI_PATHS


def test_every_mode_of_the_prompt_editor_has_a_route() -> None:
    """Seven modes, each an operation or another model of one."""
    modes = {e.fixed["mode"] for _, e in ENDPOINTS if e.path == "/v1/images/edits"}
    assert modes == {
        *("editing", "headshot", "cartoon", "light_restore"),
        *("restore", "colorize", "inpaint"),
    }


def test_every_model_of_apiframe_has_a_route() -> None:
    """Three endpoints, five models."""
    assert {route.model for route in ROUTES if route.provider == "apiframe"} == APIFRAME_MODELS


def test_model_name_is_unique_within_an_operation() -> None:
    """Full and short names."""
    for one, other in itertools.combinations(ROUTES, 2):
        if (one.provider, one.operation) == (other.provider, other.operation):
            assert not set(one.models) & set(other.models)


def test_route_refuses_unknown_parameters() -> None:
    """A typo is reported before anything is paid."""
    for route in CLOSED:
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            pytest.fail(f"{name_of(route)}: {route.params.model_validate({'no_such_thing': 1})}")


def test_route_declares_roles_and_idempotency() -> None:
    """Formats for every file; the class that the provider documents."""
    for route in ROUTES:
        assert all(role.formats for role in route.roles.values()), name_of(route)
        case = PROVIDER_CASES[route.provider]
        expected = (case.idempotency, case.charged_on_failure)
        if route.model == "image-toolkit-v2":  # GoAPI lists no past calls of its older toolkit
            expected = ("none", "unknown")
        assert (route.idempotency, route.charged_on_failure) == expected, name_of(route)


@pytest.mark.parametrize(
    ("provider", "operation", "model", "params", "price"),
    [
        ("snapapi", "remove-background", None, {}, 1),
        ("snapapi", "remove-objects", None, {}, 3),
        ("snapapi", "remove-objects", None, {"erase_mode": "super"}, 4),
        ("snapapi", "remove-objects", None, {"erase_mode": "ultra"}, 13),
        ("snapapi", "remove-text", None, {"erase_mode": "ultra"}, 4),
        ("snapapi", "upscale", None, {}, 6),
        ("snapapi", "upscale", None, {"scale": 4}, 11),
        ("snapapi", "restore", "qwen-image-edit", {}, 13),
        ("snapapi", "relight", None, {}, 21),
        ("snapapi", "try-on", None, {}, 17),
        ("snapapi", "suggest-pose", None, {}, 28),
        ("apiframe", "upscale", "topaz", {}, None),
        ("apiframe", "upscale", "clarity", {}, 3),
        ("apiframe", "inpaint", None, {"prompt": "x"}, 9),
        ("apiframe", "remove-background", "bria", {}, None),
        ("goapi", "generate-video", "sora2", {"prompt": "x", "duration": 4}, 160),
        ("goapi", "animate", "sora2", {"prompt": "x", "duration": 8}, 320),
        ("goapi", "animate", "sora2", {"prompt": "x"}, None),
        ("goapi", "task", "sora2:sora2-video", {"prompt": "x", "duration": 4}, 160),
        ("goapi", "task", "sora2:sora2-pro-video", {"prompt": "x", "duration": 4}, 480),
        (
            "goapi",
            "task",
            "sora2:sora2-pro-video",
            {"prompt": "x", "duration": 4, "resolution": "1080p"},
            None,
        ),
        ("goapi", "generate", "seedream-5-lite", {"prompt": "x"}, 14),
        ("goapi", "edit", "seedream-5-lite", {"prompt": "x", "size": "3K"}, 14),
        ("goapi", "task", "seedream:seedream-5-lite", {"prompt": "x"}, 14),
        ("goapi", "generate", "z-image", {"prompt": "x", "aspect_ratio": "1:1"}, 2),
        ("goapi", "generate", "z-image", {"prompt": "x", "width": 1024, "height": 1024}, 2),
        ("goapi", "generate", "z-image", {"prompt": "x", "aspect_ratio": "16:9"}, None),
        ("goapi", "generate", "z-image", {"prompt": "x"}, None),
        (
            "goapi",
            "generate",
            "z-image",
            {"prompt": "x", "aspect_ratio": "1:1", "batch_size": 2},
            None,
        ),
        (
            "goapi",
            "task",
            "Qubico/z-image:txt2img",
            {"prompt": "x", "width": 1024, "height": 1024},
            2,
        ),
        ("goapi", "upscale", None, {}, None),
    ],
)
def test_price_is_as_documented(
    provider: str, operation: str, model: str | None, params: dict[str, Any], price: float | None
) -> None:
    """Without a documented figure there is no price."""
    route = route_of(provider, operation, model)
    assert route.credits(route.params.model_validate(params)) == price


def test_every_price_has_a_date_and_a_source() -> None:
    """And each route without one says where it was looked for."""
    for route in ROUTES:
        assert date.fromisoformat(route.price_as_of), name_of(route)
        assert route.price_source, name_of(route)
        assert not route.credits.is_setting, name_of(route)


def test_as_many_routes_have_a_price_as_the_documents_name() -> None:
    """Of the portable operations that can be called, and of GoAPI's own tasks."""
    callable_ = [route for route in ROUTES if route.refusal is None]
    priced = Counter(
        (route.provider, route.operation == "task") for route in callable_ if route.credits.cases
    )
    total = Counter((route.provider, route.operation == "task") for route in callable_)
    assert {key: (priced[key], total[key]) for key in total} == {
        ("snapapi", False): (30, 30),
        ("apiframe", False): (3, 6),
        ("perfect", False): (12, 13),
        ("goapi", False): (5, 59),
        ("goapi", True): (4, 122),
    }


@pytest.mark.parametrize("scale", ["2", True, 3, 2.5, None])
@pytest.mark.parametrize(("provider", "model"), [("snapapi", "enhance"), ("apiframe", "topaz")])
def test_scale_is_one_of_the_listed_numbers(provider: str, model: str, scale: object) -> None:
    """Texts and booleans are not numbers, and no provider has a factor of three."""
    with pytest.raises(ValidationError):
        route_of(provider, "upscale", model).params.model_validate({"scale": scale})


def test_scale_with_a_decimal_point_is_accepted() -> None:
    """JSON has one kind of number; 2.0 is sent as 2."""
    params = route_of("snapapi", "upscale").params.model_validate({"scale": 2.0})
    assert params.model_dump(by_alias=True)["zoom_factor"] == 2


@pytest.mark.parametrize(
    ("operation", "params", "roles", "complaint"),
    [
        ("remove-objects", {}, {"image"}, "mask"),
        ("remove-objects", {}, {"image", "mask"}, None),
        ("remove-objects", {"mask_objects": [{}]}, {"image"}, "original_session_id"),
        (
            "remove-objects",
            {"mask_objects": [{}], "original_session_id": "s"},
            {"image"},
            None,
        ),
        ("hairstyle", {}, set(), "image_id"),
        ("hairstyle", {"image_id": "i"}, set(), None),
        ("try-on", {}, {"image"}, "garment"),
        ("try-on", {}, {"garment"}, "image"),
        ("try-on", {}, {"image", "garment"}, None),
        (
            "try-on",
            {"cloth_type": "upper"},
            {"image", "garment", "lower_garment"},
            "cloth_type",
        ),
        (
            "try-on",
            {"cloth_type": "full", "lower_cloth_image_id": "i"},
            {"image", "garment"},
            None,
        ),
    ],
)
def test_dependent_params_are_checked(
    operation: str, params: dict[str, Any], roles: set[str], complaint: str | None
) -> None:
    """The sentence names what is missing; None accepts the spec."""
    route = route_of("snapapi", operation)
    sentence = route.check(route.params.model_validate(params), frozenset(roles))
    assert (sentence is None) == (complaint is None)
    assert complaint is None or complaint in str(sentence)
