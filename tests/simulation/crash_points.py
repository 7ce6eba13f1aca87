"""Every call to the outside, struck once in each way: enumerated by counting, not by hand.

A story is told once unharmed to count its calls, then once more for every call and every way in
which a call can go wrong.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.simulation.final_invariants import check
from tests.simulation.scenarios import STORIES, Scenario
from tests.simulation.system import SimulatedSystem

WAYS: Final = ("crash-before", "crash-after", "answer-lost", "refused-by-us")
KEYED: Final = "key"
"""In the name of every story whose provider knows a call by its key: nothing of it is doubtful."""


@dataclass
class Row:
    """What came of all points of one story.

    Attributes:
        points: how many there were.
        outcomes: state of a task -> how often.
        adopted: how often a job was found in the list of past calls.
        duplicates: paid calls beyond those that the story may cost.
        lost: ends that the story does not lead to, and specs without a task.
        doubtful: the calls after whose harm a task was `unknown`.
        broken: promises that were broken, with the point.
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
        """What is wrong with the outcomes of the story of this name: a sentence each."""
        figures = {"paid twice": self.duplicates, "lost": self.lost, "stuck": self.stuck}
        if KEYED in name:
            figures["unknown though there is a key"] = self.outcomes["unknown"]
        return [*self.broken, *(f"{n} {what}" for what, n in figures.items() if n)]


def enumerate_points(scenario: Scenario, *, twice: bool, spec_first: bool | None = None) -> Row:
    """Play a scenario once for every point.

    Args:
        scenario: which.
        twice: whether every event comes twice.
        spec_first: whether the spec comes before its photo; None for both.
    """
    row = Row()
    for first in (False, True) if spec_first is None else (spec_first,):
        whole = scenario.doom()
        scenario.tell(whole, spec_first=first, twice=twice)
        for at in range(1, whole.count + 1):
            for way in WAYS:
                doom = scenario.doom(at, way)
                system = scenario.tell(doom, spec_first=first, twice=twice)
                _judge(row, scenario, system, f"{way} {doom.struck}, call {at}")
    return row


def all_rows() -> dict[tuple[str, bool], Row]:
    """The outcome of every story; by its name, and whether every event came twice."""
    return {
        (name, twice): enumerate_points(scenario, twice=twice)
        for name, scenario in STORIES.items()
        for twice in (False, True)
    }


def table(rows: Mapping[tuple[str, bool], Row]) -> Iterator[str]:
    """The outcomes, a line each; whatever is doubtful is listed; broken promises at the end."""
    ends = ("succeeded", "failed", "cancelled", "unknown")
    heads = ("points", *ends, "adopted", "duplicates", "lost", "stuck", "broken")
    yield f"{'story':30}{'event':6}" + "".join(f"{head:>11}" for head in heads)
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
    row.duplicates += max(0, sum(1 for job in jobs if job.owed) - scenario.charges)
    row.stuck += sum(1 for task in tasks if not task.finished)
    row.lost += sum(1 for task in tasks if task.finished and task.state not in scenario.ends)
    row.lost += len(system.users.asks) - len(tasks)
    row.adopted += sum(1 for t in tasks if t.attempts and t.attempts[-1].replays and jobs)
    if any(task.state == "unknown" for task in tasks):
        row.doubtful[where.partition(",")[0]] += 1
    broken = check(system)
    if system.salvage():
        broken += check(system)
    row.broken += [f"{where}: {what}" for what in dict.fromkeys(broken)]
