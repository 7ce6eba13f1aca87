"""GoAPI's unified tasks: envelope, status words, refusals, failures."""

import re
from typing import Any

import httpx
import numpy as np
import pytest

from tests.sandbox.goapi.client import TOOLKIT, GoApiClient
from tests.sandbox.images import as_data, as_png, png_photo

UNSET = "0001-01-01T00:00:00Z"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
FINE = {"code": 0, "raw_message": "", "message": "", "detail": None}
DATA_KEYS = {
    "task_id",
    "model",
    "task_type",
    "status",
    "config",
    "input",
    "output",
    "meta",
    "detail",
    "logs",
    "error",
}
IMAGE = as_data(png_photo())
UPSCALE = (TOOLKIT, "upscale", {"image": IMAGE})


def test_task_goes_from_pending_over_processing_to_completed(goapi: GoApiClient) -> None:
    """The output is null before the end; a time that is not set is the year one."""
    created = goapi.create(*UPSCALE)
    response = created.json()
    task_id = response["data"]["task_id"]
    seen = [response["data"]]
    for seconds in (5, 5):
        goapi.advance(seconds)
        seen.append(goapi.task(task_id))

    assert (created.status_code, response["code"], response["message"]) == (200, 200, "success")
    assert all(set(one) == DATA_KEYS for one in seen)
    assert [one["status"] for one in seen] == ["pending", "processing", "completed"]
    assert seen[0]["output"] is seen[1]["output"] is None
    assert seen[2]["output"]["image_url"].startswith(f"{goapi.base_url}/temp/")
    unset = [[k for k, v in one["meta"].items() if v == UNSET] for one in seen]
    assert unset == [["started_at", "ended_at"], ["ended_at"], []]
    assert STAMP.fullmatch(seen[2]["meta"]["ended_at"])
    assert all(one["error"] == FINE and one["logs"] == [] for one in seen)


def test_input_is_echoed_normalized(
    goapi: GoApiClient,
) -> None:
    """Nulls and unknown fields are dropped, absent fields get their zero values."""
    task_input = {"prompt": "a bear", "width": None, "colour": "brown"}
    task = goapi.create("Qubico/flux1-dev", "txt2img", task_input).json()["data"]

    assert task["input"] == {
        "prompt": "a bear",
        "negative_prompt": "",
        "width": 0,
        "height": 0,
        "steps": 0,
        "guidance_scale": 0,
        "seed": -1,
    }


def test_config_is_echoed_with_its_secret(goapi: GoApiClient) -> None:
    """Endpoint, secret and service mode are echoed as sent."""
    webhook = {"endpoint": "https://hook.invalid/?ref=42", "secret": "s3"}
    created = goapi.create(*UPSCALE, service_mode="public", webhook_config=webhook)
    task_id = created.json()["data"]["task_id"]

    assert goapi.task(task_id)["config"] == {"service_mode": "public", "webhook_config": webhook}
    plain = goapi.create(*UPSCALE).json()["data"]["config"]
    assert plain == {"service_mode": "", "webhook_config": {"endpoint": "", "secret": ""}}


@pytest.mark.parametrize(
    ("model", "task_type", "task_input", "cause"),
    [
        (TOOLKIT, "upscale", {}, "image is required"),
        (TOOLKIT, "upscale", {"image": ""}, "image is required"),
        (TOOLKIT, "upscale", {"image": IMAGE, "scale": 11}, "invalid scale"),
        (TOOLKIT, "upscale", {"image": IMAGE, "scale": "2"}, "input.scale"),
        (TOOLKIT, "upscale", {"image": IMAGE, "face_enhance": 1}, "input.face_enhance"),
        (TOOLKIT, "sharpen", {"image": IMAGE}, "unknown model or task_type"),
        ("qubico/image-toolkit", "upscale", {"image": IMAGE}, "unknown model or task_type"),
        (
            "Qubico/flux1-dev",
            "txt2img",
            {"prompt": "x", "width": 2048, "height": 1024},
            "width * height",
        ),
        (
            "Qubico/flux1-dev-advanced",
            "fill-outpaint",
            {"prompt": "x", "image": IMAGE, "custom_settings": [{}]},
            "outpaint is required",
        ),
        ("kling", "video_generation", {"duration": 5}, "prompt or image_url"),
        ("kling", "video_generation", {"prompt": "x", "duration": 7}, "invalid duration"),
        ("kling", "effects", {"image_url": "http://x", "effect": "rocket"}, "prompt is required"),
        ("veo3", "veo3-video", {"prompt": "x", "duration": 8}, "input.duration"),
        ("veo3", "veo3-video", {"prompt": "x", "duration": "long"}, "invalid duration"),
        ("sora2", "sora2-video", {"prompt": "x", "duration": "4s"}, "input.duration"),
        ("seedance", "seedance-2", {"prompt": "x" * 4001}, "invalid prompt"),
        ("midjourney", "upscale", {"origin_task_id": "none", "index": "1"}, "task not found"),
        ("midjourney", "upscale", {"origin_task_id": "none", "index": 1}, "input.index"),
    ],
)
def test_invalid_body_is_a_400_with_a_failed_task(
    goapi: GoApiClient, model: str, task_type: str, task_input: dict[str, Any], cause: str
) -> None:
    """The logs have the cause, nothing is charged, and the task's id is unknown."""
    response = goapi.create(model, task_type, task_input)

    body = response.json()
    assert (response.status_code, body["code"]) == (400, 400)
    assert set(body["data"]) == DATA_KEYS
    assert body["data"]["status"] == "failed"
    assert cause in body["data"]["logs"][0]
    assert cause in body["data"]["error"]["message"]
    missing = goapi.http.get(f"/api/v1/task/{body['data']['task_id']}")
    assert missing.status_code == 404
    assert goapi.entries() == []


