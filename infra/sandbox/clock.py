"""The sandbox's own clock: wall time that can run faster and jump ahead.

Everything in a sandbox that depends on time (jobs, rate limit, expiry, ledger) uses this clock
only, so a test can inject a fixed source and advance the clock by hand.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Unix time in seconds, as this sandbox sees it.

    `source` returns real seconds; `speed` is the number of sandbox seconds in a real one. The clock
    never goes backwards.
    """

    def __init__(self, source: Callable[[], float] = time.time, *, speed: float = 1.0) -> None:
        self._source = source
        self._speed = speed
        self._source_s = source()
        self._sandbox_s = self._source_s
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the sandbox's time in Unix seconds."""
        with self._lock:
            return self._read()

    def real(self) -> float:
        """Return the source's time, independent of speed and jumps."""
        return self._source()

    @property
    def speed(self) -> float:
        """The number of sandbox seconds in a real second."""
        return self._speed

    def advance(self, seconds: float) -> None:
        """Jump ahead by `seconds`, which must not be negative."""
        with self._lock:
            self._rebase(self._read() + seconds)

    def set_speed(self, speed: float) -> None:
        """Change the speed from now on."""
        with self._lock:
            self._rebase(self._read())
            self._speed = speed

    def _read(self) -> float:
        return self._sandbox_s + max(0.0, self._source() - self._source_s) * self._speed

    def _rebase(self, sandbox_s: float) -> None:
        self._source_s = self._source()
        self._sandbox_s = sandbox_s


def iso_seconds(at: float) -> str:
    """Write a time as ISO 8601 in UTC with whole seconds and a `Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_millis(at: float) -> str:
    """Write a time as ISO 8601 in UTC with milliseconds and a `Z`."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
