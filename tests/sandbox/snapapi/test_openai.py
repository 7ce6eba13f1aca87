"""SnapAPI's calls in the OpenAI SDK's format: models by name, and `data[0].url`."""

from typing import Any

import httpx
import pytest

from tests.sandbox.client import SandboxClient
from tests.sandbox.images import as_png, difference, photo, plane_mask

# Model, whether it needs a mask, its prompt, its price, and the size of what comes back.
EDITS: list[tuple[str, bool, str, int, tuple[int, int]]] = [
    ("remove-bg", False, "", 1, (96, 64)),
    ("remove-logo", False, "", 5, (96, 64)),
    ("remove-object", True, "", 3, (96, 64)),
    ("remove-text", True, "", 4, (96, 64)),
    ("remove-wire", True, "", 4, (96, 64)),
    ("enhance-2x", False, "", 6, (192, 128)),
    ("enhance-4x", False, "", 11, (384, 256)),
    ("enhance-art-2x", False, "", 2, (192, 128)),
    ("enhance-art-4x", False, "", 2, (384, 256)),
    ("restore", False, "", 1, (96, 64)),
    ("restore-pro", False, "", 13, (96, 64)),
    ("colorize", False, "", 1, (96, 64)),
    ("colorize-pro", False, "", 13, (96, 64)),
    ("light-restore", False, "", 21, (96, 64)),
    ("headshot", False, "a lawyer", 21, (48, 64)),
    ("sticker", False, "a sticker", 21, (96, 64)),
    ("qwen-edit", False, "make it autumn", 13, (96, 64)),
    ("flux-kontext", False, "make it autumn", 18, (96, 64)),
    ("hairstyle", False, "bob", 6, (96, 64)),
    ("transfer-makeup", False, "camdao", 1, (96, 64)),
    ("art", False, "special_effect_ice", 6, (96, 64)),
    ("retouch-skin", False, "", 2, (96, 64)),
    ("outpaint", True, "", 15, (96, 64)),
    ("pose-suggest", False, "", 28, (96, 64)),
]


@pytest.mark.parametrize(
    ("model", "size", "shape"),
    [
        ("snapapi/z-image", "1024x1024", (1024, 1024)),
        ("snapapi/z-image", "1792x1024", (1280, 720)),
        ("snapapi/qwen-image", "1024x1792", (720, 1280)),
        ("snapapi/qwen-image", "1536x1024", (1200, 800)),
        ("snapapi/z-image", "1024x1536", (800, 1200)),
        ("snapapi/z-image", None, (1024, 1024)),
    ],
)
def test_image_is_generated_from_json(
    snapapi: SandboxClient, model: str, size: str | None, shape: tuple[int, int]
) -> None:
    """The SDK's body and bearer token are accepted; the response has only `created` and `data`."""
    body: dict[str, Any] = {"model": model, "prompt": "a fox", "n": 1, "size": size}
    response = _as_sdk(snapapi, "/v1/images/generations", json=body)

    body = response.json()
    assert response.status_code == 200, body
    assert set(body) == {"created", "data"}
    (only,) = body["data"]
    assert snapapi.image(only["url"]).shape[:2] == (shape[1], shape[0])
    assert snapapi.spent() == 9


def test_two_generators_draw_different_images(snapapi: SandboxClient) -> None:
    """The model's name decides."""
    drawn = []
    for model in ("snapapi/z-image", "snapapi/qwen-image"):
        body = {"model": model, "prompt": "a fox", "size": "1024x1024"}
        response = _as_sdk(snapapi, "/v1/images/generations", json=body).json()
        drawn.append(snapapi.image(response["data"][0]["url"]))

    assert difference(*drawn) > 1


def test_generation_can_be_a_form(snapapi: SandboxClient) -> None:
    """The same fields in a multipart form have the same result."""
    data = {"model": "snapapi/z-image", "prompt": "a fox", "size": "1792x1024"}
    response = snapapi.form("/v1/images/generations", data).json()

    assert snapapi.image(response["data"][0]["url"]).shape[:2] == (720, 1280)


