"""Apiframe's webhooks: events, signatures, retries; no job waits for its webhook."""

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra.sandbox.apiframe.webhooks import sign
from tests.sandbox.client import SandboxClient
from tests.sandbox.images import photo

KEY = "afk_" + "0" * 40
BODY = b'{"jobId":"abc","status":"COMPLETED"}'
TIMEOUT_S = 10


@dataclass(frozen=True)
class Delivery:
    """One delivery as the receiver saw it."""

    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """What its JSON says."""
        return json.loads(self.raw)


class Receiver:
    """An HTTP server that keeps deliveries; it responds with `statuses` first, then 200."""

    def __init__(self) -> None:
        self.delivery: queue.Queue[Delivery] = queue.Queue()
        self.statuses: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.delivery.put(Delivery(headers, raw))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def next(self) -> Delivery:
        """Return the next delivery, as soon as it comes."""
        return self.delivery.get(timeout=TIMEOUT_S)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Yield a receiver on this machine."""
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_completed_job_sends_its_result(apiframe: SandboxClient, receiver: Receiver) -> None:
    """The body has the documented fields, and the result has the same form as the job's."""
    job_id = _open(apiframe, {"webhookUrl": receiver.url, "webhookEvents": ["completed"]})
    apiframe.advance(10)
    delivery = receiver.next()

    job = _job(apiframe, job_id)
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


def test_failed_job_sends_its_error(apiframe: SandboxClient, receiver: Receiver) -> None:
    """Without named events, the end of the job is sent either way."""
    apiframe.fault({"job": "fail"}, "/v2/images/*")
    job_id = _open(apiframe, {"webhookUrl": receiver.url})
    apiframe.advance(10)
    delivery = receiver.next()

    assert delivery.headers["x-webhook-event"] == "failed"
    assert delivery.body == {
        "event": "failed",
        "jobId": job_id,
        "status": "FAILED",
        "error": _job(apiframe, job_id)["error"],
        "model": "bria-bg-remove",
    }


def test_progress_is_sent_before_the_end(apiframe: SandboxClient, receiver: Receiver) -> None:
    """A subscriber to progress gets it while the job is processed."""
    events = ["progress", "completed"]
    job_id = _open(apiframe, {"webhookUrl": receiver.url, "webhookEvents": events})
    apiframe.advance(5)
    delivery = receiver.next()

    assert delivery.headers["x-webhook-event"] == "progress"
    assert set(delivery.body) == {"event", "jobId", "status", "progress", "model"}
    assert (delivery.body["jobId"], delivery.body["status"]) == (job_id, "PROCESSING")
    assert 0 < delivery.body["progress"] < 100
    apiframe.advance(5)
    assert receiver.next().body["event"] == "completed"


def test_only_the_named_events_are_sent(apiframe: SandboxClient, receiver: Receiver) -> None:
    """A failure is not sent to a subscriber of completions; the next event is another job's end."""
    apiframe.fault({"job": "fail"}, "/v2/images/*")
    _open(apiframe, {"webhookUrl": receiver.url, "webhookEvents": ["completed"]})
    apiframe.advance(10)
    other = _open(apiframe, {"webhookUrl": receiver.url})
    apiframe.advance(10)

    assert receiver.next().body["jobId"] == other
    assert receiver.delivery.empty()


@pytest.mark.parametrize("signing", ["hex", "digest"])
def test_delivery_is_signed_over_its_raw_body(
    apiframe: SandboxClient, receiver: Receiver, signing: str
) -> None:
    """The secret is the digest of the API key, as bytes or as hexadecimal text."""
    chosen = apiframe.http.put("/_webhooks/signing", content=signing)
    assert chosen.json() == {"signing": signing}
    _open(apiframe, {"webhookUrl": receiver.url})
    apiframe.advance(10)
    delivery = receiver.next()

    digest = hashlib.sha256(apiframe.http.headers["X-API-Key"].encode())
    secret = digest.digest() if signing == "digest" else digest.hexdigest().encode()
    expected = hmac.new(secret, delivery.raw, hashlib.sha256).hexdigest()
    assert delivery.headers["x-webhook-signature"] == f"sha256={expected}"


def test_unknown_signing_is_refused(apiframe: SandboxClient) -> None:
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


def test_refused_delivery_is_retried(apiframe: SandboxClient, receiver: Receiver) -> None:
    """After two refusals the third attempt arrives with the same body, and the job says so."""
    receiver.statuses = [500, 404]
    job_id = _open(apiframe, {"webhookUrl": receiver.url})
    assert _job(apiframe, job_id)["webhookStatus"] == "pending"
    apiframe.advance(10)

    tries = [receiver.next() for _ in range(3)]
    assert len({one.raw for one in tries}) == 1
    assert _settled(apiframe, job_id) == "delivered"


@pytest.mark.parametrize("url", ["https://hooks.test.invalid/af", "http://127.0.0.1:9/hook"])
def test_unreachable_webhook_does_not_affect_the_job(apiframe: SandboxClient, url: str) -> None:
    """The job completes on time and says that its webhook failed."""
    job_id = _open(apiframe, {"webhookUrl": url})
    apiframe.advance(10)

    assert _job(apiframe, job_id)["status"] == "COMPLETED"
    assert _settled(apiframe, job_id) == "failed"


def test_replayed_request_sends_no_second_webhook(
    apiframe: SandboxClient, receiver: Receiver
) -> None:
    """The same idempotency key is one job, and one job ends once."""
    body = _body(apiframe, {"webhookUrl": receiver.url})
    headers = {"Idempotency-Key": "one webhook"}
    for _ in range(2):
        apiframe.http.post("/v2/images/background-remove", json=body, headers=headers)
    apiframe.advance(10)
    first = receiver.next()
    other = _open(apiframe, {"webhookUrl": receiver.url})
    apiframe.advance(10)

    assert receiver.next().body["jobId"] == other != first.body["jobId"]


def _body(apiframe: SandboxClient, extra: dict[str, Any]) -> dict[str, Any]:
    url = apiframe.form("/v2/uploads", files={"file": photo()}).json()["url"]
    return {"model": "bria-bg-remove", "briaBgRemoveParams": {"image": url}, **extra}


def _open(apiframe: SandboxClient, extra: dict[str, Any]) -> str:
    body = _body(apiframe, extra)
    job_id: str = apiframe.http.post("/v2/images/background-remove", json=body).json()["jobId"]
    return job_id


def _job(apiframe: SandboxClient, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = apiframe.http.get(f"/v2/jobs/{job_id}").json()
    return job


def _settled(apiframe: SandboxClient, job_id: str) -> object:
    """Poll until the delivery has succeeded or failed."""
    for _ in range(20_000):
        status: object = _job(apiframe, job_id)["webhookStatus"]
        if status != "pending":
            return status
    return "pending"
