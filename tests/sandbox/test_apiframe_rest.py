"""Apiframe's uploads, jobs, account, catalogue, keys and pace."""

import uuid
from typing import Any

import httpx
import pytest

from tests.sandbox.client import SandboxClient
from tests.sandbox.images import as_jpeg, as_png, photo

JOB_KEYS = {
    "id",
    "status",
    "model",
    "progress",
    "result",
    "error",
    "creditCost",
    "webhookStatus",
    "createdAt",
    "completedAt",
    "expired",
}


def test_an_upload_becomes_a_url_that_lives_for_an_hour(apiframe: SandboxClient) -> None:
    """The bytes come back as they were, without a key, until they expire."""
    content = as_png(photo())
    response = apiframe.http.post("/v2/uploads", files={"file": ("x.bin", content)})

    answer = response.json()
    assert response.status_code == 201
    assert set(answer) == {"id", "url", "kind", "contentType", "byteSize", "expiresAt"}
    assert (answer["kind"], answer["contentType"]) == ("image", "image/png")
    assert answer["byteSize"] == len(content)
    assert httpx.get(answer["url"]).content == content
    apiframe.advance(3600)
    assert httpx.get(answer["url"]).status_code == 404


@pytest.mark.parametrize(
    ("content", "kind", "mime"),
    [
        (as_jpeg(photo()), "image", "image/jpeg"),
        (b"GIF89a rest", "image", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image", "image/webp"),
        (b"\x00\x00\x00\x18ftypisom", "video", "video/mp4"),
        (b"\x00\x00\x00\x18ftypM4A ", "audio", "audio/mp4"),
        (b"ID3\x04 rest", "audio", "audio/mpeg"),
    ],
)
def test_an_upload_is_recognised_by_its_bytes(
    apiframe: SandboxClient, content: bytes, kind: str, mime: str
) -> None:
    """The declared type does not matter."""
    files = {"file": ("x", content, "text/plain")}
    answer = apiframe.http.post("/v2/uploads", files=files).json()

    assert (answer["kind"], answer["contentType"]) == (kind, mime)


@pytest.mark.parametrize(
    "files",
    [
        {"file": ("x.png", b"just text")},
        {"file": ("x.png", b"")},
        {"image": ("x.png", as_png(photo(8, 8)))},
        {"file": ("x.png", b"\x89PNG\r\n\x1a\n" + bytes(25 * 1024 * 1024))},
    ],
    ids=["text", "empty", "other field", "too large"],
)
def test_an_upload_that_is_not_taken_is_a_400(apiframe: SandboxClient, files: Any) -> None:
    """Unknown types, missing files and files over 25 MB are refused."""
    response = apiframe.http.post("/v2/uploads", files=files)

    assert response.status_code == 400
    assert isinstance(response.json()["error"], str)


def test_a_job_goes_from_queued_over_processing_to_completed(apiframe: SandboxClient) -> None:
    """Every answer has the documented fields; times and progress follow the status."""
    job = _open_job(apiframe)
    seen = [_job(apiframe, job)]
    for seconds in (5, 5):
        apiframe.advance(seconds)
        seen.append(_job(apiframe, job))

    assert all(set(one) == JOB_KEYS | {"input"} for one in seen)
    assert [one["status"] for one in seen] == ["QUEUED", "PROCESSING", "COMPLETED"]
    assert seen[0]["progress"] == 0 < seen[1]["progress"] < seen[2]["progress"] == 100
    assert seen[0]["creditCost"] == 2
    assert seen[1]["result"] is seen[1]["completedAt"] is None
    assert seen[2]["completedAt"].endswith(".000Z")
    assert seen[2]["input"]["model"] == "bria-bg-remove"


def test_a_result_expires_after_ninety_days(apiframe: SandboxClient) -> None:
    """The job says so, and its file is gone."""
    job = _open_job(apiframe)
    apiframe.advance(10)
    (url,) = _job(apiframe, job)["result"]["images"]
    assert httpx.get(url).status_code == 200
    apiframe.advance(90 * 24 * 3600)

    assert _job(apiframe, job)["expired"] is True
    assert httpx.get(url).status_code == 404


@pytest.mark.parametrize(("job_id", "status"), [("7", 400), (str(uuid.UUID(int=1)), 404)])
def test_a_job_that_is_not_there(apiframe: SandboxClient, job_id: str, status: int) -> None:
    """An id that is no UUID is a 400, an unknown one a 404."""
    response = apiframe.http.get(f"/v2/jobs/{job_id}")

    assert response.status_code == status
    assert isinstance(response.json()["error"], str)


def test_jobs_are_listed_newest_first_and_page_by_page(apiframe: SandboxClient) -> None:
    """Two pages of two have the four newest, each once."""
    opened = [_open_job(apiframe) for _ in range(4)]
    first = apiframe.http.get("/v2/jobs", params={"limit": 2}).json()
    assert first["hasMore"] is True
    params = {"limit": 2, "cursor": first["nextCursor"]}
    second = apiframe.http.get("/v2/jobs", params=params).json()

    listed = [one["id"] for page in (first, second) for one in page["jobs"]]
    assert listed == opened[::-1]
    assert set(first["jobs"][0]) == JOB_KEYS


def test_jobs_are_filtered(apiframe: SandboxClient) -> None:
    """Status, model and id narrow the list; the models are named when asked for."""
    job = _open_job(apiframe)
    query = {"status": "QUEUED", "model": "bria-bg-remove", "search": job, "include_models": "true"}
    answer = apiframe.http.get("/v2/jobs", params=query).json()

    assert [one["id"] for one in answer["jobs"]] == [job]
    assert "bria-bg-remove" in answer["models"]
    nothing = apiframe.http.get("/v2/jobs", params={"search": job, "status": "FAILED"}).json()
    assert nothing == {"jobs": [], "nextCursor": None, "hasMore": False}


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"status": "DONE"},
        {"scope": "all"},
        {"search": "x"},
        {"cursor": "x"},
        {"include_models": "1"},
    ],
)
def test_a_wrong_query_is_a_validation_error(
    apiframe: SandboxClient, query: dict[str, str]
) -> None:
    """The field is named."""
    response = apiframe.http.get("/v2/jobs", params=query)

    assert response.status_code == 400
    assert set(response.json()["details"]) == set(query)