@pytest.mark.parametrize(("model", "masked", "prompt", "credits", "size"), EDITS)
def test_image_is_edited_by_the_named_model(
    snapapi: SandboxClient,
    model: str,
    masked: bool,  # noqa: FBT001 - a column of the table above
    prompt: str,
    credits: int,  # noqa: A002 - the word the provider uses
    size: tuple[int, int],
) -> None:
    """The SDK's form returns one URL, for the price of the equivalent endpoint."""
    response = _edit(snapapi, f"snapapi/{model}", prompt, masked=masked)

    body = response.json()
    assert response.status_code == 200, body
    assert set(body) == {"created", "data"}
    result = snapapi.image(body["data"][0]["url"])
    assert result.shape[:2] == (size[1], size[0])
    assert snapapi.spent() == credits


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        ("detect-objects", {"session_id", "detected_objects"}),
        ("detect-text", {"detected", "mask"}),
        ("detect-wires", {"detected", "mask"}),
    ],
)
def test_detection_returns_its_own_response(
    snapapi: SandboxClient, model: str, keys: set[str]
) -> None:
    """It has no image URL."""
    assert set(_edit(snapapi, f"snapapi/{model}", "", masked=False).json()) == keys


def test_first_of_a_list_of_images_is_edited(snapapi: SandboxClient) -> None:
    """The SDK adds brackets to the field's name for a list."""
    files = {"image[]": ("image.png", as_png(photo()))}
    response = _as_sdk(snapapi, "/v1/images/edits", data={"model": "snapapi/restore"}, files=files)

    assert response.status_code == 200
    assert snapapi.spent() == 1


@pytest.mark.parametrize("model", ["remove-object", "remove-text", "remove-wire", "outpaint"])
def test_model_that_needs_a_mask_refuses_a_request_without_one(
    snapapi: SandboxClient, model: str
) -> None:
    """The response is a 400, and nothing is charged."""
    response = _edit(snapapi, f"snapapi/{model}", "", masked=False)

    assert response.status_code == 400
    assert snapapi.entries() == []


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"model": "gpt-image-1", "prompt": "x"}, "gpt-image-1"),
        ({"model": "z-image", "prompt": "x"}, "z-image"),
        ({"model": "snapapi/restore", "prompt": "x"}, "snapapi/restore"),
        ({"model": "snapapi/z-image", "prompt": "x", "size": "100x100"}, "size"),
        ({"model": "snapapi/z-image", "prompt": "x", "n": 2}, "n:"),
        (["x"], "object"),
    ],
)
def test_invalid_request_is_refused_and_costs_nothing(
    snapapi: SandboxClient, body: object, word: str
) -> None:
    """Unknown models and sizes, more than one image, and bodies that are not objects."""
    response = _as_sdk(snapapi, "/v1/images/generations", json=body)

    assert response.status_code == 400
    assert word in response.json()["error"]["message"]
    assert snapapi.entries() == []


def test_invalid_json_is_a_400(snapapi: SandboxClient) -> None:
    """It is a 400 like any other."""
    response = snapapi.http.post(
        "/v1/images/generations", content=b"{", headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 400


def _edit(snapapi: SandboxClient, model: str, prompt: str, *, masked: bool) -> httpx.Response:
    files = {"image": ("image.png", as_png(photo()), "image/png")}
    if masked:
        files["mask"] = ("mask.png", as_png(plane_mask()), "image/png")
    data = {"model": model, "prompt": prompt}
    return _as_sdk(snapapi, "/v1/images/edits", data=data, files=files)


def _as_sdk(snapapi: SandboxClient, path: str, **body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {snapapi.http.headers['api-key']}"}
    return httpx.post(snapapi.base_url + path, headers=headers, **body)
