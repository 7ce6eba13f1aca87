"""Rate invariants: in no window is a provider called more often than its account allows.

Cancelling a job takes no slot of the rate limit and is not counted: it is rare, and nothing waits
for it. Results are fetched from elsewhere. When the response of a function that polls in place is
lost, the workflow polls the job, too, until that function ends; such a pair of polls counts once.
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
"""Tight enough for the few tasks of one simulation; zeta's are Perfect's."""


BLOCKED_SIGN: Final = "until its owner fixes the account."
"""The end of every refusal because of a blocked account, and of no other one."""
PAIR_S: Final = 4.0
"""Two processes that poll one job within this poll in place of each other."""


class RateMonitor:
    """Every call that counts, by provider; times are seconds since the start."""

    def __init__(self, rules: Mapping[str, Rules]) -> None:
        self._rules = rules
        self._calls: defaultdict[str, list[float]] = defaultdict(list)
        self._polled: dict[str, tuple[float, Invocation | None]] = {}

    def record_call(self, provider: str, at: float) -> None:
        """The provider was called."""
        self._calls[provider].append(at)

    def record_poll(self, provider: str, job_id: str, at: float, by: Invocation | None) -> None:
        """The provider was polled."""
        last, asked_by = self._polled.get(job_id, (-PAIR_S, by))
        if by is not asked_by and at - last < PAIR_S and self._rules[provider].calls_per_job:
            return
        self._polled[job_id] = at, by
        self.record_call(provider, at)

    def find_violations(self) -> Iterator[str]:
        """A sentence for each provider that was called too often."""
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
    """A rate limiter that records which process took each lease.

    A lease belongs to a task, not to a process. A process that was delayed may release what another
    one of the same task has taken since; then a job is open without a lease.

    Attributes:
        without_lease: tasks that may have a job open without a lease for that reason.
        leased_at: task -> when it last took a lease.
        max_lease_s: the longest duration of a lease.
        max_pause_s: provider -> its longest pause because of a blocked account, the pause of the
            first other failure after that included.
    """

    def __init__(self, injector: FaultInjector) -> None:
        super().__init__()
        self.without_lease: set[str] = set()
        self.leased_at: dict[str, float] = {}
        self.max_lease_s = 0.0
        self.max_pause_s: dict[str, float] = {}
        self._injector = injector
        self._takers: dict[str, Invocation | None] = {}

    def lease(self, provider: str, task_id: str, until: float, most: int, now: float) -> bool:
        """Take a lease for one more open job, if one is free."""
        taken = super().lease(provider, task_id, until, most, now)
        if taken:
            self._takers[task_id] = self._injector.current
            if provider != DELIVERY:  # not a lease for a job
                self.max_lease_s = max(self.max_lease_s, until - now)
            self.leased_at[task_id] = self._injector.scheduler.now
            self.without_lease.discard(task_id)
        return taken

    def release(self, provider: str, task_id: str) -> None:
        """Release the lease."""
        current, taker = self._injector.current, self._takers.get(task_id)
        if current and taker and current.begun < taker.begun:
            self.without_lease.add(task_id)
        super().release(provider, task_id)

    def compare_and_set(self, provider: str, old: CircuitState, new: CircuitState) -> bool:
        """Store `new` if `old` is still stored; whether it was."""
        changed = super().compare_and_set(provider, old, new)
        if changed and any(one.reason.endswith(BLOCKED_SIGN) for one in (old, new)):
            pause_s = new.until - (START.timestamp() + self._injector.scheduler.now)
            self.max_pause_s[provider] = max(pause_s, self.max_pause_s.get(provider, 0.0))
        return changed
