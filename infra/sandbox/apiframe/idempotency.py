"""Remembers for 24 hours which job an `Idempotency-Key` created.

One request at a time can hold a key: a repeat that arrives while the first request is still being
accepted waits for it and then finds its job.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from infra.sandbox.clock import Clock

LIFETIME_S = 24 * 3600.0


@dataclass(frozen=True)
class KeyUse:
    """The first use of a key: the digest of the request's body, and the job that it created."""

    body_digest: str
    job_id: str
    expires_at: float


class IdempotencyKeys:
    """Jobs by key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, KeyUse] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, key: str | None) -> Iterator[KeyUse | None]:
        """Hold a key during the block; yields its first use, None if it is new or expired."""
        if key is None:
            yield None
            return
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            known = self._known.get(key)
            yield known if known is not None and known.expires_at > self._clock.now() else None

    def remember(self, key: str | None, body_digest: str, job_id: str) -> None:
        """Remember which job a key created; call it while holding the key."""
        if key is not None:
            self._known[key] = KeyUse(body_digest, job_id, self._clock.now() + LIFETIME_S)
