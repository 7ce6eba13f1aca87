"""Short stories of one task, or of two that want one name, for every way of being paid.

Each is told in a world of its own, in which nothing goes wrong but the one call that `Doom`
strikes. What people do in a story is part of it, and their commands are struck like everything.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.pipeline.offers import (
    JOB_ALONE,
    JOB_KEY,
    JOB_LOOKED_UP,
    JOB_NONE,
    SYNC_KEY,
    SYNC_NONE,
)
from tests.simulation.world import World

PHOTO: Final = "photos/cat.jpg"
SPEC: Final = "photos/cat.jpg.json"
PLACE: Final = 0.371
"""Where between two bounds every figure of these worlds lies; any would do."""

MIDDLE_S: Final = 3.0
"""When the job of a story is under way: it takes about five seconds."""
LATER_S: Final = 4000.0
"""When everything has long come to an end, sweeps included."""


class Doom:
    """A mischief that strikes one call, in one way, and does nothing else of its own.

    Args:
        at: which call.
        way: how.
        first: what befalls the first call of a name; part of the story.
    """

    def __init__(self, at: int = 0, way: str = "", first: Mapping[str, str] | None = None) -> None:
        self.fired: Counter[str] = Counter()
        self.count = 0
        self.struck = ""
        self._at, self._way = at, way
        self._first = dict(first or {})

    def strike(self, call: str) -> str | None:
        """The way, if this is the call."""
        self.count += 1
        scripted = self._first.pop(call, None)
        if self.count != self._at:
            return scripted
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


@dataclass(frozen=True)
class Story:
    """What happens, apart from the struck call.

    Attributes:
        operation: of the task.
        provider: that is asked.
        plot: what happens besides the upload; nothing in most.
        first: what befalls the first call of a name.
        ends: the states that its tasks may come to, whatever is struck.
        charges: how many paid calls it may cost.
    """

    operation: str
    provider: str
    plot: Callable[[World], None] = lambda _world: None
    first: Mapping[str, str] | None = None
    ends: frozenset[str] = frozenset({"succeeded", "unknown"})
    charges: int = 1

    def tell(self, doom: Doom, *, spec_first: bool = False, twice: bool = False) -> World:
        """From the upload until the world rests."""
        world = World(doom)
        people = world.people
        if twice:
            people.send = _doubled(people.send)
        if spec_first:
            people.ask(SPEC, self.operation, provider=self.provider)
            world.timeline.after(5, lambda: people.drop(PHOTO))
        else:
            people.drop(PHOTO)
            people.ask(SPEC, self.operation, provider=self.provider)
        world.timeline.after(5 if spec_first else 0, lambda: self.plot(world))
        world.rest()
        return world


# --- plots ---------------------------------------------------------------------------------------


def _cancelled(world: World) -> None:
    world.timeline.after(MIDDLE_S, lambda: world.cancel(_task(world)))


def _cancelled_while_queued(world: World) -> None:
    world.timeline.after(0.4, lambda: world.cancel(_task(world)))


def _retried(world: World) -> None:
    world.timeline.after(LATER_S, lambda: world.retry(_task(world), pay_again=False))


def _paid_again(world: World) -> None:
    world.timeline.after(LATER_S, lambda: world.retry(_task(world), pay_again=True))


def _aborted_and_retried(world: World) -> None:
    world.timeline.after(MIDDLE_S, lambda: _run(world, "end", "ABORTED"))
    _retried(world)


def _lost(world: World) -> None:
    world.timeline.after(MIDDLE_S, lambda: _run(world, "vanish"))


def _lost_with_its_call(world: World) -> None:
    world.timeline.after(0.4, lambda: _run(world, "vanish"))


def _overwritten(world: World) -> None:
    def ask_again() -> None:
        world.people.ask(SPEC, JOB_NONE, None, metadata={"version": 2}, provider="gamma")

    world.timeline.after(MIDDLE_S, ask_again)


def _task(world: World) -> str:
    return world.people.asks[0].trigger.task_id


def _run(world: World, act: str, *given: str) -> None:
    """Something happens to the first run, if there is one yet."""
    run = world.machine.runs.get((_task(world), 1))
    if run is not None:
        getattr(run, act)(*given)


def _doubled(send: Callable[[str], None]) -> Callable[[str], None]:
    def send_twice(body: str) -> None:
        send(body)
        send(body)

    return send_twice


# --- the stories ---------------------------------------------------------------------------------

PLAIN: Final[Mapping[str, Story]] = {
    "key, answered at once": Story(SYNC_KEY, "delta"),
    "key, a job": Story(JOB_KEY, "beta"),
    "key, a job to stay with": Story(JOB_ALONE, "zeta"),
    "look-up, a job": Story(JOB_LOOKED_UP, "epsilon"),
    "none, answered at once": Story(SYNC_NONE, "alpha"),
    "none, a job": Story(JOB_NONE, "gamma"),
}
"""One task from its upload to its end, by how its provider can be paid."""

_ANY: Final = frozenset({"succeeded", "unknown", "failed", "cancelled"})
_DOUBT: Final = {"providers.pay": "accepted-but-unanswered"}
_CANCELLED: Final = frozenset({"succeeded", "unknown", "cancelled"})

EVENTFUL: Final[Mapping[str, Story]] = {
    "cancelled, key, a job": Story(JOB_KEY, "beta", _cancelled, ends=_CANCELLED),
    "cancelled, none, a job": Story(JOB_NONE, "gamma", _cancelled, ends=_CANCELLED),
    "cancelled early, none": Story(SYNC_NONE, "alpha", _cancelled_while_queued, ends=_CANCELLED),
    "doubtful, none, retried": Story(JOB_NONE, "gamma", _retried, _DOUBT),
    "doubtful, none, paid again": Story(JOB_NONE, "gamma", _paid_again, _DOUBT, charges=2),
    "aborted, key, retried": Story(JOB_KEY, "beta", _aborted_and_retried, ends=_ANY),
    "aborted, look-up, retried": Story(JOB_LOOKED_UP, "epsilon", _aborted_and_retried, ends=_ANY),
    "aborted, none, retried": Story(JOB_NONE, "gamma", _aborted_and_retried, ends=_ANY),
    "run lost, key, a job": Story(JOB_KEY, "beta", _lost),
    "run lost, look-up, a job": Story(JOB_LOOKED_UP, "epsilon", _lost),
    # When SWEEP dies, too, an hour goes by, and so long the result's address is good.
    "run lost at the call, none": Story(
        SYNC_NONE, "alpha", _lost_with_its_call, ends=frozenset({"succeeded", "unknown", "failed"})
    ),
    "written over, none, a job": Story(JOB_NONE, "gamma", _overwritten, ends=_CANCELLED, charges=2),
}
"""What else may happen to it."""

STORIES: Final[Mapping[str, Story]] = {**PLAIN, **EVENTFUL}
