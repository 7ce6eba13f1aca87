"""Sends a job's events to its webhook.

Bodies and headers are those of apiframe.ai/docs, "Webhooks". The number of attempts and the default
events are not documented; they are guesses. A job never waits for its webhook: each subscription
has its own thread, which ends with the job.
"""

import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import httpx

from infra.sandbox.clock import iso_millis
from infra.sandbox.context import SandboxState
from infra.sandbox.jobs import Job, JobStatus

Event = Literal["progress", "completed", "failed"]
Status = Literal["pending", "delivered", "failed"]
Signing = Literal["digest", "hex"]

DEFAULT_EVENTS: tuple[Event, ...] = ("completed", "failed")
CHECK_INTERVAL_S = 0.1
PROGRESS_STEP = 25  # percent between two progress events
TIMEOUT_S = 2.0
RETRY_DELAYS_S = (0.2, 1.0)  # before the second and the third try

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subscription:
    """The webhook of a job: its URL and events; `result` renders the job's result."""

    url: str
    events: frozenset[str]
    result: Callable[[JobStatus], object]


def sign(api_key: str, body: bytes, signing: Signing) -> str:
    """Return the value of `X-Webhook-Signature`.

    The secret is the SHA-256 of the key. The vendor's Node SDK uses its 32 bytes (`digest`); a
    client in production uses their 64 hexadecimal digits (`hex`).
    """
    secret = hashlib.sha256(api_key.encode())
    key = secret.digest() if signing == "digest" else secret.hexdigest().encode()
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


class Webhooks:
    """The webhooks of one sandbox; `signing` can be changed while it runs."""

    def __init__(self, state: SandboxState, api_key: str, *, signing: Signing = "digest") -> None:
        self._state = state
        self._api_key = api_key
        self._status: dict[str, Status] = {}
        self.signing = signing

    def follow(self, job: Job, subscription: Subscription) -> None:
        """Send the job's events from now on, until it has ended."""
        self._status[job.id] = "pending"
        name = f"sandbox-webhook-{job.id}"
        thread = threading.Thread(
            target=self._follow, args=(job, subscription), daemon=True, name=name
        )
        thread.start()

    def status(self, job_id: str) -> Status | None:
        """Return the status of the job's last delivery, None without a subscription."""
        return self._status.get(job_id)

    def _follow(self, job: Job, subscription: Subscription) -> None:
        last_step = -1
        while not self._state.stopping.wait(CHECK_INTERVAL_S):
            job_status = self._state.jobs.status_of(job)
            if job_status.phase == "working" and job_status.progress // PROGRESS_STEP > last_step:
                last_step = job_status.progress // PROGRESS_STEP
                self._notify(job, subscription, "progress", job_status)
            if job_status.phase == "done":
                return self._notify(job, subscription, "completed", job_status)
            if job_status.phase == "failed":
                return self._notify(job, subscription, "failed", job_status)
            if job_status.phase == "cancelled":
                break
        return None

    def _notify(self, job: Job, to: Subscription, event: Event, job_status: JobStatus) -> None:
        if event not in to.events:
            return
        body = json.dumps(_event_body(job, event, job_status, to.result)).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Webhook-Event": event,
            "X-Webhook-Signature": sign(self._api_key, body, self.signing),
        }
        self._status[job.id] = "delivered" if self._deliver(to.url, body, headers) else "failed"

    def _deliver(self, url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        # No host exists under .invalid (RFC 2606), so it is not called.
        if f".{urlsplit(url).hostname}".endswith(".invalid"):
            return False
        for pause in (*RETRY_DELAYS_S, None):
            try:
                if httpx.post(url, content=body, headers=headers, timeout=TIMEOUT_S).is_success:
                    return True
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
                _log.info("a webhook was not delivered: %s", type(exc).__name__)
            if pause is None or self._state.stopping.wait(pause):
                break
        return False


def read_events(named: Sequence[str] | None) -> frozenset[str]:
    """Return the events of a body's `webhookEvents`, the defaults without one."""
    return frozenset(DEFAULT_EVENTS if named is None else named)


def _event_body(
    job: Job, event: Event, job_status: JobStatus, result: Callable[[JobStatus], object]
) -> dict[str, object]:
    head: dict[str, object] = {"event": event, "jobId": job.id}
    model = {"model": job.metadata["model"]}
    if event == "progress":
        return {**head, "status": "PROCESSING", "progress": job_status.progress, **model}
    if event == "failed":
        return {**head, "status": "FAILED", "error": job_status.error, **model}
    ended = job_status.ended_at
    return {
        **head,
        "status": "COMPLETED",
        "progress": 100,
        "result": result(job_status),
        **model,
        "creditCost": job.metadata["credits"],
        "completedAt": None if ended is None else iso_millis(ended),
    }
