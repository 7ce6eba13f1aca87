"""Tells a task's webhook about its end, on the side: it never delays or fails the task.

Body, header and "on completed or failed" from "Unified API Webhook" (piapi.ai/docs); the number of
tries and the seconds between them are a guess. Hosts under `.invalid` are never tried: they are
reserved for addresses that mean nobody (RFC 2606).
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx

from infra.sandbox.context import SandboxState
from infra.sandbox.goapi.api.tasks import Task, Tasks

TRIES = 3
LOOKS_EVERY_S = 0.1
ANSWER_S = 2.0

_log = logging.getLogger(__name__)

Show = Callable[[Task, str], dict[str, object]]


class Webhooks:
    """Sends what `show` says of a task, and brings tasks to their end though nobody polls."""

    def __init__(self, world: SandboxState, tasks: Tasks, show: Show) -> None:
        self._world = world
        self._tasks = tasks
        self._show = show
        self._senders = ThreadPoolExecutor(max_workers=4, thread_name_prefix="sandbox-webhook")
        self._open: dict[str, Task] = {}
        self._lock = threading.Lock()
        self._watching = False

    def accepted(self, task: Task) -> None:
        """Look after an accepted task, and tell of its creation where that is wanted."""
        if _endpoint(task) is None:
            return
        if self._world.knobs["webhook_on_creation"]:
            self._tell(task)
        with self._lock:
            self._open[task.id] = task
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, daemon=True, name="sandbox-watch").start()

    def ended(self, task: Task) -> None:
        """Send the end of a task, soon and from another thread."""
        if _endpoint(task) is not None:
            self._tell(task)

    def _watch(self) -> None:
        while not self._world.stopping.wait(LOOKS_EVERY_S):
            for task in list(self._open.values()):
                if self._tasks.look(task).standing.ended_at is not None:
                    self._open.pop(task.id, None)
            with self._lock:
                if not self._open:
                    self._watching = False
                    return

    def _tell(self, task: Task) -> None:
        if not self._world.stopping.is_set():
            self._senders.submit(self._send, task)

    def _send(self, task: Task) -> None:
        endpoint = _endpoint(task)
        if endpoint is None:
            return
        body = {"timestamp": int(self._world.clock.now()), "data": self._show(task, task.call.base)}
        secret = _webhook(task).get("secret")
        headers = {"x-webhook-secret": str(secret)} if secret else {}
        for number in range(TRIES):
            if number and self._world.stopping.wait(float(self._world.knobs["webhook_retry_s"])):
                return
            try:
                if httpx.post(endpoint, json=body, headers=headers, timeout=ANSWER_S).is_success:
                    return
            except (httpx.HTTPError, httpx.InvalidURL):
                _log.debug("the webhook of task %s could not be reached", task.id)


def is_reachable(endpoint: str) -> bool:
    """Tell whether an endpoint is an address that somebody may be at."""
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
