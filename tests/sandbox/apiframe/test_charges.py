"""Apiframe's charges, refunds and idempotency keys."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.sandbox.client import SandboxClient
from tests.sandbox.images import photo

TOPAZ = ("upscale", "topaz-image-upscale", "topazUpscaleParams")
CLARITY = ("upscale", "clarity-upscale", "clarityUpscaleParams")
BRIA = ("background-remove", "bria-bg-remove", "briaBgRemoveParams")
LAB851 = ("background-remove", "851-bg-remove", "lab851BgRemoveParams")
Model = tuple[str, str, str]


@pytest.fixture
def image(apiframe: SandboxClient) -> str:
    """Upload a photo and return its URL."""
    url: str = apiframe.form("/v2/uploads", files={"file": photo()}).json()["url"]
    return url


def test_topaz_reads_the_image_before_it_charges(apiframe: SandboxClient) -> None:
    """A missing image is a 400 there, since the price depends on its size."""
    response = _post(apiframe, TOPAZ, {"image": f"{apiframe.base_url}/cdn/uploads/none.png"})

    assert response.status_code == 400
    assert "topazUpscaleParams.image" in response.json()["details"]
    assert apiframe.entries() == []


def test_missing_image_fails_the_job_and_is_refunded_once(apiframe: SandboxClient) -> None:
    """The other models find a missing image in the job."""
    accepted = _post(apiframe, CLARITY, {"image": f"{apiframe.base_url}/cdn/uploads/none.png"})
    assert apiframe.spent() == 3

    job = _finished(apiframe, accepted)
    assert (job["status"], job["creditCost"], job["result"]) == ("FAILED", 0, None)
    assert isinstance(job["error"], str)
    assert job["completedAt"] is not None
    _finished(apiframe, accepted)
    assert [e["kind"] for e in apiframe.entries()] == ["charge", "refund"]
    assert {e["job_id"] for e in apiframe.entries()} == {job["id"]}


def test_refund_is_booked_without_polling(apiframe: SandboxClient) -> None:
    """Its time is the end of the job."""
    apiframe.fault({"job": "fail"})
    _post(apiframe, BRIA, {"image": "http://127.0.0.1:9/none.png"})
    apiframe.advance(100)

    charge, refund = apiframe.entries()
    assert refund["at"] == charge["at"] + 10


def test_insufficient_credits_are_a_402(apiframe: SandboxClient, image: str) -> None:
    """The response has the required and the available credits."""
    apiframe.account(credits=2)
    response = _post(apiframe, CLARITY, {"image": image})

    assert response.status_code == 402
    assert response.json() == {
        "error": "Insufficient credits",
        "creditsRequired": 3,
        "creditsAvailable": 2,
    }
    assert apiframe.entries() == []


def test_repeated_key_and_body_return_the_same_job(apiframe: SandboxClient, image: str) -> None:
    """A repeat costs nothing and works without credits."""
    headers = {"Idempotency-Key": "replay"}
    first = _post(apiframe, BRIA, {"image": image}, headers)
    apiframe.account(credits=0)
    apiframe.advance(10)
    again = _post(apiframe, BRIA, {"image": image}, headers)

    assert again.status_code == 202
    assert again.json() == {"jobId": first.json()["jobId"], "status": "COMPLETED"}
    (entry,) = apiframe.entries()
    assert entry["key"] == "replay"


def test_used_key_with_another_body_is_a_409(apiframe: SandboxClient, image: str) -> None:
    """Another model or another route under a used key costs nothing."""
    headers = {"Idempotency-Key": "conflict"}
    _post(apiframe, BRIA, {"image": image}, headers)
    other = _post(apiframe, LAB851, {"image": image}, headers)

    assert other.status_code == 409
    assert isinstance(other.json()["error"], str)
    assert len(apiframe.entries()) == 1


def test_key_expires_after_a_day(apiframe: SandboxClient, image: str) -> None:
    """After 24 hours the same key creates a new job."""
    headers = {"Idempotency-Key": "a day"}
    first = _post(apiframe, BRIA, {"image": image}, headers)
    apiframe.advance(24 * 3600)
    second = _post(apiframe, BRIA, {"image": image}, headers)

    assert first.json()["jobId"] != second.json()["jobId"]


def test_refused_request_does_not_use_its_key(apiframe: SandboxClient, image: str) -> None:
    """After a 402 the same key works."""
    headers = {"Idempotency-Key": "again"}
    apiframe.account(credits=0)
    assert _post(apiframe, BRIA, {"image": image}, headers).status_code == 402
    apiframe.account(credits=100)

    assert _post(apiframe, BRIA, {"image": image}, headers).status_code == 202


def test_key_longer_than_255_characters_is_refused(apiframe: SandboxClient, image: str) -> None:
    """The documented limit applies."""
    response = _post(apiframe, BRIA, {"image": image}, {"Idempotency-Key": "x" * 256})

    assert response.status_code == 400


def test_concurrent_equal_requests_create_one_job(apiframe: SandboxClient, image: str) -> None:
    """One of them is charged, and all get the job's id."""
    headers = {"Idempotency-Key": "at once"}
    with ThreadPoolExecutor(8) as pool:
        responses = list(
            pool.map(lambda _: _post(apiframe, TOPAZ, {"image": image}, headers), range(8))
        )

    assert len({response.json()["jobId"] for response in responses}) == 1
    assert len(apiframe.entries()) == 1


def test_concurrent_requests_cannot_overspend(apiframe: SandboxClient, image: str) -> None:
    """Of eight jobs at 3 credits, a balance of 10 pays for three."""
    apiframe.account(credits=10)
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: _post(apiframe, CLARITY, {"image": image}), range(8)))

    assert sorted(a.status_code for a in responses) == [202] * 3 + [402] * 5
    assert apiframe.http.get("/v2/me").json()["team"]["credits"] == 1


def _post(
    apiframe: SandboxClient,
    model: Model,
    params: dict[str, Any],
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    route, name, key = model
    body = {"model": name, key: params}
    return apiframe.http.post(f"/v2/images/{route}", json=body, headers=headers or {})


def _finished(apiframe: SandboxClient, accepted: httpx.Response) -> dict[str, Any]:
    apiframe.advance(10)
    job: dict[str, Any] = apiframe.http.get(f"/v2/jobs/{accepted.json()['jobId']}").json()
    return job
