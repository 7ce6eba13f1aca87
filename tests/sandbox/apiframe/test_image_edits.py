"""Apiframe's three routes and five models: results, and the validation of bodies."""

from typing import Any

import httpx
import numpy as np
import pytest

from tests.sandbox.apiframe.client import (
    BRIA,
    CLARITY,
    FLUX,
    LAB851,
    TOPAZ,
    ApiframeClient,
    Model,
)
from tests.sandbox.images import difference, disc, photo, plane_mask


@pytest.fixture
def image(apiframe: ApiframeClient) -> str:
    """Upload a photo and return its URL."""
    return apiframe.upload(photo())


@pytest.fixture
def mask(apiframe: ApiframeClient) -> str:
    """Upload a mask and return its URL."""
    return apiframe.upload(plane_mask())


@pytest.mark.parametrize(
    ("model", "params", "price", "size", "mime"),
    [
        (TOPAZ, {"upscale_factor": 2}, 5, (192, 128), "image/jpeg"),
        (TOPAZ, {"upscale_factor": 6.0, "output_format": "png"}, 5, (576, 384), "image/png"),
        (TOPAZ, {}, 5, (96, 64), "image/jpeg"),
        (CLARITY, {"scale_factor": 4, "output_format": "webp"}, 3, (384, 256), "image/webp"),
        (CLARITY, {}, 3, (192, 128), "image/png"),
        (FLUX, {"mode": "outpaint", "outpaint": "Make square"}, 9, (96, 96), "image/jpeg"),
        (FLUX, {"mode": "outpaint", "outpaint": "Zoom out 1.5x"}, 9, (144, 96), "image/jpeg"),
        (FLUX, {"mode": "outpaint", "outpaint": "Zoom out 2x"}, 9, (192, 128), "image/jpeg"),
        (FLUX, {"mode": "outpaint", "outpaint": "Left outpaint"}, 9, (144, 64), "image/jpeg"),
        (FLUX, {"mode": "outpaint", "outpaint": "Bottom outpaint"}, 9, (96, 96), "image/jpeg"),
    ],
)
def test_job_result_has_the_documented_size_format_and_price(
    apiframe: ApiframeClient,
    image: str,
    model: Model,
    params: dict[str, Any],
    price: int,
    size: tuple[int, int],
    mime: str,
) -> None:
    """A completed job has one image; its price was charged at submission."""
    needed = {"prompt": "a meadow"} if model is FLUX else {}
    accepted = apiframe.post(model, {"image": image, **needed, **params})
    assert accepted.status_code == 202, accepted.json()
    assert set(accepted.json()) == {"jobId", "status"}
    assert accepted.json()["status"] == "QUEUED"
    assert apiframe.spent() == price

    job = apiframe.finished(accepted)
    assert job["creditCost"] == price
    (url,) = job["result"]["images"]
    assert httpx.get(url).headers["content-type"] == mime
    assert apiframe.image(url).shape[:2] == (size[1], size[0])


