"""SnapAPI's validation, keys, rate limit, credits, health and the lifetime of results."""

from typing import Any

import httpx
import pytest

from tests.sandbox.client import Images, SandboxClient
from tests.sandbox.images import photo, plane_mask, read

PHOTO = {"input_image": photo()}
IMAGE = "input_image"

# Route, form, images, and a word of the complaint.
REFUSED: list[tuple[str, dict[str, str], Images, str]] = [
    *(
        (route, {}, {}, IMAGE)
        for route in (
            "detect-objects",
            "detect-text",
            "detect-wires",
            "remove-objects",
            "remove-text",
            "remove-watermark",
            "remove-wires",
            "remove-background",
            "enhance",
            "enhance-art",
            "restore",
            "colorize",
            "generate-art",
            "edits",
            "edits/multi",
            "retouch-skin",
            "transfer-makeup",
            "hairstyle",
            "outpaint",
            "pose-suggest",
            "edit-flux",
        )
    ),
    ("try-on", {}, {}, "model_image"),
    ("try-on", {}, {"model_image": photo()}, "cloth_image"),
    (
        "try-on",
        {"cloth_type": "upper"},
        {"model_image": photo(), "cloth_image": photo(), "lower_cloth_image": photo()},
        "full",
    ),
    ("try-on", {"cloth_type": "hat"}, {"model_image": photo(), "cloth_image": photo()}, "upper"),
    ("remove-objects", {}, PHOTO, "input_mask"),
    ("remove-objects", {"erase_mode": "hyper"}, PHOTO, "erase_mode"),
    ("remove-objects", {"mask_objects": "[]"}, PHOTO, "original_session_id"),
    ("remove-objects", {"mask_objects": "{"}, PHOTO, "JSON"),
    ("remove-objects", {"mask_objects": "[1]", "original_session_id": "x"}, PHOTO, "bbox"),
    ("remove-text", {}, PHOTO, "input_mask"),
    ("remove-wires", {}, PHOTO, "input_mask"),
    ("remove-watermark", {"predict_mode": "4.0"}, PHOTO, "predict_mode"),
    ("enhance", {"zoom_factor": "3"}, PHOTO, "zoom_factor"),
    ("enhance", {"enhance_faces": "yes"}, PHOTO, "enhance_faces"),
    ("enhance", {"face_model_ids": "0,7"}, PHOTO, "face_model_ids"),
    ("enhance", {}, {"input_image": photo(1600, 20)}, "1500"),
    ("generations", {"aspect_ratio": "5:4"}, {}, "aspect_ratio"),
    ("edits", {"mode": "headshot", "prompt": "a lawyer"}, PHOTO, "[FACE CROP]"),
    ("edits", {"mode": "inpaint", "prompt": "a ball"}, PHOTO, "input_mask"),
    ("edits", {"mode": "paint", "prompt": "a ball"}, PHOTO, "mode"),
    ("edits", {"prompt": "x", "strength": "1.5"}, PHOTO, "strength"),
    ("edits", {"prompt": "x", "strength": "nan"}, PHOTO, "strength"),
    ("edits", {"prompt": "x", "inference_steps": "2.5"}, PHOTO, "inference_steps"),
    ("edits/multi", {"prompt": "x", "mode": "cartoon"}, {"input_image_0": photo()}, "mode"),
    ("edit-flux", {}, PHOTO, "prompt"),
    ("edit-flux", {"prompt": "x", "mode": "cartoon"}, PHOTO, "mode"),
    ("outpaint", {}, PHOTO, "input_mask"),
    ("pose-suggest", {"gender": "other"}, PHOTO, "gender"),
    ("pose-suggest", {"num_models": "0"}, PHOTO, "num_models"),
    ("hairstyle", {"image_id": "img_unknown"}, {}, "image_id"),
    ("restore", {"input_image": "ftp://example.test/x.png"}, {}, "http"),
    ("restore", {"input_image": "http://127.0.0.1:9/x.png"}, {}, "fetch"),
]


@pytest.mark.parametrize(("route", "data", "files", "word"), REFUSED)
def test_invalid_request_is_refused_and_costs_nothing(
    snapapi: SandboxClient, route: str, data: dict[str, str], files: Images, word: str
) -> None:
    """The response is a 400 ErrorResponse that names the field."""
    response = snapapi.form(f"/v1/images/{route}", data, files)

    error = response.json()["error"]
    assert response.status_code == 400
    assert set(error) == {"message", "type", "code"}
    assert (error["type"], error["code"]) == ("invalid_request_error", 400)
    assert word in error["message"]
    assert snapapi.entries() == []


@pytest.mark.parametrize("content", [b"no image", b"\x89PNG\r\n\x1a\n broken"])
def test_file_that_is_not_an_image_is_refused(snapapi: SandboxClient, content: bytes) -> None:
    """It costs nothing."""
    files = {"input_image": ("input_image.png", content)}
    response = snapapi.http.post("/v1/images/restore", files=files)

    assert response.status_code == 400
    assert snapapi.entries() == []


