"""Sends a task's webhook when the task ends, in the background: it never delays or fails the task.

Body, header and "on completed or failed" from "Unified API Webhook" (piapi.ai/docs). The number of
attempts and the seconds between them are guesses. Hosts under `.invalid` are never called: no such
host exists (RFC 2606).
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx

from infra.sandbox.context import SandboxState
from infra.sandbox.goapi.api.tasks import Task, Tasks

MAX_ATTEMPTS = 3
CHECK_INTERVAL_S = 0.1
TIMEOUT_S = 2.0

_log = logging.getLogger(__name__)

Show = Callable[[Task, str], dict[str, object]]


class Webhooks:
    """Sends what `show` builds of a task. It ends tasks on time even if no client polls."""

    def __init__(self, state: SandboxState, tasks: Tasks, show: Show) -> None:
        self._state = state
        self._tasks = tasks
        self._show = show
        self._senders = ThreadPoolExecutor(max_workers=4, thread_name_prefix="sandbox-webhook")
        self._open: dict[str, Task] = {}
        self._lock = threading.Lock()
        self._watching = False

    def accepted(self, task: Task) -> None:
        """Watch an accepted task; also send its creation where the knob is on."""
        if _endpoint(task) is None:
            return
        if self._state.knobs["webhook_on_creation"]:
            self._send_soon(task)
        with self._lock:
            self._open[task.id] = task
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, daemon=True, name="sandbox-watch").start()

    def ended(self, task: Task) -> None:
        """Send the end of a task from another thread."""
        if _endpoint(task) is not None:
            self._send_soon(task)

    def _watch(self) -> None:
        while not self._state.stopping.wait(CHECK_INTERVAL_S):
            for task in list(self._open.values()):
                if self._tasks.status_of(task).job_status.ended_at is not None:
                    self._open.pop(task.id, None)
            with self._lock:
                if not self._open:
                    self._watching = False
                    return

    def _send_soon(self, task: Task) -> None:
        if not self._state.stopping.is_set():
            self._senders.submit(self._send, task)

    def _send(self, task: Task) -> None:
        endpoint = _endpoint(task)
        if endpoint is None:
            return
        body = {
            "timestamp": int(self._state.clock.now()),
            "data": self._show(task, task.ctx.base_url),
        }
        secret = _webhook(task).get("secret")
        headers = {"x-webhook-secret": str(secret)} if secret else {}
        for number in range(MAX_ATTEMPTS):
            if number and self._state.stopping.wait(float(self._state.knobs["webhook_retry_s"])):
                return
            try:
                if httpx.post(endpoint, json=body, headers=headers, timeout=TIMEOUT_S).is_success:
                    return
            except (httpx.HTTPError, httpx.InvalidURL):
                _log.debug("the webhook of task %s could not be reached", task.id)


def is_reachable(endpoint: str) -> bool:
    """Whether an endpoint is an HTTP URL whose host can exist."""
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and not f".{host}".endswith(".invalid")


def _endpoint(task: Task) -> str | None:
    endpoint = str(_webhook(task).get("endpoint") or "")
    return endpoint if is_reachable(endpoint) else None


def _webhook(task: Task) -> dict[str, object]:
    webhook = task.config["webhook_config"]
    return webhook if isinstance(webhook, dict) else {}
