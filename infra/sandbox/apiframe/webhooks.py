"""Tells a job's owner by webhook how the job goes, as Apiframe does.

Bodies and headers are those of apiframe.ai/docs, "Webhooks". How often the vendor tries, and which
events it sends to who names none, is documented nowhere; what stands below is a guess. A job never
waits for its webhook: each has a thread of its own, which ends with the job.
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
from infra.sandbox.jobs import Job, Standing

Event = Literal["progress", "completed", "failed"]
Status = Literal["pending", "delivered", "failed"]
Signing = Literal["digest", "hex"]

DEFAULT_EVENTS: tuple[Event, ...] = ("completed", "failed")
LOOKS_EVERY_S = 0.1
PROGRESS_STEP = 25  # percent between two progress events
TIMEOUT_S = 2.0
PAUSES_S = (0.2, 1.0)  # before the second and the third try

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subscription:
    """Who is told about a job, and about what; `result` renders the job's result for them."""

    url: str
    events: frozenset[str]
    result: Callable[[Standing], object]


def sign(api_key: str, body: bytes, signing: Signing) -> str:
    """Return the value of `X-Webhook-Signature`.

    The secret is the SHA-256 of the key. The vendor's Node SDK takes its 32 bytes (`digest`);
    a client in production takes their 64 hexadecimal digits (`hex`).
    """
    secret = hashlib.sha256(api_key.encode())
    key = secret.digest() if signing == "digest" else secret.hexdigest().encode()
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


class Webhooks:
    """The webhooks of one sandbox; `signing` may be changed while it runs."""

    def __init__(self, world: SandboxState, api_key: str, *, signing: Signing = "digest") -> None:
        self._world = world
        self._api_key = api_key
        self._status: dict[str, Status] = {}
        self.signing = signing

    def follow(self, job: Job, subscription: Subscription) -> None:
        """Tell the subscriber from now on, until the job has ended."""
        self._status[job.id] = "pending"
        name = f"sandbox-webhook-{job.id}"
        thread = threading.Thread(
            target=self._follow, args=(job, subscription), daemon=True, name=name
        )
        thread.start()

    def status(self, job_id: str) -> Status | None:
        """Say how the last delivery about a job went; None when nobody is told about it."""
        return self._status.get(job_id)

    def _follow(self, job: Job, subscription: Subscription) -> None:
        told = -1
        while not self._world.stopping.wait(LOOKS_EVERY_S):
            standing = self._world.jobs.look(job)
            if standing.phase == "working" and standing.progress // PROGRESS_STEP > told:
                told = standing.progress // PROGRESS_STEP
                self._tell(job, subscription, "progress", standing)
            if standing.phase == "done":
                return self._tell(job, subscription, "completed", standing)
            if standing.phase == "failed":
                return self._tell(job, subscription, "failed", standing)
            if standing.phase == "cancelled":
                break
        return None

    def _tell(self, job: Job, to: Subscription, event: Event, standing: Standing) -> None:
        if event not in to.events:
            return
        body = json.dumps(_write(job, event, standing, to.result)).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Webhook-Event": event,
            "X-Webhook-Signature": sign(self._api_key, body, self.signing),
        }
        self._status[job.id] = "delivered" if self._deliver(to.url, body, headers) else "failed"

    def _deliver(self, url: str, body: bytes, headers: Mapping[str, str]) -> bool:
        # Nothing can ever answer under .invalid (RFC 2606), so it is not asked.
        if f".{urlsplit(url).hostname}".endswith(".invalid"):
            return False
        for pause in (*PAUSES_S, None):
            try:
                if httpx.post(url, content=body, headers=headers, timeout=TIMEOUT_S).is_success:
                    return True
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
                _log.info("a webhook was not delivered: %s", type(exc).__name__)
            if pause is None or self._world.stopping.wait(pause):
                break
        return False


def read_events(named: Sequence[str] | None) -> frozenset[str]:
    """Return the events that a body's `webhookEvents` asks for."""
    return frozenset(DEFAULT_EVENTS if named is None else named)


def _write(
    job: Job, event: Event, standing: Standing, result: Callable[[Standing], object]
) -> dict[str, object]:
    head: dict[str, object] = {"event": event, "jobId": job.id}
    model = {"model": job.facts["model"]}
    if event == "progress":
        return {**head, "status": "PROCESSING", "progress": standing.progress, **model}
    if event == "failed":
        return {**head, "status": "FAILED", "error": standing.error, **model}
    ended = standing.ended_at
    return {
        **head,
        "status": "COMPLETED",
        "progress": 100,
        "result": result(standing),
        **model,
        "creditCost": job.facts["credits"],
        "completedAt": None if ended is None else iso_millis(ended),
    }