def test_me_shows_the_balance(apiframe: SandboxClient) -> None:
    """The team's credits are what is left after a charge."""
    apiframe.account(credits=50)
    _open_job(apiframe)
    answer = apiframe.http.get("/v2/me").json()

    assert set(answer) == {"user", "team", "apiKey"}
    assert answer["team"]["credits"] == 48


def test_models_needs_no_key_and_knows_the_five(apiframe: SandboxClient) -> None:
    """The catalogue has the five models, all of them for images."""
    url = f"{apiframe.base_url}/v2/models"
    models = httpx.get(url, params={"modality": "image"}).json()["models"]

    assert {one["id"] for one in models} == {
        "topaz-image-upscale",
        "clarity-upscale",
        "bria-bg-remove",
        "851-bg-remove",
        "flux-fill-pro",
    }
    assert httpx.get(url, params={"modality": "video"}).json()["models"] == []


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [({}, "API key is required"), ({"X-API-Key": "afk_wrong"}, "Invalid API key")],
)
def test_a_missing_or_wrong_key_is_a_401(
    apiframe: SandboxClient, headers: dict[str, str], sentence: str
) -> None:
    """Both have their documented sentence."""
    response = httpx.get(f"{apiframe.base_url}/v2/me", headers=headers)

    assert (response.status_code, response.json()) == (401, {"error": sentence})


def test_an_inactive_key_is_a_403(apiframe: SandboxClient) -> None:
    """A key that was switched off is known but not let in."""
    apiframe.account(active=False)
    response = apiframe.http.get("/v2/me")

    assert (response.status_code, response.json()) == (403, {"error": "API key is inactive"})


def test_the_rate_limit_says_when_to_come_back(apiframe: SandboxClient) -> None:
    """With a limit set, the request beyond it is a 429 with Retry-After."""
    apiframe.advance(61)
    apiframe.account(rate_per_min=1)
    assert apiframe.http.get("/v2/me").status_code == 200
    response = apiframe.http.get("/v2/me")

    assert response.status_code == 429
    apiframe.advance(float(response.headers["retry-after"]))
    assert apiframe.http.get("/v2/me").status_code == 200


def test_every_answer_has_a_request_id(apiframe: SandboxClient) -> None:
    """The header is there on success and on refusal."""
    for path in ("/v2/me", "/v2/jobs/7"):
        assert uuid.UUID(apiframe.http.get(path).headers["x-request-id"])


def _open_job(apiframe: SandboxClient) -> str:
    url = apiframe.form("/v2/uploads", files={"file": photo()}).json()["url"]
    body = {"model": "bria-bg-remove", "briaBgRemoveParams": {"image": url}}
    job_id: str = apiframe.http.post("/v2/images/background-remove", json=body).json()["jobId"]
    return job_id


def _job(apiframe: SandboxClient, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = apiframe.http.get(f"/v2/jobs/{job_id}").json()
    return job
