"""The rate limit: a fixed window per key, opened by its first request.

A request that is refused does not count.
"""

import math
import threading
from dataclasses import dataclass

from infra.sandbox.clock import Clock

WINDOW_S = 60.0


@dataclass(frozen=True)
class Standing:
    """Where a key stands after a request: `retry_after_s` is set when it was refused."""

    limit: int
    remaining: int
    resets_at: float
    retry_after_s: int | None = None


class Pace:
    """Counts requests per key and window; a limit of None means none."""

    def __init__(self, clock: Clock, limit: int | None, window_s: float = WINDOW_S) -> None:
        self.limit = limit
        self._window_s = window_s
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def take(self, key: str) -> Standing | None:
        """Count one request of `key`, or refuse it; None when there is no limit."""
        with self._lock:
            limit = self.limit
            if limit is None:
                return None
            now = self._clock.now()
            opened, used = self._windows.get(key, (now, 0))
            if now >= opened + self._window_s:
                opened, used = now, 0
            resets_at = opened + self._window_s
            if used >= limit:
                wait = max(1, math.ceil(resets_at - now))
                return Standing(limit, 0, resets_at, retry_after_s=wait)
            self._windows[key] = (opened, used + 1)
            return Standing(limit, limit - used - 1, resets_at)
