"""The one clock of a simulation, and every event that is scheduled on it.

Time passes in two ways. `run` takes the next event. `advance` lets time pass inside a call of the
pipeline, and what falls due happens there and then, in the middle of that call:

    process A ──get──────────────────────────────replace──▶
                    └─ process B ──get──replace──▶ ┘
So processes interleave without threads. One that began later ends first; for the earlier one that
is a pause, which any process may suffer.
"""

import heapq
import itertools
from collections.abc import Callable

Act = Callable[[], object]

MAX_DEPTH = 3
"""How deep calls may be nested; events below that wait."""


class Scheduler:
    """Seconds since the start, and a heap of events. Events of the same time keep their order."""

    def __init__(self) -> None:
        self.now = 0.0
        self.depth = 0
        self._heap: list[tuple[float, int, Act]] = []
        self._count = itertools.count()

    @property
    def idle(self) -> bool:
        """Whether no event is scheduled."""
        return not self._heap

    def after(self, seconds: float, act: Act) -> None:
        """Schedule `act` in this many seconds."""
        heapq.heappush(self._heap, (self.now + seconds, next(self._count), act))

    def advance(self, seconds: float) -> None:
        """Let time pass in the middle of a call."""
        until = self.now + seconds
        heap = self._heap
        if heap and heap[0][0] <= until and self.depth < MAX_DEPTH:
            self.depth += 1
            try:
                while heap and heap[0][0] <= until:
                    self.run_next()
            finally:
                self.depth -= 1
        self.now = max(self.now, until)

    def run(self) -> None:
        """Run every event until none is left."""
        while self._heap:
            self.run_next()

    def run_next(self) -> None:
        """Run the next event."""
        at, _, act = heapq.heappop(self._heap)
        self.now = max(self.now, at)
        act()
