"""Remembers for 24 hours which job an `Idempotency-Key` made.

One key is handled by one request at a time: a repeat that arrives while the first is still being
accepted waits for it and then finds its job.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from infra.sandbox.clock import Clock

LIFETIME_S = 24 * 3600.0


@dataclass(frozen=True)
class Replay:
    """What a key stands for: the digest of its body, and the job that it made."""

    body_digest: str
    job_id: str
    expires_at: float


class Replays:
    """Jobs by key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, Replay] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, key: str | None) -> Iterator[Replay | None]:
        """Hold a key for the length of the block; gives what it already stands for."""
        if key is None:
            yield None
            return
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            known = self._known.get(key)
            yield known if known is not None and known.expires_at > self._clock.now() else None

    def remember(self, key: str | None, body_digest: str, job_id: str) -> None:
        """Note which job a key made; call it while holding the key."""
        if key is not None:
            self._known[key] = Replay(body_digest, job_id, self._clock.now() + LIFETIME_S)
