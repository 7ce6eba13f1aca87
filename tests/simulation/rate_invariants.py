"""Rate invariants: in no window is a provider called more often than its account allows.

Cancelling a job takes no call of the rate and is not counted: it is rare, and nothing waits
for it. Results are fetched from elsewhere. When the response of a function that polls in place is
lost, the workflow polls the job, too, until that function ends; such a pair of polls counts once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.domain.turns import Turns, Waiter
from tests.fakes.clock import START
from tests.fakes.limiter import InMemoryLimiter
from tests.fakes.lines import InMemoryLines
from tests.fakes.tasks import InMemoryTasks
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


class WatchedLines(InMemoryLines):
    """The lines, recording which process opened each job.

    An open job belongs to a task, not to a process. A process that was delayed may release what
    another one of the same task has opened since; then a job is open and does not count.

    Attributes:
        uncounted: tasks that may have an open job that does not count, for that reason.
        opened_at: task -> when its job was last opened.
        max_open_s: the longest time for which a job counts.
        violations: turns that were given in another order, or twice.
        turns_given: called with what was given out before and after each change.
    """

    def __init__(self, tasks: InMemoryTasks, injector: FaultInjector) -> None:
        super().__init__(tasks)
        self.uncounted: set[str] = set()
        self.opened_at: dict[str, float] = {}
        self.max_open_s = 0.0
        self.violations: list[str] = []
        self.turns_given: Callable[[str, Turns, Turns], None] = lambda *_: None
        self._injector = injector
        self._openers: dict[str, Invocation | None] = {}
        self._seen: dict[tuple[int, str], Sequence[Waiter]] = {}

    def first(self, provider: str, most: int) -> Sequence[Waiter]:
        """The first in line, remembered for the turns that this process gives."""
        line = super().first(provider, most)
        self._seen[id(self._injector.current), provider] = line
        return line

    def compare_and_set(self, provider: str, old: Turns, new: Turns) -> bool:
        """Store what is given out now."""
        changed = super().compare_and_set(provider, old, new)
        if changed:
            self._check_given(provider, old, new)
            self.turns_given(provider, old, new)
            for task_id in new.open_jobs.keys() - old.open_jobs.keys():
                self._record_opened(task_id, new.open_jobs[task_id])
            for task_id in old.open_jobs.keys() - new.open_jobs.keys():
                self._record_closed(task_id)
        return changed

    def find_forgotten(self, provider: str, rules: Rules, now: float) -> set[tuple[str, int]]:
        """The first in line, and its run, if it waits for a turn that is free."""
        turns, _ = self.turns(provider).without_expired(rules, now)
        busy = turns.given.keys() | turns.open_jobs.keys()
        idle = [one for one in super().first(provider, 99) if one.task_id not in busy]
        if not idle or not turns.may_give(rules, now):
            return set()
        return {(idle[0].task_id, idle[0].run)}

    def _check_given(self, provider: str, old: Turns, new: Turns) -> None:
        """Turns go to the first in line, and to nobody twice."""
        fresh = {one for one, turn in new.given.items() if turn != old.given.get(one)}
        for task_id in sorted(fresh & new.open_jobs.keys()):
            if not new.given[task_id].used:
                self.violations.append(f"{task_id} got a turn while its job is open")
        given = new.given.keys() - old.given.keys()
        line = self._seen.get((id(self._injector.current), provider), ())
        names = [one.task_id for one in line]
        for task_id in given:
            before = names[: names.index(task_id)] if task_id in names else []
            passed = set(before) - new.given.keys() - new.open_jobs.keys() - old.given.keys()
            if passed:
                self.violations.append(f"{task_id} got a turn before {min(passed)}")

    def _record_opened(self, task_id: str, until: float) -> None:
        now = self._injector.scheduler.now
        self._openers[task_id] = self._injector.current
        self.max_open_s = max(self.max_open_s, until - START.timestamp() - now)
        self.opened_at[task_id] = now
        self.uncounted.discard(task_id)

    def _record_closed(self, task_id: str) -> None:
        current, opener = self._injector.current, self._openers.get(task_id)
        if current and opener and current.begun < opener.begun:
            self.uncounted.add(task_id)


class WatchedLimiter(InMemoryLimiter):
    """The circuits, with the pauses of blocked accounts.

    Attributes:
        changes: how often a circuit was changed.
        unannounced: provider -> its circuit, if its account is empty and that was not announced.
        leased: called with the name of each lease that is taken, and who takes it.
        found_empty: called when an account is found to be empty, or still is, before an event.
        max_pause_s: provider -> its longest pause because of a blocked account, the pause of the
            first other failure after that included.
    """

    def __init__(self, injector: FaultInjector) -> None:
        super().__init__()
        self.changes = 0
        self.leased: Callable[[str, str], None] = lambda *_: None
        self.found_empty: Callable[[], None] = lambda: None
        self.unannounced: dict[str, CircuitState] = {}
        self.max_pause_s: dict[str, float] = {}
        self._injector = injector

    def compare_and_set(self, provider: str, old: CircuitState, new: CircuitState) -> bool:
        """Store `new` if `old` is still stored; whether it was."""
        changed = super().compare_and_set(provider, old, new)
        self.changes += changed
        if changed:
            self._note_unannounced(provider, new)
        if changed and any(one.reason.endswith(BLOCKED_SIGN) for one in (old, new)):
            pause_s = new.until - (START.timestamp() + self._injector.scheduler.now)
            self.max_pause_s[provider] = max(pause_s, self.max_pause_s.get(provider, 0.0))
        return changed

    def lease(self, name: str, task_id: str, until: float, most: int, now: float) -> bool:
        """Take one more lease, unless `most` are taken."""
        taken = super().lease(name, task_id, until, most, now)
        if taken:
            self.leased(name, task_id)
        return taken

    def _note_unannounced(self, provider: str, circuit: CircuitState) -> None:
        blocked = circuit.blocked
        if circuit.empty_since is None or blocked is None or blocked.announced:
            self.unannounced.pop(provider, None)
        else:
            self.unannounced[provider] = circuit
            self.found_empty()
