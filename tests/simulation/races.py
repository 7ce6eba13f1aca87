"""Two processes at the same files: each place where one is held up, by each where the other dies.

What the worlds of `play` meet by luck once in thousands of worlds is enumerated here: a process
is held up at its i-th call, and while it is, the other one runs up to its j-th call and dies
there, or to its end.

    FAIL     ──1──2──3 · · · · · · held up · · · · · ·──4──5──▶
    DELIVER           ──1──2──3──4──5──✝
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from darkroom.domain.limits import Limits
from tests.fakes.routes import JOB_NONE
from tests.simulation.final_invariants import check
from tests.simulation.scenarios import PHOTO, SPEC
from tests.simulation.single_fault import PLACE
from tests.simulation.system import SimulatedSystem

Who = tuple[str, int]
"""A verb, and how many tasks were asked for before its own."""


@dataclass(frozen=True)
class Race:
    """Who meets whom.

    Attributes:
        first: whose first call begins the race.
        held: who is held up, for a minute and a half.
        dying: who may die meanwhile.
        broken: whether that process dies at once, and its run with it: FAIL is told.
        runs: how many may be begun; with one, FAIL has to end what is paid for.
        begin: what else happens from then on.
    """

    first: Who
    held: Who
    dying: Who
    broken: bool
    begin: Callable[[SimulatedSystem], None]
    runs: int = 1


class Script:
    """A mischief that follows the processes of a race.

    Args:
        race: which.
        held_at: at which of its calls.
        dies_at: at which of its calls; 0 for never.
    """

    def __init__(self, race: Race, held_at: int, dies_at: int) -> None:
        self.fired: Counter[str] = Counter()
        self.system: SimulatedSystem | None = None
        self.race = race
        self._begun = False
        self._calls: Counter[Who] = Counter()
        self._strikes = {(race.held, held_at): "slow-call", (race.dying, dies_at): "crash-before"}

    def strike(self, call: str) -> str | None:
        """What the script says of this call."""
        del call
        system = self.system
        current = system.injector.current if system else None
        if system is None or current is None or current.task_id is None:
            return None
        asked = [ask.trigger.task_id for ask in system.users.asks]
        who = (current.verb, asked.index(current.task_id))
        if who == self.race.first and not self._begun:
            self._begun = True
            self.race.begin(system)
            if self.race.broken:
                system.interpreter.runs[current.task_id, 1].end("ABORTED")
                return "crash-before"
        self._calls[who] += 1
        kind = self._strikes.pop((who, self._calls[who]), None)
        if kind:
            self.fired[kind] += 1
        return kind

    def chance(self, kind: str) -> bool:
        """Nothing else happens."""
        del kind
        return False

    def between(self, least: float, most: float) -> float:
        """Always the same place."""
        return least + (most - least) * PLACE


def _late_deliver(after_s: float) -> Callable[[SimulatedSystem], None]:
    """An invocation of the broken run that was on its way begins after all."""

    def begin(system: SimulatedSystem) -> None:
        event = {"task_id": system.users.asks[0].trigger.task_id, "run": 1}
        system.scheduler.after(after_s, lambda: system.door("deliver", event))

    return begin


def _newer_task(after_s: float) -> Callable[[SimulatedSystem], None]:
    """A new version of the spec comes, whose task is done within seconds."""

    def begin(system: SimulatedSystem) -> None:
        system.scheduler.after(after_s, lambda: _ask(system, version=2))

    return begin


def _cancelled(after_s: float) -> Callable[[SimulatedSystem], None]:
    """Somebody cancels the first task."""

    def begin(system: SimulatedSystem) -> None:
        task_id = system.users.asks[0].trigger.task_id
        system.scheduler.after(after_s, lambda: system.cancel(task_id))

    return begin


def _retried(after_s: float) -> Callable[[SimulatedSystem], None]:
    """Somebody retries the first task."""

    def begin(system: SimulatedSystem) -> None:
        task_id = system.users.asks[0].trigger.task_id
        system.scheduler.after(after_s, lambda: system.retry(task_id, pay_again=False))

    return begin


def _newer_task_and_late_deliver(system: SimulatedSystem) -> None:
    _newer_task(2)(system)
    _late_deliver(30)(system)


def _retry_and_late_deliver(system: SimulatedSystem) -> None:
    _retried(5)(system)
    _late_deliver(20)(system)


def _ask(system: SimulatedSystem, **metadata: int) -> None:
    system.users.ask(SPEC, JOB_NONE, None, provider="gamma", metadata=metadata)


_SUBMIT, _POLL, _DELIVER, _FAIL = ("submit", 0), ("poll", 0), ("deliver", 0), ("fail", 0)
_NEWER: Final = ("deliver", 1)

RACES: Final[Mapping[str, Race]] = {
    "FAIL is held up, a late DELIVER comes": Race(
        _DELIVER, _FAIL, _DELIVER, broken=True, begin=_late_deliver(10)
    ),
    "a late DELIVER is held up, a new run comes": Race(
        _DELIVER, _DELIVER, _FAIL, broken=True, begin=_late_deliver(0.5), runs=10
    ),
    "FAIL is held up, a late DELIVER and a new run come": Race(
        _DELIVER, _FAIL, _DELIVER, broken=True, begin=_late_deliver(10), runs=10
    ),
    "a late DELIVER is held up, FAIL comes": Race(
        _DELIVER, _DELIVER, _FAIL, broken=True, begin=_late_deliver(0.5)
    ),
    "DELIVER is held up, a newer task comes": Race(
        _DELIVER, _DELIVER, _NEWER, broken=False, begin=_newer_task(0.1)
    ),
    "FAIL is held up, a newer task comes": Race(
        _DELIVER, _FAIL, _NEWER, broken=True, begin=_newer_task(2)
    ),
    "FAIL is held up, a newer task comes, and a late DELIVER": Race(
        _DELIVER, _FAIL, _DELIVER, broken=True, begin=_newer_task_and_late_deliver
    ),
    "SUBMIT is held up, somebody cancels": Race(
        _SUBMIT, _SUBMIT, ("cancel", 0), broken=False, begin=_cancelled(1)
    ),
    "POLL is held up, somebody cancels": Race(
        _POLL, _POLL, ("cancel", 0), broken=False, begin=_cancelled(1)
    ),
    "FAIL is held up, somebody retries": Race(
        _DELIVER, _FAIL, ("retry", 0), broken=True, begin=_retried(20)
    ),
    "somebody's retry is held up, a late DELIVER comes": Race(
        _DELIVER, ("retry", 0), _DELIVER, broken=True, begin=_retry_and_late_deliver
    ),
}


def run_race(race: Race) -> Iterator[tuple[str, list[str]]]:
    """Every pair of places, and the promises that were broken there."""
    held_at = 1
    while True:
        dies_at = 0
        while True:
            script = Script(race, held_at, dies_at)
            broken = _run(script)
            if not script.fired["slow-call"]:
                return
            if dies_at and not script.fired["crash-before"]:
                break
            yield f"held up at call {held_at}, dies at call {dies_at or '-'}", broken
            dies_at += 1
        held_at += 1


def _run(script: Script) -> list[str]:
    system = SimulatedSystem(script, limits=Limits(runs=script.race.runs))
    script.system = system
    system.users.drop(PHOTO)
    _ask(system, version=1)
    system.rest()
    return check(system)
