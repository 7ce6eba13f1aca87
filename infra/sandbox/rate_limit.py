"""The rate limit: a fixed window per key, which starts with the key's first request.

A refused request does not count.
"""

import math
import threading
from dataclasses import dataclass

from infra.sandbox.clock import Clock

WINDOW_S = 60.0


@dataclass(frozen=True)
class RateLimitDecision:
    """The decision on one request of a key: refused if `retry_after_s` is set."""

    limit: int
    remaining: int
    resets_at: float
    retry_after_s: int | None = None


class RateLimit:
    """Counts requests per key and window; `max_requests` of None means no limit."""

    def __init__(self, clock: Clock, max_requests: int | None, window_s: float = WINDOW_S) -> None:
        self.max_requests = max_requests
        self._window_s = window_s
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def take(self, key: str) -> RateLimitDecision | None:
        """Count or refuse one request of `key`; None without a limit."""
        with self._lock:
            limit = self.max_requests
            if limit is None:
                return None
            now = self._clock.now()
            opened, used = self._windows.get(key, (now, 0))
            if now >= opened + self._window_s:
                opened, used = now, 0
            resets_at = opened + self._window_s
            if used >= limit:
                wait = max(1, math.ceil(resets_at - now))
                return RateLimitDecision(limit, 0, resets_at, retry_after_s=wait)
            self._windows[key] = (opened, used + 1)
            return RateLimitDecision(limit, limit - used - 1, resets_at)
