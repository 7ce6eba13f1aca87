"""Apiframe's charges, refunds and idempotency keys."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.apiframe.client import BRIA, CLARITY, LAB851, TOPAZ, ApiframeClient
from tests.sandbox.images import photo


@pytest.fixture
def image(apiframe: ApiframeClient) -> str:
    """Upload a photo and return its URL."""
    return apiframe.upload(photo())


def test_topaz_reads_the_image_before_it_charges(apiframe: ApiframeClient) -> None:
    """A missing image is a 400 there, since the price depends on its size."""
    response = apiframe.post(TOPAZ, {"image": f"{apiframe.base_url}/cdn/uploads/none.png"})

    assert response.status_code == 400
    assert "topazUpscaleParams.image" in response.json()["details"]
    assert apiframe.entries() == []


def test_missing_image_fails_the_job_and_is_refunded_once(apiframe: ApiframeClient) -> None:
    """The other models find a missing image in the job."""
    accepted = apiframe.post(CLARITY, {"image": f"{apiframe.base_url}/cdn/uploads/none.png"})
    assert apiframe.spent() == 3

    job = apiframe.finished(accepted)
    assert (job["status"], job["creditCost"], job["result"]) == ("FAILED", 0, None)
    assert isinstance(job["error"], str)
    assert job["completedAt"] is not None
    apiframe.finished(accepted)
    assert [e["kind"] for e in apiframe.entries()] == ["charge", "refund"]
    assert {e["job_id"] for e in apiframe.entries()} == {job["id"]}


def test_refund_is_booked_without_polling(apiframe: ApiframeClient) -> None:
    """Its time is the end of the job."""
    apiframe.fault({"job": "fail"})
    apiframe.post(BRIA, {"image": "http://127.0.0.1:9/none.png"})
    apiframe.advance(100)

    charge, refund = apiframe.entries()
    assert refund["at"] == charge["at"] + 10


def test_insufficient_credits_are_a_402(apiframe: ApiframeClient, image: str) -> None:
    """The response has the required and the available credits."""
    apiframe.account(credits=2)
    response = apiframe.post(CLARITY, {"image": image})

    assert response.status_code == 402
    assert response.json() == {
        "error": "Insufficient credits",
        "creditsRequired": 3,
        "creditsAvailable": 2,
    }
    assert apiframe.entries() == []


def test_repeated_key_and_body_return_the_same_job(apiframe: ApiframeClient, image: str) -> None:
    """A repeat costs nothing and works without credits."""
    headers = {"Idempotency-Key": "replay"}
    first = apiframe.post(BRIA, {"image": image}, headers)
    apiframe.account(credits=0)
    apiframe.advance(10)
    again = apiframe.post(BRIA, {"image": image}, headers)

    assert again.status_code == 202
    assert again.json() == {"jobId": first.json()["jobId"], "status": "COMPLETED"}
    (entry,) = apiframe.entries()
    assert entry["key"] == "replay"


def test_used_key_with_another_body_is_a_409(apiframe: ApiframeClient, image: str) -> None:
    """Another model or another route under a used key costs nothing."""
    headers = {"Idempotency-Key": "conflict"}
    apiframe.post(BRIA, {"image": image}, headers)
    other = apiframe.post(LAB851, {"image": image}, headers)

    assert other.status_code == 409
    assert isinstance(other.json()["error"], str)
    assert len(apiframe.entries()) == 1


def test_key_expires_after_a_day(apiframe: ApiframeClient, image: str) -> None:
    """After 24 hours the same key creates a new job."""
    headers = {"Idempotency-Key": "a day"}
    first = apiframe.post(BRIA, {"image": image}, headers)
    apiframe.advance(24 * 3600)
    second = apiframe.post(BRIA, {"image": image}, headers)

    assert first.json()["jobId"] != second.json()["jobId"]


def test_refused_request_does_not_use_its_key(apiframe: ApiframeClient, image: str) -> None:
    """After a 402 the same key works."""
    headers = {"Idempotency-Key": "again"}
    apiframe.account(credits=0)
    assert apiframe.post(BRIA, {"image": image}, headers).status_code == 402
    apiframe.account(credits=100)

    assert apiframe.post(BRIA, {"image": image}, headers).status_code == 202


def test_key_longer_than_255_characters_is_refused(apiframe: ApiframeClient, image: str) -> None:
    """The documented limit applies."""
    response = apiframe.post(BRIA, {"image": image}, {"Idempotency-Key": "x" * 256})

    assert response.status_code == 400


def test_concurrent_equal_requests_create_one_job(apiframe: ApiframeClient, image: str) -> None:
    """One of them is charged, and all get the job's id."""
    headers = {"Idempotency-Key": "at once"}
    with ThreadPoolExecutor(8) as pool:
        responses = list(
            pool.map(lambda _: apiframe.post(TOPAZ, {"image": image}, headers), range(8))
        )

    assert len({response.json()["jobId"] for response in responses}) == 1
    assert len(apiframe.entries()) == 1


def test_concurrent_requests_cannot_overspend(apiframe: ApiframeClient, image: str) -> None:
    """Of eight jobs at 3 credits, a balance of 10 pays for three."""
    apiframe.account(credits=10)
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: apiframe.post(CLARITY, {"image": image}), range(8)))

    assert sorted(a.status_code for a in responses) == [202] * 3 + [402] * 5
    assert apiframe.http.get("/v2/me").json()["team"]["credits"] == 1
