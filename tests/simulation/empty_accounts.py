"""Invariants about accounts without credits: who waits, who goes elsewhere, what is announced.

A task that was refused for lack of credits keeps its place: nobody behind it gets a turn first. It
moves on to another provider if its spec agrees to any, and only then. A provider that refuses for a
while is announced, each time under one id.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from darkroom.domain.circuit_state import NO_CREDITS
from darkroom.domain.task import Task
from darkroom.domain.turns import Turn, Turns, Waiter
from darkroom.pipeline.paid_call.plan import LOST_LIMIT
from darkroom.ports import Step
from tests.fakes.clock import START
from tests.simulation.fault_injection import FaultInjector
from tests.simulation.payment_monitor import SKEW_S
from tests.simulation.rate_invariants import BLOCKED_SIGN

PARKED_AFTER_S: Final = 5
"""A refused task that waits for longer waits in its line."""
ANNOUNCED_AFTER_S: Final = 1500.0
"""An account that refuses for longer was announced, or a SWEEP was struck that had to do it."""
MAX_REPEATS: Final = 4
"""How often the same event is published at most: a fault may hide that it was."""


class CreditMonitor:
    """Notes refusals for lack of credits, turns, and announcements; times are seconds.

    Attributes:
        announcements: provider -> how often it was announced.
        violations: a sentence for each violated invariant.
    """

    def __init__(self, injector: FaultInjector) -> None:
        self.announcements: Counter[str] = Counter()
        self.violations: list[str] = []
        self._injector = injector
        self._ever_refused: set[str] = set()
        self._refused: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._first_refusal: dict[str, float] = {}
        self._unannounced: dict[str, float] = {}
        self._published: Counter[str] = Counter()
        self._sweep_struck_at = float("-inf")
        self._stored: Mapping[str, Task] = {}
        self._lines: Mapping[str, Mapping[str, Waiter]] = {}

    def watch(self, stored: Mapping[str, Task], lines: Mapping[str, Mapping[str, Waiter]]) -> None:
        """Set the tasks and the lines."""
        self._stored, self._lines = stored, lines

    def refused(self, provider: str, task_id: str) -> None:
        """The provider has refused a paid call for lack of credits."""
        now = self._injector.scheduler.now
        self._refused[provider][task_id] = now
        self._ever_refused.add(provider)
        first = self._first_refusal.setdefault(provider, now)
        if now - first > ANNOUNCED_AFTER_S and self._sweep_struck_at < first:
            self._unannounced.setdefault(provider, now)

    def sweep_struck(self) -> None:
        """A SWEEP has died, or a call of it has failed; what others announce is checked at once."""
        self._sweep_struck_at = self._injector.scheduler.now

    def accepted(self, provider: str) -> None:
        """The provider has accepted a paid call."""
        self._first_refusal.pop(provider, None)

    def announced(self, detail: Mapping[str, Any]) -> None:
        """An event says that an account is empty."""
        provider, event_id = detail["provider"], detail["event_id"]
        self.announcements[provider] += 1
        self._published[event_id] += 1
        if self._published[event_id] > MAX_REPEATS:
            self.violations.append(f"{event_id} was published {self._published[event_id]} times")
        if provider not in self._ever_refused:
            self.violations.append(f"{event_id} was published without a refusal")
        # It is announced until its next accepted call.
        self._first_refusal[provider] = float("inf")

    def turns_given(self, provider: str, old: Turns, new: Turns) -> None:
        """Turns were given: those who were refused before come first."""
        refused = self._refused[provider]
        for task_id in refused.keys() & (new.given.keys() | new.open_jobs.keys()):
            del refused[task_id]
        for task_id in new.given.keys() - old.given.keys():
            overtaken = self._find_overtaken(provider, task_id, new.given[task_id])
            if overtaken is not None:
                what = f"got a turn at {provider} before {overtaken}, which waits for credits"
                self.violations.append(f"{task_id} {what}")
                self._injector.note(f"BROKEN {task_id} {what}")

    def find_violations(self) -> Iterator[str]:
        """A sentence for each violated invariant."""
        yield from self.violations
        for provider, at in self._unannounced.items():
            yield f"nobody was informed at {at:.0f} s that {provider} has no credits"

    def _find_overtaken(self, provider: str, by: str, turn: Turn) -> str | None:
        """A task that was in the line, before this one, when the process began that gave the turn.

        One that has missed a turn keeps its place, but gets the next turn when its run asks.
        """
        current = self._injector.current
        line = self._lines[provider]
        for task_id in self._refused[provider].keys() & line.keys():
            task, waiter = self._stored[task_id], line[task_id]
            parked_at = (task.updated_at - START).total_seconds()
            if waiter.missed or current is None or parked_at > current.begun - SKEW_S:
                continue
            if (waiter.place.since.timestamp(), task_id) < (turn.since, by):
                return task_id
        return None


def find_wait_outside_the_line(task: Task, step: Step) -> str | None:
    """What is wrong with a wait for credits that keeps no place in the line, or None."""
    if step.next != "submit" or task.state != "queued" or not task.attempts or task.place:
        return None
    last = task.last_attempt
    code = last.failure.code if last.failure else ""
    for_credits = BLOCKED_SIGN in (task.wait_reason or "")
    if code != NO_CREDITS or not for_credits or step.wait_s <= PARKED_AFTER_S:
        return None
    return f"{task.task_id} waits {step.wait_s} s for credits and is in no line"


def find_waiting_in_vain(task: Task) -> str | None:
    """What is wrong if a task waits for credits whose spec agrees to any provider, or None."""
    order = task.resolved_order
    if not (order.leaves_empty and task.attempts):
        return None
    last = task.last_attempt
    code = last.failure.code if last.failure else ""
    if last.outcome != "throttled" or code != NO_CREDITS or last.run < task.since_run:
        return None
    recent = [a for a in task.attempts if a.run >= task.since_run]
    spent = {a.provider for a in recent if a.outcome in ("refused", "failed")} | {last.provider}
    lost = Counter(a.provider for a in recent if a.outcome == "lost")
    spent |= {provider for provider, times in lost.items() if times >= LOST_LIMIT}
    left = [provider for provider in order.providers if provider not in spent]
    return f"{task.task_id} waits for credits, and {left[0]} could do it" if left else None
