"""Crash points: every call to a port fails once in each way; the calls are counted, not listed.

A scenario runs once without faults to count its calls, then once more for every call and every way
in which a call can fail.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.simulation.final_invariants import check
from tests.simulation.scenarios import SCENARIOS, Scenario
from tests.simulation.system import SimulatedSystem

WAYS: Final = ("crash-before", "crash-after", "answer-lost", "refused-by-us")
KEYED: Final = "key"
"""In the name of every scenario whose provider knows a call by its key: it never ends `unknown`."""


@dataclass
class Row:
    """The outcomes of all crash points of one scenario.

    Attributes:
        points: how many there were.
        outcomes: state of a task -> how often.
        adopted: how often a job was found in the list of past calls.
        duplicates: paid calls beyond those that the scenario may cost.
        lost: tasks that ended in a state the scenario does not allow, and specs without a task.
        stuck: tasks that did not end.
        doubtful: the calls after whose fault a task was `unknown`.
        broken: violated invariants, with the crash point.
    """

    points: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    adopted: int = 0
    duplicates: int = 0
    lost: int = 0
    stuck: int = 0
    doubtful: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def wrong(self, name: str) -> list[str]:
        """What is wrong with the outcomes of the scenario of this name, a sentence each."""
        figures = {"paid twice": self.duplicates, "lost": self.lost, "stuck": self.stuck}
        if KEYED in name:
            figures["unknown though there is a key"] = self.outcomes["unknown"]
        return [*self.broken, *(f"{n} {what}" for what, n in figures.items() if n)]


def enumerate_points(scenario: Scenario, *, twice: bool, spec_first: bool | None = None) -> Row:
    """Run a scenario once for every crash point.

    Args:
        scenario: which.
        twice: whether every event is delivered twice.
        spec_first: whether the spec comes before its photo; None for both.
    """
    row = Row()
    for first in (False, True) if spec_first is None else (spec_first,):
        whole = scenario.build_fault()
        scenario.play(whole, spec_first=first, twice=twice)
        for at in range(1, whole.count + 1):
            for way in WAYS:
                fault = scenario.build_fault(at, way)
                system = scenario.play(fault, spec_first=first, twice=twice)
                _judge(row, scenario, system, f"{way} {fault.struck}, call {at}")
    return row


def all_rows() -> dict[tuple[str, bool], Row]:
    """The outcomes of every scenario, by its name and whether every event came twice."""
    return {
        (name, twice): enumerate_points(scenario, twice=twice)
        for name, scenario in SCENARIOS.items()
        for twice in (False, True)
    }


def table(rows: Mapping[tuple[str, bool], Row]) -> Iterator[str]:
    """The outcomes, a line each, with the doubtful calls; violated invariants at the end."""
    ends = ("succeeded", "failed", "cancelled", "unknown")
    heads = ("points", *ends, "adopted", "duplicates", "lost", "stuck", "broken")
    yield f"{'scenario':30}{'event':6}" + "".join(f"{head:>11}" for head in heads)
    for (scenario, twice), row in rows.items():
        figures = (
            *(row.points, *(row.outcomes[end] for end in ends), row.adopted),
            *(row.duplicates, row.lost, row.stuck, len(row.broken)),
        )
        name = f"{scenario:30}{'twice' if twice else 'once':6}"
        yield name + "".join(f"{figure:>11,}" for figure in figures)
        for call, times in row.doubtful.items():
            yield f"{'':36}unknown after {call}: {times}"
    for (scenario, _), row in rows.items():
        yield from (f"{scenario}: {what}" for what in row.broken)


def _judge(row: Row, scenario: Scenario, system: SimulatedSystem, where: str) -> None:
    tasks = list(system.tasks.stored.values())
    jobs = system.providers.ledger.jobs.values()
    row.points += 1
    row.outcomes.update(task.state for task in tasks)
    row.duplicates += max(0, sum(1 for job in jobs if job.owed) - scenario.max_charges)
    row.stuck += sum(1 for task in tasks if not task.finished)
    row.lost += sum(
        1 for task in tasks if task.finished and task.state not in scenario.allowed_ends
    )
    row.lost += len(system.users.expected_tasks) - len(tasks)
    row.adopted += sum(1 for t in tasks if t.attempts and t.attempts[-1].replays and jobs)
    if any(task.state == "unknown" for task in tasks):
        row.doubtful[where.partition(",")[0]] += 1
    broken = check(system)
    if system.retry_recoverable():
        broken += check(system)
    row.broken += [f"{where}: {what}" for what in dict.fromkeys(broken)]
