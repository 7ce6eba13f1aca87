"""How often each provider was called, held against what its account bears, in every window.

Asking for a job to be stopped takes no place in the pipeline's pace and is not counted here: it
is rare, and nobody waits for it. Results are fetched from elsewhere. When the answer of a SUBMIT
that stays with its job is lost, the workflow asks about the job, too, until that SUBMIT is over;
such a pair of questions is counted once.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.pipeline.admission.payment_pause import DELIVERY
from tests.fakes.clock import START
from tests.fakes.limiter import InMemoryLimiter
from tests.simulation.fault_injection import FaultInjector, Invocation

RULES: Final[Mapping[str, Rules]] = {
    "alpha": Rules(Rate(6, 60)),
    "beta": Rules(open_jobs=5),
    "gamma": Rules(open_jobs=5),
    "delta": Rules(Rate(6, 60)),
    "epsilon": Rules(Rate(30, 60), open_jobs=5),
    "zeta": Rules(Rate(100, 300), open_jobs=1, calls_per_file=1, calls_per_job=4),
}
"""Tight enough to be felt by the few tasks of one world; zeta bears what Perfect does."""


BLOCKED_SIGN: Final = "until people mend the account."
"""How every refusal for an account's sake ends, and no other one."""
PAIR_S: Final = 4.0
"""Two processes that ask about one job within this ask in place of each other."""


class RateMonitor:
    """Every call that counts, by provider; times are seconds of the world."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        self._rules = rules
        self._calls: defaultdict[str, list[float]] = defaultdict(list)
        self._asked: dict[str, tuple[float, Invocation | None]] = {}

    def called(self, provider: str, at: float) -> None:
        """The provider was called."""
        self._calls[provider].append(at)

    def asked(self, provider: str, job_id: str, at: float, by: Invocation | None) -> None:
        """The provider was asked about a job."""
        last, whoever = self._asked.get(job_id, (-PAIR_S, by))
        attended = by is not whoever and "submit" in {i.verb for i in (by, whoever) if i}
        if attended and at - last < PAIR_S and self._rules[provider].calls_per_job:
            return
        self._asked[job_id] = at, by
        self.called(provider, at)

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


class WatchedLimiter(InMemoryLimiter):
    """A gate that knows who took each lease.

    A lease is a task's, not a process's. One that was held up while another of the same task went
    on may give back what that one has taken since; then a job is open without a lease.

    Attributes:
        slipped: tasks that may have a job open without a lease for that reason.
        taken: task -> when it took a lease last.
        longest_s: for how long a lease was taken at most.
        paused: provider -> for how long it was paused at most for its account's sake, or by the
            first refusal of another kind after that.
    """

    def __init__(self, injector: FaultInjector) -> None:
        super().__init__()
        self.slipped: set[str] = set()
        self.taken: dict[str, float] = {}
        self.longest_s = 0.0
        self.paused: dict[str, float] = {}
        self._outside = injector
        self._takers: dict[str, Invocation | None] = {}

    def lease(self, provider: str, task_id: str, until: float, most: int, now: float) -> bool:
        """One more open job, unless there are as many as may be."""
        taken = super().lease(provider, task_id, until, most, now)
        if taken:
            self._takers[task_id] = self._outside.current
            if provider != DELIVERY:  # nobody's job
                self.longest_s = max(self.longest_s, until - now)
            self.taken[task_id] = self._outside.scheduler.now
            self.slipped.discard(task_id)
        return taken

    def release(self, provider: str, task_id: str) -> None:
        """The job is no longer open."""
        current, taker = self._outside.current, self._takers.get(task_id)
        if current and taker and current.begun < taker.begun:
            self.slipped.add(task_id)
        super().release(provider, task_id)

    def compare_and_set(self, provider: str, old: CircuitState, new: CircuitState) -> bool:
        """Remember `new` where `old` is still what is known; whether it was."""
        changed = super().compare_and_set(provider, old, new)
        if changed and any(one.reason.endswith(BLOCKED_SIGN) for one in (old, new)):
            pause_s = new.until - (START.timestamp() + self._outside.scheduler.now)
            self.paused[provider] = max(pause_s, self.paused.get(provider, 0.0))
        return changed
