"""The one clock of the simulated world, and everything that is still to happen on it.

Time passes in two ways. `run` takes what is due next. `pass_` lets time go by inside a call of
the pipeline, and what falls due meanwhile happens there and then, in the middle of that call:

    door A ──get──────────────────────────────replace──▶
                 └─ door B ──get──replace──▶ ┘
So doors interleave without threads. Those begun later end first; to the earlier one that is a
pause, which any process may suffer.
"""

import heapq
import itertools
from collections.abc import Callable

Act = Callable[[], object]

MAX_DEPTH = 3
"""How many calls may be in the middle of each other; what falls due below that waits."""


class Scheduler:
    """Seconds since the beginning, and a heap of what is due. Equal times keep their order."""

    def __init__(self) -> None:
        self.now = 0.0
        self.depth = 0
        self._heap: list[tuple[float, int, Act]] = []
        self._count = itertools.count()

    @property
    def idle(self) -> bool:
        """Whether nothing is left to happen."""
        return not self._heap

    def after(self, seconds: float, act: Act) -> None:
        """Let `act` happen so many seconds from now."""
        heapq.heappush(self._heap, (self.now + seconds, next(self._count), act))

    def pass_(self, seconds: float) -> None:
        """Let time go by in the middle of a call."""
        until = self.now + seconds
        heap = self._heap
        if heap and heap[0][0] <= until and self.depth < MAX_DEPTH:
            self.depth += 1
            try:
                while heap and heap[0][0] <= until:
                    self._next()
            finally:
                self.depth -= 1
        self.now = max(self.now, until)

    def run(self) -> None:
        """Let everything happen until nothing is left to happen."""
        while self._heap:
            self._next()

    def _next(self) -> None:
        at, _, act = heapq.heappop(self._heap)
        self.now = max(self.now, at)
        act()
