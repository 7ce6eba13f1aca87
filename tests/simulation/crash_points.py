"""Every call to the outside, struck once in each way: enumerated by counting, not by hand.

A story is one task from its upload to its end. It is told once unharmed to count its calls, then
once more for every call and every way in which a call can go wrong.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from darkroom.task import Task
from tests.pipeline.offers import (
    JOB_ALONE,
    JOB_KEY,
    JOB_LOOKED_UP,
    JOB_NONE,
    SYNC_KEY,
    SYNC_NONE,
)
from tests.simulation.invariants import check
from tests.simulation.world import World

WAYS: Final = ("crash-before", "crash-after", "answer-lost")
PHOTO: Final = "photos/cat.jpg"
SPEC: Final = "photos/cat.jpg.json"

STORIES: Final[Mapping[str, tuple[str, str]]] = {
    "key, answered at once": (SYNC_KEY, "delta"),
    "key, a job": (JOB_KEY, "beta"),
    "key, a job to stay with": (JOB_ALONE, "zeta"),
    "look-up, a job": (JOB_LOOKED_UP, "epsilon"),
    "none, answered at once": (SYNC_NONE, "alpha"),
    "none, a job": (JOB_NONE, "gamma"),
}
"""How a provider can be paid -> an operation and the provider that is asked."""
PLACE: Final = 0.371
"""Where between two bounds every figure of these worlds lies; any would do."""


class Doom:
    """A mischief that strikes one call, in one way, and does nothing else."""

    def __init__(self, at: int = 0, way: str = "") -> None:
        self.fired: Counter[str] = Counter()
        self.count = 0
        self.struck = ""
        self._at, self._way = at, way

    def strike(self, call: str) -> str | None:
        """The way, if this is the call."""
        self.count += 1
        if self.count != self._at:
            return None
        self.struck = call
        self.fired[self._way] += 1
        return self._way

    def chance(self, kind: str) -> bool:
        """Nothing else happens."""
        del kind
        return False

    def between(self, least: float, most: float) -> float:
        """Always the same place."""
        return least + (most - least) * PLACE


@dataclass
class Row:
    """What came of all points of one story.

    Attributes:
        points: how many there were.
        outcomes: state of the task -> how often.
        adopted: how often a job was found in the list of past calls.
        doubtful: the calls after whose harm the task was `unknown`.
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


def enumerate_points(story: str, *, twice: bool) -> Row:
    """Tell a story once for every point; with `twice`, every event comes twice."""
    row = Row()
    for spec_first in (False, True):
        for at, way in _points(story, spec_first=spec_first, twice=twice):
            doom = Doom(at, way)
            world = tell(story, doom, spec_first=spec_first, twice=twice)
            _judge(row, world, f"{way} {doom.struck}, call {at}")
    return row


def tell(story: str, doom: Doom, *, spec_first: bool = False, twice: bool = False) -> World:
    """One task, from its upload until the world rests."""
    operation, provider = STORIES[story]
    world = World(doom)
    if twice:
        world.people.send = _doubled(world.people.send)
    if spec_first:
        world.people.ask(SPEC, operation, provider=provider)
        world.timeline.after(5, lambda: world.people.drop(PHOTO))
    else:
        world.people.drop(PHOTO)
        world.people.ask(SPEC, operation, provider=provider)
    world.rest()
    return world


def all_rows() -> dict[tuple[str, bool], Row]:
    """The outcome of every story; by its name, and whether every event came twice."""
    return {
        (story, twice): enumerate_points(story, twice=twice)
        for story in STORIES
        for twice in (False, True)
    }


def table(rows: Mapping[tuple[str, bool], Row]) -> Iterator[str]:
    """The outcomes, a line each; whatever is doubtful is listed; broken promises at the end."""
    heads = ("points", "succeeded", "unknown", "adopted", "duplicates", "lost", "stuck", "broken")
    yield f"{'class':26}{'event':7}" + "".join(f"{head:>11}" for head in heads)
    for (story, twice), row in rows.items():
        figures = (
            *(row.points, row.outcomes["succeeded"], row.outcomes["unknown"], row.adopted),
            *(row.duplicates, row.lost, row.stuck, len(row.broken)),
        )
        name = f"{story:26}{'twice' if twice else 'once':7}"
        yield name + "".join(f"{figure:>11,}" for figure in figures)
        for call, times in row.doubtful.items():
            yield f"{'':33}unknown after {call}: {times}"
    for row in rows.values():
        yield from row.broken


def _points(story: str, *, spec_first: bool, twice: bool) -> Iterator[tuple[int, str]]:
    whole = Doom()
    tell(story, whole, spec_first=spec_first, twice=twice)
    for at in range(1, whole.count + 1):
        for way in WAYS:
            yield at, way


def _judge(row: Row, world: World, where: str) -> None:
    row.points += 1
    tasks = list(world.tasks.stored.values())
    task: Task | None = tasks[0] if tasks else None
    state = task.state if task else "none"
    row.outcomes[state] += 1
    jobs = world.providers.ledger.jobs.values()
    row.duplicates += max(0, sum(1 for job in jobs if job.owed) - 1)
    row.stuck += task is not None and not task.finished
    row.lost += task is None or task.state in ("failed", "cancelled")
    row.adopted += bool(task and task.attempts and task.attempts[-1].replays and jobs)
    if state == "unknown":
        row.doubtful[where.partition(",")[0]] += 1
    row.broken += [f"{where}: {what}" for what in check(world)]


def _doubled(send: Callable[[str], None]) -> Callable[[str], None]:
    def send_twice(body: str) -> None:
        send(body)
        send(body)

    return send_twice