@pytest.mark.parametrize("body", [{"json": {"prompt": "x"}}, {"content": b"prompt=x"}, {}])
def test_only_forms_are_accepted(snapapi: SandboxClient, body: dict[str, Any]) -> None:
    """JSON, plain bytes and nothing are refused, also on a route that needs no file."""
    response = snapapi.http.post("/v1/images/generations-qwen", **body)

    assert response.status_code == 400
    assert "multipart" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"api-key": "sk-snap-wrong"}, {"Authorization": "Bearer nope"}, {"Authorization": "x"}],
)
def test_missing_or_wrong_key_is_refused(snapapi: SandboxClient, headers: dict[str, str]) -> None:
    """The response is a 401 authentication_error."""
    response = httpx.get(f"{snapapi.base_url}/v1/tasks/task_1", headers=headers)

    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"


def test_key_works_as_a_bearer_token(snapapi: SandboxClient) -> None:
    """Both documented headers authenticate."""
    key = snapapi.http.headers["api-key"]
    headers = {"Authorization": f"Bearer {key}"}
    response = httpx.get(f"{snapapi.base_url}/v1/tasks/task_1", headers=headers)

    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found_error"


def test_health_needs_no_key(snapapi: SandboxClient) -> None:
    """The health check has the documented shape."""
    response = httpx.get(f"{snapapi.base_url}/v1/health").json()

    assert set(response) == {"status", "checks", "timestamp"}
    assert response["checks"] == dict.fromkeys(["worker", "upstream", "backend", "kv"], "ok")
    assert response["timestamp"].endswith("Z")


def test_unknown_route_is_a_404_in_the_vendors_shape(snapapi: SandboxClient) -> None:
    """Only the documented endpoints exist."""
    response = snapapi.form("/v1/images/remove-everything", files=PHOTO)

    assert response.status_code == 404
    assert response.json()["error"]["code"] == 404


def test_request_61_of_a_minute_is_refused_until_the_window_ends(
    snapapi: SandboxClient,
) -> None:
    """Headers count down; the refusal says when to retry, and the retry works."""
    snapapi.advance(61)
    snapapi.account(rate_per_min=3)
    responses = [snapapi.http.get("/v1/tasks/task_1") for _ in range(4)]

    assert [a.status_code for a in responses] == [404, 404, 404, 429]
    remaining = [a.headers["x-ratelimit-remaining-requests"] for a in responses]
    assert remaining == ["2", "1", "0", "0"]
    assert responses[0].headers["x-ratelimit-limit-requests"] == "3"
    assert responses[0].headers["x-ratelimit-reset-requests"].endswith("Z")
    assert "retry-after" not in responses[0].headers
    assert responses[3].json()["error"]["type"] == "rate_limit_error"
    snapapi.advance(float(responses[3].headers["retry-after"]))
    assert snapapi.http.get("/v1/tasks/task_1").status_code == 404


def test_default_rate_limit_is_sixty(snapapi: SandboxClient) -> None:
    """The documented limit is the default and can be raised."""
    snapapi.advance(61)
    snapapi.account(rate_per_min=60)
    response = snapapi.http.get("/v1/tasks/task_1")

    assert response.headers["x-ratelimit-limit-requests"] == "60"
    assert response.headers["x-ratelimit-remaining-requests"] == "59"


def test_insufficient_credits_are_a_429_without_retry_after(snapapi: SandboxClient) -> None:
    """Nothing is charged, and no header suggests a retry."""
    snapapi.account(credits=5)
    response = snapapi.form("/v1/images/enhance", {"zoom_factor": "2"}, PHOTO)

    assert response.status_code == 429
    assert "retry-after" not in response.headers
    assert "credits" in response.json()["error"]["message"]
    assert snapapi.entries() == []


def test_result_has_type_and_length_and_expires(snapapi: SandboxClient) -> None:
    """Results need no key and expire after a day."""
    response = snapapi.form("/v1/images/restore", files=PHOTO).json()
    url = response["data"][0]["url"]
    result = httpx.get(url)
    assert result.headers["content-type"] == "image/png"
    assert int(result.headers["content-length"]) == len(result.content)
    assert read(result.content).shape == photo().shape

    snapapi.advance(24 * 3600)
    assert httpx.get(url).status_code == 404


def test_equal_requests_have_equal_digests_in_the_ledger(snapapi: SandboxClient) -> None:
    """The digest ignores the multipart boundary, so that a double payment can be seen."""
    for mask in (plane_mask(), plane_mask(), 255 - plane_mask()):
        files = {"input_image": photo(), "input_mask": mask}
        assert snapapi.form("/v1/images/remove-text", files=files).status_code == 200

    digests = [entry["request_digest"] for entry in snapapi.entries()]
    assert digests[0] == digests[1] != digests[2]
    assert len({entry["job_id"] for entry in snapapi.entries()}) == 3
