"""Crash points: every call to a port fails once in each way; the calls are recorded, not listed.

A scenario runs once without faults to record its calls, then once more for every call and every way
in which a call can fail.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from darkroom.domain.task import FINISHED, State
from tests.simulation.final_invariants import check
from tests.simulation.scenarios import SCENARIOS, Scenario
from tests.simulation.system import SimulatedSystem

WAYS: Final = ("crash-before", "crash-after", "answer-lost", "refused-by-us")
SAME_FOR_READS: Final = {"crash-after": "crash-before", "refused-by-us": "answer-lost"}
"""A read that is carried out changes nothing, so each way has the same outcome as the other one."""
READS: Final = frozenset(
    {
        *("tasks.get", "tasks.latest", "tasks.owner", "tasks.wanting", "tasks.due"),
        *("inputs.find", "inputs.read", "inputs.read_each"),
        *("inputs.list_keys", "inputs.list_recent"),
        *("tasks.of_request", "tasks.below", "tasks.in_batch"),
        *("batches.get_many", "batches.due", "outputs.list_etags"),
        *("outputs.find", "outputs.get"),
        *("workflows.status", "limiter.circuit", "lines.turns", "lines.first", "lines.missed"),
        *("durations.known", "charges.known"),
    }
)
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
        misplaced: those of them that were not around the paid call.
        broken: violated invariants, with the crash point.
    """

    points: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    adopted: int = 0
    duplicates: int = 0
    lost: int = 0
    stuck: int = 0
    doubtful: Counter[str] = field(default_factory=Counter)
    misplaced: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def wrong(self, name: str) -> list[str]:
        """What is wrong with the outcomes of the scenario of this name, a sentence each."""
        figures = {"paid twice": self.duplicates, "lost": self.lost, "stuck": self.stuck}
        if KEYED in name:
            figures["unknown though there is a key"] = self.outcomes["unknown"]
        return [*self.broken, *(f"{n} {what}" for what, n in figures.items() if n)]


@dataclass(frozen=True)
class Point:
    """The outcome of one crash point.

    Attributes:
        states: of the tasks.
        adopted: how many jobs were found in the list of past calls.
        paid: how many paid calls were charged.
        missing: how many specs have no task.
        broken: violated invariants.
    """

    states: tuple[State, ...]
    adopted: int
    paid: int
    missing: int
    broken: tuple[str, ...]


def enumerate_points(
    scenario: Scenario,
    *,
    twice: bool,
    spec_first: bool | None = None,
    share_reads: bool = True,
    every: int = 1,
) -> Row:
    """Run a scenario for every crash point.

    Args:
        scenario: which.
        twice: whether every event is delivered twice.
        spec_first: whether the spec comes before its photo; None for both.
        share_reads: whether one run counts for both ways with the same outcome.
        every: take a sample, each so many'th call; the paid call is always among them.
    """
    row = Row()
    orders = (bool(spec_first),) if scenario.uploads or spec_first is not None else (False, True)
    for first in orders:
        whole = scenario.build_fault()
        scenario.play(whole, spec_first=first, twice=twice)
        for at, call in enumerate(whole.calls, 1):
            if at % every and call != "providers.pay":
                continue
            points: dict[str, Point] = {}
            for way in WAYS:
                same = SAME_FOR_READS.get(way) if share_reads and call in READS else None
                if same is None:
                    fault = scenario.build_fault(at, way)
                    points[way] = _run(scenario.play(fault, spec_first=first, twice=twice))
                point, where = points[same or way], f"{way} {call}, call {at}"
                _add(row, scenario, point, where)
                if "unknown" in point.states and not _is_around_payment(whole.calls[:at]):
                    row.misplaced.append(where)
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


def _run(system: SimulatedSystem) -> Point:
    tasks = list(system.tasks.stored.values())
    jobs = system.providers.ledger.jobs.values()
    adopted = sum(1 for t in tasks if t.attempts and t.attempts[-1].replays and jobs)
    states = tuple(task.state for task in tasks)
    paid = sum(1 for job in jobs if job.owed)
    broken = check(system)
    if system.retry_recoverable():
        broken += check(system)
    there = system.tasks.stored
    missing = sum(one.trigger.task_id not in there for one in system.users.expected_tasks)
    return Point(states, adopted, paid, missing, tuple(dict.fromkeys(broken)))


def _add(row: Row, scenario: Scenario, point: Point, where: str) -> None:
    ended = [state for state in point.states if state in FINISHED]
    row.points += 1
    row.outcomes.update(point.states)
    row.duplicates += max(0, point.paid - scenario.max_charges)
    row.stuck += len(point.states) - len(ended)
    row.lost += sum(1 for state in ended if state not in scenario.allowed_ends) + point.missing
    row.adopted += point.adopted
    if "unknown" in point.states:
        row.doubtful[where.partition(",")[0]] += 1
    row.broken += [f"{where}: {what}" for what in point.broken]


def _is_around_payment(calls: Sequence[str]) -> bool:
    """Whether the last call lies between the preparation and the write of the response."""
    if "providers.prepare" not in calls:
        return False
    begun = len(calls) - 1 - calls[::-1].index("providers.prepare")
    return calls[begun:].count("tasks.replace") <= 2  # the intent and the response
