"""Apiframe's webhooks: events, signatures, retries; no job waits for its webhook."""

import hashlib
import hmac
from typing import Any

import pytest

from infra.sandbox.apiframe.webhooks import sign
from tests.sandbox.apiframe.client import BRIA, ApiframeClient
from tests.sandbox.images import photo
from tests.sandbox.webhook_receiver import WebhookReceiver

KEY = "afk_" + "0" * 40
BODY = b'{"jobId":"abc","status":"COMPLETED"}'


def test_completed_job_sends_its_result(
    apiframe: ApiframeClient, receiver: WebhookReceiver
) -> None:
    """The body has the documented fields, and the result has the same form as the job's."""
    job_id = apiframe.open_job(webhookUrl=receiver.url, webhookEvents=["completed"])
    apiframe.advance(10)
    delivery = receiver.next()

    job = apiframe.job(job_id)
    assert delivery.headers["x-webhook-event"] == "completed"
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.body == {
        "event": "completed",
        "jobId": job_id,
        "status": "COMPLETED",
        "progress": 100,
        "result": job["result"],
        "model": "bria-bg-remove",
        "creditCost": 2,
        "completedAt": job["completedAt"],
    }


def test_failed_job_sends_its_error(apiframe: ApiframeClient, receiver: WebhookReceiver) -> None:
    """Without named events, the end of the job is sent either way."""
    apiframe.fault({"job": "fail"}, "/v2/images/*")
    job_id = apiframe.open_job(webhookUrl=receiver.url)
    apiframe.advance(10)
    delivery = receiver.next()

    assert delivery.headers["x-webhook-event"] == "failed"
    assert delivery.body == {
        "event": "failed",
        "jobId": job_id,
        "status": "FAILED",
        "error": apiframe.job(job_id)["error"],
        "model": "bria-bg-remove",
    }


def test_progress_is_sent_before_the_end(
    apiframe: ApiframeClient, receiver: WebhookReceiver
) -> None:
    """A subscriber to progress gets it while the job is processed."""
    events = ["progress", "completed"]
    job_id = apiframe.open_job(webhookUrl=receiver.url, webhookEvents=events)
    apiframe.advance(5)
    delivery = receiver.next()

    assert delivery.headers["x-webhook-event"] == "progress"
    assert set(delivery.body) == {"event", "jobId", "status", "progress", "model"}
    assert (delivery.body["jobId"], delivery.body["status"]) == (job_id, "PROCESSING")
    assert 0 < delivery.body["progress"] < 100
    apiframe.advance(5)
    assert receiver.next().body["event"] == "completed"


def test_only_the_named_events_are_sent(
    apiframe: ApiframeClient, receiver: WebhookReceiver
) -> None:
    """A failure is not sent to a subscriber of completions; the next event is another job's end."""
    apiframe.fault({"job": "fail"}, "/v2/images/*")
    apiframe.open_job(webhookUrl=receiver.url, webhookEvents=["completed"])
    apiframe.advance(10)
    other = apiframe.open_job(webhookUrl=receiver.url)
    apiframe.advance(10)

    assert receiver.next().body["jobId"] == other
    assert receiver.deliveries.empty()


@pytest.mark.parametrize("signing", ["hex", "digest"])
def test_delivery_is_signed_over_its_raw_body(
    apiframe: ApiframeClient, receiver: WebhookReceiver, signing: str
) -> None:
    """The secret is the digest of the API key, as bytes or as hexadecimal text."""
    chosen = apiframe.http.put("/_webhooks/signing", content=signing)
    assert chosen.json() == {"signing": signing}
    apiframe.open_job(webhookUrl=receiver.url)
    apiframe.advance(10)
    delivery = receiver.next()

    digest = hashlib.sha256(apiframe.http.headers["X-API-Key"].encode())
    secret = digest.digest() if signing == "digest" else digest.hexdigest().encode()
    expected = hmac.new(secret, delivery.raw, hashlib.sha256).hexdigest()
    assert delivery.headers["x-webhook-signature"] == f"sha256={expected}"


def test_unknown_signing_is_refused(apiframe: ApiframeClient) -> None:
    """The message names the two known ones."""
    response = apiframe.http.put("/_webhooks/signing", content="md5")

    assert response.status_code == 400
    assert "digest, hex" in response.json()["error"]


@pytest.mark.parametrize(
    ("signing", "expected"),
    [
        ("digest", "58e6d7af820911d918b1b43ade255ec260002ca8b24ba46dd057a99d192c89f4"),
        ("hex", "2cb660473e59908c969f761f7444eda6c9067d13d2d83a0057fb8fb5197c60af"),
    ],
)
def test_signatures_match_those_of_existing_clients(signing: Any, expected: str) -> None:
    """The first is the official SDK's own test vector, the second that of a Python service."""
    assert sign(KEY, BODY, signing) == f"sha256={expected}"


def test_refused_delivery_is_retried(apiframe: ApiframeClient, receiver: WebhookReceiver) -> None:
    """After two refusals the third attempt arrives with the same body, and the job says so."""
    receiver.statuses = [500, 404]
    job_id = apiframe.open_job(webhookUrl=receiver.url)
    assert apiframe.job(job_id)["webhookStatus"] == "pending"
    apiframe.advance(10)

    tries = [receiver.next() for _ in range(3)]
    assert len({one.raw for one in tries}) == 1
    assert _settled(apiframe, job_id) == "delivered"


@pytest.mark.parametrize("url", ["https://hooks.test.invalid/af", "http://127.0.0.1:9/hook"])
def test_unreachable_webhook_does_not_affect_the_job(apiframe: ApiframeClient, url: str) -> None:
    """The job completes on time and says that its webhook failed."""
    job_id = apiframe.open_job(webhookUrl=url)
    apiframe.advance(10)

    assert apiframe.job(job_id)["status"] == "COMPLETED"
    assert _settled(apiframe, job_id) == "failed"


def test_replayed_request_sends_no_second_webhook(
    apiframe: ApiframeClient, receiver: WebhookReceiver
) -> None:
    """The same idempotency key is one job, and one job ends once."""
    params, headers = {"image": apiframe.upload(photo())}, {"Idempotency-Key": "one webhook"}
    for _ in range(2):
        apiframe.post(BRIA, params, headers, webhookUrl=receiver.url)
    apiframe.advance(10)
    first = receiver.next()
    other = apiframe.open_job(webhookUrl=receiver.url)
    apiframe.advance(10)

    assert receiver.next().body["jobId"] == other != first.body["jobId"]


def _settled(apiframe: ApiframeClient, job_id: str) -> object:
    """Poll until the delivery has succeeded or failed."""
    for _ in range(20_000):
        status: object = apiframe.job(job_id)["webhookStatus"]
        if status != "pending":
            return status
    return "pending"
