"""Races of two processes for the same files, at every pair of calls.

Random simulations meet such a race once in thousands. Here each is enumerated: one process is
delayed at its i-th call, and during the delay the other one runs up to its j-th call and is killed
there, or runs to its end.

    FAIL     ──1──2──3 · · · · · · · delayed · · · · · · ──4──5──▶
    DELIVER           ──1──2──3──4──5──✝
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from darkroom.domain.limits import Limits
from tests.fakes.routes import JOB_NONE
from tests.simulation.final_invariants import check
from tests.simulation.scenarios import BIG_FILE, PHOTO, SPEC
from tests.simulation.single_fault import FRACTION
from tests.simulation.system import SimulatedSystem

Process = tuple[str, int]
"""A verb, and how many tasks were requested before its own."""


@dataclass(frozen=True)
class Race:
    """The two processes of a race.

    Attributes:
        first: the process whose first call begins the race.
        held: the process that is delayed, for a minute and a half.
        dying: the process that may be killed during the delay.
        broken: whether the first process is killed at once and its run aborted: FAIL is called.
        runs: how many runs may be begun; with one, FAIL has to end what is paid for.
        begin: what else happens from then on.
        in_place: whether SUBMIT lingers and delivers; otherwise the workflow waits, and the result
            is so large that DELIVER delivers it.
    """

    first: Process
    held: Process
    dying: Process
    broken: bool
    begin: Callable[[SimulatedSystem], None]
    runs: int = 1
    in_place: bool = False


class RaceFaults:
    """The faults of a race.

    Args:
        race: which.
        held_at: the call at which one process is delayed.
        dies_at: the call at which the other one is killed; 0 for never.
    """

    def __init__(self, race: Race, held_at: int, dies_at: int) -> None:
        self.fired: Counter[str] = Counter()
        self.system: SimulatedSystem | None = None
        self.race = race
        self._begun = False
        self._calls: Counter[Process] = Counter()
        self._strikes = {(race.held, held_at): "slow-call", (race.dying, dies_at): "crash-before"}

    def pick_fault(self, call: str) -> str | None:
        """The fault of this call, if it is one of the two."""
        del call
        system = self.system
        current = system.injector.current if system else None
        if system is None or current is None or current.task_id is None:
            return None
        task_ids = [expected.trigger.task_id for expected in system.users.expected_tasks]
        process = (current.verb, task_ids.index(current.task_id))
        if process == self.race.first and not self._begun:
            self._begun = True
            self.race.begin(system)
            if self.race.broken:
                system.interpreter.runs[current.task_id, 1].end("ABORTED")
                return "crash-before"
        self._calls[process] += 1
        kind = self._strikes.pop((process, self._calls[process]), None)
        if kind:
            self.fired[kind] += 1
        return kind

    def chance(self, kind: str) -> bool:
        """Nothing else happens."""
        del kind
        return False

    def between(self, least: float, most: float) -> float:
        """Always the same fraction."""
        return least + (most - least) * (FRACTION if self.race.in_place else BIG_FILE)


def _late_deliver(after_s: float) -> Callable[[SimulatedSystem], None]:
    """An invocation of the aborted run that was in flight begins after all."""

    def begin(system: SimulatedSystem) -> None:
        event = {"task_id": system.users.expected_tasks[0].trigger.task_id, "run": 1}
        system.scheduler.after(after_s, lambda: system.invoke_function("deliver", event))

    return begin


def _newer_task(after_s: float) -> Callable[[SimulatedSystem], None]:
    """A new version of the spec is uploaded, whose task is done within seconds."""

    def begin(system: SimulatedSystem) -> None:
        system.scheduler.after(after_s, lambda: _upload_spec(system, version=2))

    return begin


def _cancelled(after_s: float) -> Callable[[SimulatedSystem], None]:
    """A user cancels the first task."""

    def begin(system: SimulatedSystem) -> None:
        task_id = system.users.expected_tasks[0].trigger.task_id
        system.scheduler.after(after_s, lambda: system.cancel(task_id))

    return begin


def _retried(after_s: float) -> Callable[[SimulatedSystem], None]:
    """A user retries the first task."""

    def begin(system: SimulatedSystem) -> None:
        task_id = system.users.expected_tasks[0].trigger.task_id
        system.scheduler.after(after_s, lambda: system.retry(task_id, pay_again=False))

    return begin


def _aborted(after_s: float) -> Callable[[SimulatedSystem], None]:
    """The first task's run is aborted, while its function goes on."""

    def begin(system: SimulatedSystem) -> None:
        run = system.interpreter.runs[system.users.expected_tasks[0].trigger.task_id, 1]
        system.scheduler.after(after_s, lambda: run.end("ABORTED"))

    return begin


