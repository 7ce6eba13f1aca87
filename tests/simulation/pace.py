"""How often each provider was called, held against what its account bears, in every window.

What is rare takes no place in the pipeline's pace and is not counted here: finding out about a
doubtful call, by sending it again or by looking for it, and asking for a job to be stopped.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from darkroom.pace import Rules
from tests.fakes.gate import InMemoryGate
from tests.simulation.outside import Invocation, Outside


class Pace:
    """Every call that counts, by provider; times are seconds of the world."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        self._rules = rules
        self._calls: defaultdict[str, list[float]] = defaultdict(list)

    def called(self, provider: str, at: float) -> None:
        """The provider was called."""
        self._calls[provider].append(at)

    def exceeded(self) -> Iterator[str]:
        """One sentence for each provider that was called more often than it bears."""
        for provider, times in self._calls.items():
            rate = self._rules[provider].rate
            if rate is None:
                continue
            times.sort()
            for first, last in zip(times, times[int(rate.calls) :], strict=False):
                if last - first < rate.per_s:
                    yield f"{provider} was called more than {rate.calls} times in {rate.per_s} s"
                    break


class WatchedGate(InMemoryGate):
    """A gate that knows who took each lease.

    A lease is a task's, not a process's. One that was held up while another of the same task went
    on may give back what that one has taken since; then a job is open without a lease.

    Attributes:
        slipped: tasks that may have a job open without a lease for that reason.
    """

    def __init__(self, outside: Outside) -> None:
        super().__init__()
        self.slipped: set[str] = set()
        self._outside = outside
        self._takers: dict[str, Invocation | None] = {}

    def lease(self, provider: str, task_id: str, until: float, most: int, now: float) -> bool:
        """One more open job, unless there are as many as may be."""
        taken = super().lease(provider, task_id, until, most, now)
        if taken:
            self._takers[task_id] = self._outside.current
            self.slipped.discard(task_id)
        return taken

    def release(self, provider: str, task_id: str) -> None:
        """The job is no longer open."""
        current, taker = self._outside.current, self._takers.get(task_id)
        if current and taker and current.begun < taker.begun:
            self.slipped.add(task_id)
        super().release(provider, task_id)