@pytest.mark.parametrize("body", [b"{", b"[]", b""])
def test_body_that_is_not_an_object_is_a_400(goapi: GoApiClient, body: bytes) -> None:
    """The response is the envelope without data."""
    response = goapi.http.post("/api/v1/task", content=body)

    assert response.status_code == 400
    assert response.json()["data"] is None


@pytest.mark.parametrize("config", [{"service_mode": "best"}, {"webhook_config": {"endpoint": 1}}])
def test_invalid_config_is_a_400(goapi: GoApiClient, config: dict[str, Any]) -> None:
    """Service modes are public, private and empty; an endpoint is text."""
    assert goapi.create(*UPSCALE, **config).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/task"),
        ("GET", "/api/v1/task/x"),
        ("DELETE", "/api/v1/task/x"),
        ("DELETE", "/api/v1/tasks"),
        ("GET", "/account/info"),
        ("GET", "/account/active_tasks"),
        ("GET", "/api/open/tasks/histories"),
        ("POST", "/api/ephemeral_resource"),
        ("POST", "/api/image_toolkit/v2/create"),
        ("POST", "/api/image_toolkit/v2/fetch"),
    ],
)
def test_every_endpoint_needs_the_key(goapi: GoApiClient, method: str, path: str) -> None:
    """A missing and a wrong key are a 401."""
    for headers in ({}, {"x-api-key": "other"}):
        response = httpx.request(method, goapi.base_url + path, headers=headers)
        assert response.status_code == 401
        assert response.json()["code"] == 401


def test_unknown_task_is_a_404(goapi: GoApiClient) -> None:
    """The body is the envelope."""
    response = goapi.http.get("/api/v1/task/00000000-0000-4000-8000-000000000000")

    assert response.status_code == 404
    assert response.json() == {"code": 404, "message": "Record Not Found", "data": None}


@pytest.mark.parametrize(
    "image",
    ["http://127.0.0.1:9/none.png", "not base64!", as_data(b"no image"), as_data(png_photo()[:60])],
)
def test_missing_image_fails_the_task_and_is_refunded(goapi: GoApiClient, image: str) -> None:
    """The task is accepted first; the cause is in error and logs."""
    task = goapi.ended(TOOLKIT, "background-remove", {"image": image})

    assert (task["status"], task["output"]) == ("failed", None)
    assert task["error"]["message"] == "failed to get valid image"
    assert task["error"]["code"] != 0
    assert task["logs"] == ["failed to get valid image"]
    assert task["meta"]["usage"] == {"type": "point", "frozen": 0, "consume": 0}
    assert [entry["kind"] for entry in goapi.entries()] == ["charge", "refund"]


def test_base64_fails_for_models_that_need_a_url(goapi: GoApiClient) -> None:
    """Kling takes the upload's URL and fails with the data URI."""
    hosted = goapi.upload(png_photo())
    task_input = {"prompt": "x", "image_url": hosted, "duration": 5}

    assert goapi.ended("kling", "video_generation", task_input)["status"] == "completed"
    inline = goapi.ended("kling", "video_generation", task_input | {"image_url": IMAGE})
    assert inline["error"]["message"] == "failed to get valid image"


def test_kling_3_shows_an_empty_video_before_the_end(goapi: GoApiClient) -> None:
    """Older versions show null."""
    task_input = {"prompt": "x", "duration": 5}
    newer = goapi.create("kling", "video_generation", task_input | {"version": "3.0"}).json()[
        "data"
    ]
    older = goapi.create("kling", "video_generation", task_input).json()["data"]

    assert newer["output"] == {"video": ""}
    assert older["output"] is None


def test_image_without_a_face_fails_a_face_swap(goapi: GoApiClient) -> None:
    """The sentence is the vendor's."""
    plain = as_data(as_png(np.full((4, 4, 3), 120, np.uint8)))
    task = goapi.ended(TOOLKIT, "face-swap", {"target_image": plain, "swap_image": IMAGE})

    assert task["error"]["message"] == "invalid request, no face found in the image"


def test_rate_limit_is_a_429(goapi: GoApiClient) -> None:
    """None is documented; the control route sets one."""
    goapi.account(rate_per_min=1)
    assert goapi.http.get("/account/info").status_code == 200
    refused = goapi.http.get("/account/info")

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "60"


def test_invalid_knob_is_refused(goapi: GoApiClient) -> None:
    """Unknown names and other types are a 400 that lists the knobs."""
    for order in ({"speed": 1}, {"max_concurrent_tasks": "many"}, {"webhook_retry_s": True}):
        response = goapi.http.post("/_sandbox/knobs", json=order)
        assert response.status_code == 400
        assert response.json()["known"] == goapi.knobs


def test_alias_of_a_field_is_echoed_under_its_name(goapi: GoApiClient) -> None:
    """ACE-Step takes a negative prompt and names it negative style prompt."""
    task_input = {"style_prompt": "pop", "negative_prompt": "noise"}
    task = goapi.create("Qubico/ace-step", "txt2audio", task_input).json()["data"]

    assert task["input"]["negative_style_prompt"] == "noise"
    assert "negative_prompt" not in task["input"]