def _newer_task_and_late_deliver(system: SimulatedSystem) -> None:
    _newer_task(2)(system)
    _late_deliver(30)(system)


def _retry_and_late_deliver(system: SimulatedSystem) -> None:
    _retried(5)(system)
    _late_deliver(20)(system)


def _upload_spec(system: SimulatedSystem, **metadata: int) -> None:
    system.users.upload_spec(SPEC, JOB_NONE, None, provider="gamma", metadata=metadata)


_SUBMIT, _POLL, _DELIVER, _FAIL = ("submit", 0), ("poll", 0), ("deliver", 0), ("fail", 0)
_NEWER: Final = ("deliver", 1)

RACES: Final[Mapping[str, Race]] = {
    "FAIL is delayed, a late DELIVER begins": Race(
        _DELIVER, _FAIL, _DELIVER, broken=True, begin=_late_deliver(10)
    ),
    "a late DELIVER is delayed, a new run begins": Race(
        _DELIVER, _DELIVER, _FAIL, broken=True, begin=_late_deliver(0.5), runs=10
    ),
    "FAIL is delayed, a late DELIVER and a new run begin": Race(
        _DELIVER, _FAIL, _DELIVER, broken=True, begin=_late_deliver(10), runs=10
    ),
    "a late DELIVER is delayed, FAIL begins": Race(
        _DELIVER, _DELIVER, _FAIL, broken=True, begin=_late_deliver(0.5)
    ),
    "DELIVER is delayed, a newer task begins": Race(
        _DELIVER, _DELIVER, _NEWER, broken=False, begin=_newer_task(0.1)
    ),
    "FAIL is delayed, a newer task begins": Race(
        _DELIVER, _FAIL, _NEWER, broken=True, begin=_newer_task(2)
    ),
    "FAIL is delayed, a newer task and a late DELIVER begin": Race(
        _DELIVER, _FAIL, _DELIVER, broken=True, begin=_newer_task_and_late_deliver
    ),
    "SUBMIT is delayed, a user cancels": Race(
        _SUBMIT, _SUBMIT, ("cancel", 0), broken=False, begin=_cancelled(1)
    ),
    "POLL is delayed, a user cancels": Race(
        _POLL, _POLL, ("cancel", 0), broken=False, begin=_cancelled(1)
    ),
    "FAIL is delayed, a user retries": Race(
        _DELIVER, _FAIL, ("retry", 0), broken=True, begin=_retried(20)
    ),
    "a user's retry is delayed, a late DELIVER begins": Race(
        _DELIVER, ("retry", 0), _DELIVER, broken=True, begin=_retry_and_late_deliver
    ),
    "SUBMIT delivers and is delayed, a newer task begins": Race(
        _SUBMIT, _SUBMIT, ("poll", 1), broken=False, begin=_newer_task(6), in_place=True
    ),
    "SUBMIT delivers and is delayed, FAIL begins": Race(
        _SUBMIT, _SUBMIT, _FAIL, broken=False, begin=_aborted(6), in_place=True
    ),
    "SUBMIT delivers and is delayed, a new run begins": Race(
        _SUBMIT, _SUBMIT, ("poll", 0), broken=False, begin=_aborted(6), runs=10, in_place=True
    ),
}


def run_race(race: Race) -> Iterator[tuple[str, list[str]]]:
    """Every pair of calls, and the invariants that were violated there."""
    held_at = 1
    while True:
        dies_at = 0
        while True:
            faults = RaceFaults(race, held_at, dies_at)
            broken = _run(faults)
            if not faults.fired["slow-call"]:
                return
            if dies_at and not faults.fired["crash-before"]:
                break
            yield f"delayed at call {held_at}, killed at call {dies_at or '-'}", broken
            dies_at += 1
        held_at += 1


def _run(faults: RaceFaults) -> list[str]:
    linger_s = Limits().linger_s if faults.race.in_place else 0
    system = SimulatedSystem(faults, limits=Limits(runs=faults.race.runs, linger_s=linger_s))
    faults.system = system
    system.users.upload(PHOTO)
    _upload_spec(system, version=1)
    system.run_until_idle()
    return check(system)
