"""The sandbox's own clock: wall time that can run faster and jump ahead.

Everything in a sandbox that depends on time (jobs, rate windows, expiry, ledger) asks this clock
and nothing else, so a test injects a source that stands still and moves it by hand.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Seconds since the epoch, as this sandbox sees them.

    `source` gives real seconds; `speed` is how many sandbox seconds pass in one of them. Changing
    the speed or jumping never moves the clock backwards.
    """

    def __init__(self, source: Callable[[], float] = time.time, *, speed: float = 1.0) -> None:
        self._source = source
        self._speed = speed
        self._real = source()
        self._shown = self._real
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the sandbox's time in Unix seconds."""
        with self._lock:
            return self._read()

    def real(self) -> float:
        """Return the source's time, which no speed and no jump changes."""
        return self._source()

    @property
    def speed(self) -> float:
        """How many sandbox seconds pass in one real second."""
        return self._speed

    def advance(self, seconds: float) -> None:
        """Jump ahead by `seconds`, which must not be negative."""
        with self._lock:
            self._settle(self._read() + seconds)

    def run_at(self, speed: float) -> None:
        """Run at another speed from now on."""
        with self._lock:
            self._settle(self._read())
            self._speed = speed

    def _read(self) -> float:
        return self._shown + max(0.0, self._source() - self._real) * self._speed

    def _settle(self, shown: float) -> None:
        self._real = self._source()
        self._shown = shown


def iso_seconds(at: float) -> str:
    """Write a time as ISO 8601 in UTC with whole seconds and a `Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_millis(at: float) -> str:
    """Write a time as ISO 8601 in UTC with milliseconds and a `Z`."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