@pytest.mark.parametrize("model", [TOPAZ, CLARITY], ids=["topaz", "clarity"])
def test_upscale_keeps_transparency_where_the_format_has_it(
    apiframe: ApiframeClient, model: Model
) -> None:
    """A JPEG has a white background instead."""
    image = apiframe.upload(np.dstack([photo(), disc()]))
    as_png = apiframe.result(model, {"image": image, "output_format": "png"})
    assert as_png.shape[2] == 4
    assert as_png[0, 0, 3] == 0
    assert as_png[as_png.shape[0] // 2, as_png.shape[1] // 2, 3] == 255
    as_jpeg = apiframe.result(model, {"image": image, "output_format": "jpg"})
    assert as_jpeg.shape[2] == 3
    assert as_jpeg[0, 0].min() > 240


def test_bria_makes_the_background_transparent(apiframe: ApiframeClient, image: str) -> None:
    """The result is a PNG whose disc is opaque and the rest transparent."""
    job = apiframe.finished(apiframe.post(BRIA, {"image": image}))

    alpha = apiframe.image(job["result"]["images"][0])[:, :, 3]
    assert np.mean((alpha > 127) == (disc() > 127)) > 0.95


@pytest.mark.parametrize(
    ("kind", "corner"),
    [("green", (0, 255, 0)), ("white", (255, 255, 255)), ("map", 0), ("rgba", (0, 0, 0, 0))],
)
def test_851_replaces_the_background(
    apiframe: ApiframeClient, image: str, kind: str, corner: object
) -> None:
    """The corner shows the requested background, the middle the subject."""
    params = {"image": image, "background_type": kind}
    result = apiframe.result(LAB851, params)

    assert np.array_equal(result[0, 0], np.array(corner))
    reverse = apiframe.result(LAB851, {**params, "reverse": True})
    assert not np.array_equal(reverse[0, 0], result[0, 0])


@pytest.mark.parametrize("kind", ["blur", "overlay"])
def test_851_changes_the_background_behind_the_subject(
    apiframe: ApiframeClient, image: str, kind: str
) -> None:
    """The disc stays as it was, its surroundings change."""
    result = apiframe.result(LAB851, {"image": image, "background_type": kind})

    inner = np.s_[26:38, 42:54]
    assert difference(result[inner], photo()[inner]) < 3
    assert difference(result[:8], photo()[:8]) > 1.5


def test_threshold_makes_the_matte_binary(apiframe: ApiframeClient, image: str) -> None:
    """With a threshold no pixel is between transparent and opaque."""
    params = {"image": image, "background_type": "map", "threshold": 0.5}

    assert set(np.unique(apiframe.result(LAB851, params))) == {0, 255}


def test_inpaint_changes_only_the_white_part_of_the_mask(
    apiframe: ApiframeClient, image: str, mask: str
) -> None:
    """Outside the mask the pixels are the source's; inside, the prompt decides."""
    params = {"image": image, "mask": mask, "mode": "inpaint", "output_format": "png"}
    results = [apiframe.result(FLUX, {**params, "prompt": p}) for p in ("a cat", "a dog")]

    inside = plane_mask() > 0
    assert (results[0][~inside] == photo()[~inside]).all()
    assert difference(results[0][inside], photo()[inside]) > 5
    assert difference(results[0][inside], results[1][inside]) > 2


@pytest.mark.parametrize(
    ("model", "params", "field"),
    [
        (TOPAZ, {"upscale_factor": 3}, "topazUpscaleParams.upscale_factor"),
        (TOPAZ, {"upscale_factor": "2"}, "topazUpscaleParams.upscale_factor"),
        (TOPAZ, {"model_type": "best"}, "topazUpscaleParams.model_type"),
        (TOPAZ, {"face_enhance_strength": 1.5}, "topazUpscaleParams.face_enhance_strength"),
        (TOPAZ, {"zoom": 2}, "topazUpscaleParams.zoom"),
        (TOPAZ, {"seed": None}, "topazUpscaleParams"),
        (CLARITY, {"prompt": "x" * 2001}, "clarityUpscaleParams.prompt"),
        (CLARITY, {"dynamic": 0}, "clarityUpscaleParams.dynamic"),
        (CLARITY, {"num_inference_steps": 1.5}, "clarityUpscaleParams.num_inference_steps"),
        (BRIA, {"content_moderation": "yes"}, "briaBgRemoveParams.content_moderation"),
        (LAB851, {"background_type": "red"}, "lab851BgRemoveParams.background_type"),
        (FLUX, {"mode": "outpaint"}, "fluxFillParams.prompt"),
        (FLUX, {"mode": "inpaint", "prompt": "x"}, "fluxFillParams"),
        (FLUX, {"mode": "outpaint", "prompt": "x"}, "fluxFillParams"),
        (FLUX, {"mode": "inpaint", "prompt": ""}, "fluxFillParams.prompt"),
        (BRIA, {"image": "not a url"}, "briaBgRemoveParams.image"),
    ],
)
def test_invalid_params_are_a_400_that_names_the_field(
    apiframe: ApiframeClient, image: str, model: Model, params: dict[str, Any], field: str
) -> None:
    """The details have dotted paths, and nothing is charged."""
    response = apiframe.post(model, {"image": image, **params})

    assert response.status_code == 400
    assert response.json()["error"] == "Validation error"
    assert field in response.json()["details"]
    assert apiframe.entries() == []


@pytest.mark.parametrize(
    ("route", "body", "field"),
    [
        ("upscale", {"topazUpscaleParams": {}}, "model"),
        ("upscale", {"model": "bria-bg-remove", "briaBgRemoveParams": {}}, "model"),
        ("upscale", {"model": "topaz-image-upscale"}, "topazUpscaleParams"),
        (
            "background-remove",
            {"model": "bria-bg-remove", "briaBgRemoveParams": {"image": "http://a.test/x"}}
            | {"prompt": "x"},
            "prompt",
        ),
        (
            "background-remove",
            {"model": "bria-bg-remove", "briaBgRemoveParams": {"image": "http://a.test/x"}}
            | {"webhookEvents": []},
            "webhookEvents",
        ),
        ("edit", [1], ""),
    ],
)
def test_root_of_a_body_is_strict(
    apiframe: ApiframeClient, route: str, body: object, field: str
) -> None:
    """Unknown models, missing params and unknown fields are named."""
    response = apiframe.http.post(f"/v2/images/{route}", json=body)

    assert response.status_code == 400
    assert field in response.json()["details"]


def test_invalid_json_is_a_400(apiframe: ApiframeClient) -> None:
    """The details name no field."""
    response = apiframe.http.post("/v2/images/edit", content=b"{")

    assert (response.status_code, response.json()["error"]) == (400, "Validation error")
