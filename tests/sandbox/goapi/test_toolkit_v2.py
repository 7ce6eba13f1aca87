"""GoAPI's older image toolkit: its own vocabulary, formats and limits."""

from typing import Any

import httpx
import pytest

from tests.sandbox.goapi.client import JOB_S, GoApiClient
from tests.sandbox.images import as_data, as_png, photo, png_photo, portrait

IMAGE = as_data(png_photo())
DATA_KEYS = {"task_id", "task_type", "status", "task_info", "task_result"}
MAX_TRY_S = 400


def test_task_goes_from_pending_over_starting_and_processing_to_success(
    goapi: GoApiClient,
) -> None:
    """Create and fetch have the same response format."""
    created = _create(goapi, "upscale", {"image": IMAGE, "scale": 2})
    seen = [created.json()["data"]]
    for seconds in (2.5, 4, 3.5):
        goapi.advance(seconds)
        seen.append(_fetch(goapi, seen[0]["task_id"]))

    assert created.json()["code"] == 200
    assert all(set(one) == DATA_KEYS for one in seen)
    assert [one["status"] for one in seen] == ["pending", "starting", "processing", "success"]
    assert seen[0]["task_result"] == {"used_credits": 0, "error_messages": [], "task_output": {}}
    assert seen[0]["task_info"]["task_input"] == {"image": IMAGE, "scale": 2}
    assert set(seen[3]["task_result"]["task_output"]) == {"image_base64", "image_url"}


def test_upscale_is_charged(goapi: GoApiClient) -> None:
    """Credits are frozen first and used at the end."""
    task_id = _create(goapi, "upscale", {"image": IMAGE, "scale": 4}).json()["data"]["task_id"]
    frozen = _fetch(goapi, task_id)["task_info"]["frozen_credits"]
    task = _ended(goapi, task_id)

    image = goapi.image(task["task_result"]["task_output"]["image_url"])
    assert image.shape == (256, 384, 3)
    assert frozen == task["task_result"]["used_credits"] == goapi.spent() == 2
    assert task["task_info"]["frozen_credits"] == 0


def test_segment_returns_four_images(goapi: GoApiClient) -> None:
    """The third is the mask, the fourth its inverse."""
    output = _run(goapi, "segment", {"image": IMAGE, "prompt": "red", "segment_factor": 0})
    result = output["task_result"]["task_output"]
    four = [goapi.image(url) for url in result["image_urls"]]

    assert result["image_base64s"] is None
    assert len(four) == 4
    assert (four[2] + four[3] == 255).all()


def test_background_is_removed_and_face_is_swapped(goapi: GoApiClient) -> None:
    """The cutout has transparency; the swap's fields are those of the vendor's face-swap API."""
    faces = {"target_image": as_data(as_png(portrait(96, 96))), "swap_image": IMAGE}
    for task_type, task_input, shape in (
        ("background_remove", {"image": IMAGE}, (64, 96, 4)),
        ("face_swap", faces, (96, 96, 3)),
    ):
        output = _run(goapi, task_type, task_input)["task_result"]["task_output"]
        assert goapi.image(output["image_url"]).shape == shape, task_type


@pytest.mark.parametrize(
    ("task_type", "task_input"),
    [
        ("sharpen", {"image": IMAGE}),
        ("upscale", {"image": IMAGE}),
        ("upscale", {"image": IMAGE, "scale": 3}),
        ("upscale", {"scale": 2}),
        ("segment", {"image": IMAGE}),
        ("background-remove", {"image": IMAGE}),
        ("face_swap", {"target_image": IMAGE}),
    ],
)
def test_invalid_body_is_a_400(
    goapi: GoApiClient, task_type: str, task_input: dict[str, Any]
) -> None:
    """Scales are 2, 4 and 8; task types are spelled with underscores here."""
    response = _create(goapi, task_type, task_input)

    assert (response.status_code, response.json()["code"]) == (400, 400)
    assert goapi.entries() == []


def test_results_are_urls_only(goapi: GoApiClient) -> None:
    """Another result type is a 400."""
    body = {
        "task_type": "background_remove",
        "result_type": "base64",
        "task_input": {"image": IMAGE},
    }

    assert goapi.http.post("/api/image_toolkit/v2/create", json=body).status_code == 400


def test_image_over_2048_pixels_is_not_upscaled(goapi: GoApiClient) -> None:
    """The task fails with a message and is refunded."""
    wide = as_data(as_png(photo(2049, 8)))
    task = _run(goapi, "upscale", {"image": wide, "scale": 2})

    assert task["status"] == "failed"
    assert "2048" in task["task_result"]["error_messages"][0]
    assert goapi.spent() == 0


def test_missing_image_is_retried_and_then_fails(goapi: GoApiClient) -> None:
    """`retry` is not a final status."""
    task_input = {"image": "http://127.0.0.1:9/none.png"}
    task_id = _create(goapi, "background_remove", task_input).json()["data"]["task_id"]
    goapi.advance(5)
    words = (_fetch(goapi, task_id)["status"] for _ in range(MAX_TRY_S))

    assert "retry" in words
    task = _ended(goapi, task_id)
    assert task["status"] == "failed"
    assert task["task_result"]["error_messages"] == ["failed to get valid image"]


def test_apis_do_not_share_tasks(goapi: GoApiClient) -> None:
    """An unknown task is a 400 here, since the page documents no 404."""
    older = _create(goapi, "background_remove", {"image": IMAGE}).json()["data"]["task_id"]
    newer = goapi.create("Qubico/image-toolkit", "upscale", {"image": IMAGE}).json()["data"]
    body = {"task_id": newer["task_id"]}

    assert goapi.http.get(f"/api/v1/task/{older}").status_code == 404
    missing = goapi.http.post("/api/image_toolkit/v2/fetch", json=body)
    assert (missing.status_code, missing.json()["message"]) == (400, "task not found")


def test_create_without_credits_is_refused(goapi: GoApiClient) -> None:
    """The message is the vendor's."""
    goapi.account(credits=0)
    response = _create(goapi, "background_remove", {"image": IMAGE})

    assert response.status_code == 400
    assert response.json()["message"] == "failed to freeze credit"


def _create(goapi: GoApiClient, task_type: str, task_input: dict[str, Any]) -> httpx.Response:
    body = {"task_type": task_type, "result_type": "url", "task_input": task_input}
    return goapi.http.post("/api/image_toolkit/v2/create", json=body)


def _fetch(goapi: GoApiClient, task_id: str) -> dict[str, Any]:
    response = goapi.http.post("/api/image_toolkit/v2/fetch", json={"task_id": task_id})
    data: dict[str, Any] = response.raise_for_status().json()["data"]
    return data


def _ended(goapi: GoApiClient, task_id: str) -> dict[str, Any]:
    goapi.advance(JOB_S)
    return _fetch(goapi, task_id)


def _run(goapi: GoApiClient, task_type: str, task_input: dict[str, Any]) -> dict[str, Any]:
    return _ended(goapi, _create(goapi, task_type, task_input).json()["data"]["task_id"])
