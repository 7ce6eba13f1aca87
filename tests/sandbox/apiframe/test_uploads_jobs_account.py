"""Apiframe's uploads, jobs, account, models, keys and rate limit."""

import uuid
from typing import Any

import httpx
import pytest

from tests.sandbox.apiframe.client import ApiframeClient
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


def test_upload_url_is_valid_for_an_hour(apiframe: ApiframeClient) -> None:
    """It returns the same bytes without a key, until it expires."""
    content = as_png(photo())
    response = apiframe.http.post("/v2/uploads", files={"file": ("x.bin", content)})

    body = response.json()
    assert response.status_code == 201
    assert set(body) == {"id", "url", "kind", "contentType", "byteSize", "expiresAt"}
    assert (body["kind"], body["contentType"]) == ("image", "image/png")
    assert body["byteSize"] == len(content)
    assert httpx.get(body["url"]).content == content
    apiframe.advance(3600)
    assert httpx.get(body["url"]).status_code == 404


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
def test_upload_is_recognized_by_its_bytes(
    apiframe: ApiframeClient, content: bytes, kind: str, mime: str
) -> None:
    """The declared type does not matter."""
    files = {"file": ("x", content, "text/plain")}
    response = apiframe.http.post("/v2/uploads", files=files).json()

    assert (response["kind"], response["contentType"]) == (kind, mime)


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
def test_invalid_upload_is_a_400(apiframe: ApiframeClient, files: Any) -> None:
    """Unknown types, missing files and files over 25 MB are refused."""
    response = apiframe.http.post("/v2/uploads", files=files)

    assert response.status_code == 400
    assert isinstance(response.json()["error"], str)


def test_job_goes_from_queued_over_processing_to_completed(apiframe: ApiframeClient) -> None:
    """Every response has the documented fields; times and progress follow the status."""
    job = apiframe.open_job()
    seen = [apiframe.job(job)]
    for seconds in (5, 5):
        apiframe.advance(seconds)
        seen.append(apiframe.job(job))

    assert all(set(one) == JOB_KEYS | {"input"} for one in seen)
    assert [one["status"] for one in seen] == ["QUEUED", "PROCESSING", "COMPLETED"]
    assert seen[0]["progress"] == 0 < seen[1]["progress"] < seen[2]["progress"] == 100
    assert seen[0]["creditCost"] == 2
    assert seen[1]["result"] is seen[1]["completedAt"] is None
    assert seen[2]["completedAt"].endswith(".000Z")
    assert seen[2]["input"]["model"] == "bria-bg-remove"


def test_result_expires_after_ninety_days(apiframe: ApiframeClient) -> None:
    """The job says so, and its file is gone."""
    job = apiframe.open_job()
    apiframe.advance(10)
    (url,) = apiframe.job(job)["result"]["images"]
    assert httpx.get(url).status_code == 200
    apiframe.advance(90 * 24 * 3600)

    assert apiframe.job(job)["expired"] is True
    assert httpx.get(url).status_code == 404


@pytest.mark.parametrize(("job_id", "status"), [("7", 400), (str(uuid.UUID(int=1)), 404)])
def test_unknown_job_is_refused(apiframe: ApiframeClient, job_id: str, status: int) -> None:
    """An id that is not a UUID is a 400, an unknown one a 404."""
    response = apiframe.http.get(f"/v2/jobs/{job_id}")

    assert response.status_code == status
    assert isinstance(response.json()["error"], str)


def test_jobs_are_listed_newest_first_in_pages(apiframe: ApiframeClient) -> None:
    """Two pages of two have the four newest, each once."""
    opened = [apiframe.open_job() for _ in range(4)]
    first = apiframe.http.get("/v2/jobs", params={"limit": 2}).json()
    assert first["hasMore"] is True
    params = {"limit": 2, "cursor": first["nextCursor"]}
    second = apiframe.http.get("/v2/jobs", params=params).json()

    listed = [one["id"] for page in (first, second) for one in page["jobs"]]
    assert listed == opened[::-1]
    assert set(first["jobs"][0]) == JOB_KEYS


def test_jobs_are_filtered_by_status_model_and_id(apiframe: ApiframeClient) -> None:
    """The list of models is included on request."""
    job = apiframe.open_job()
    query = {"status": "QUEUED", "model": "bria-bg-remove", "search": job, "include_models": "true"}
    response = apiframe.http.get("/v2/jobs", params=query).json()

    assert [one["id"] for one in response["jobs"]] == [job]
    assert "bria-bg-remove" in response["models"]
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
def test_invalid_query_is_a_400_that_names_the_field(
    apiframe: ApiframeClient, query: dict[str, str]
) -> None:
    """The field is named."""
    response = apiframe.http.get("/v2/jobs", params=query)

    assert response.status_code == 400
    assert set(response.json()["details"]) == set(query)


def test_me_shows_the_balance(apiframe: ApiframeClient) -> None:
    """The team's credits are the balance after a charge."""
    apiframe.account(credits=50)
    apiframe.open_job()
    response = apiframe.http.get("/v2/me").json()

    assert set(response) == {"user", "team", "apiKey"}
    assert response["team"]["credits"] == 48


def test_models_lists_the_five_models_without_a_key(apiframe: ApiframeClient) -> None:
    """All of them are image models."""
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
def test_missing_or_wrong_key_is_a_401(
    apiframe: ApiframeClient, headers: dict[str, str], sentence: str
) -> None:
    """Both have their documented message."""
    response = httpx.get(f"{apiframe.base_url}/v2/me", headers=headers)

    assert (response.status_code, response.json()) == (401, {"error": sentence})


def test_inactive_key_is_a_403(apiframe: ApiframeClient) -> None:
    """The key is known but refused."""
    apiframe.account(active=False)
    response = apiframe.http.get("/v2/me")

    assert (response.status_code, response.json()) == (403, {"error": "API key is inactive"})


def test_rate_limit_is_a_429_with_retry_after(apiframe: ApiframeClient) -> None:
    """The limit is set by the control route."""
    apiframe.advance(61)
    apiframe.account(rate_per_min=1)
    assert apiframe.http.get("/v2/me").status_code == 200
    response = apiframe.http.get("/v2/me")

    assert response.status_code == 429
    apiframe.advance(float(response.headers["retry-after"]))
    assert apiframe.http.get("/v2/me").status_code == 200


def test_every_response_has_a_request_id(apiframe: ApiframeClient) -> None:
    """The header is present on success and on refusal."""
    for path in ("/v2/me", "/v2/jobs/7"):
        assert uuid.UUID(apiframe.http.get(path).headers["x-request-id"])
