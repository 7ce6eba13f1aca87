"""Values that a process reads at most once a minute, whatever asks for them."""

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")

FRESH_S = 60.0
"""How long a value that was read is used in this process."""


class RecentReads(Generic[_K, _V]):
    """Keeps values for `FRESH_S` seconds.

    Args:
        absent: the value of a key before it was ever read.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, absent: _V, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._absent = absent
        self._monotonic = monotonic
        self._kept: dict[_K, tuple[float, _V]] = {}

    def get(self, key: _K, read: Callable[[], _V]) -> _V:
        """The value, read again if it is too old.

        What `read` raises is raised once; then the last value holds for another minute, so that
        nobody waits for a table that is down each time.
        """
        kept_at, value = self._kept.get(key, (-FRESH_S, self._absent))
        if self._monotonic() - kept_at >= FRESH_S:
            self.keep(key, value)
            value = read()
            self.keep(key, value)
        return value

    def keep(self, key: _K, value: _V) -> None:
        """Use this value from now on."""
        self._kept[key] = self._monotonic(), value

    def forget(self, key: _K) -> None:
        """Read the value when it is asked for next."""
        self._kept.pop(key, None)
