"""Short stories of one task, or of two that want one name, for every way of being paid.

Each is told in a world of its own, in which nothing goes wrong but the one call that `Doom`
strikes. What people do in a story is part of it, and their commands are struck like everything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from darkroom.domain.limits import Limits
from darkroom.pipeline.poll import UNKNOWN_LIMIT
from tests.fakes.routes import JOB_ALONE, JOB_KEY, JOB_LOOKED_UP, JOB_NONE, SYNC_KEY, SYNC_NONE
from tests.simulation.accounts import Trouble
from tests.simulation.doom import PLACE, Doom
from tests.simulation.world import World

PHOTO: Final = "photos/cat.jpg"
SPEC: Final = "photos/cat.jpg.json"

MIDDLE_S: Final = 3.0
"""When the job of a story is under way: it takes about five seconds. A call without an answer, too:
it takes a minute or two."""
CALL_AT_S: Final = 0.6
"""When the paid call of a story is under way, which takes a moment."""
LATER_S: Final = 4000.0
"""When everything has long come to an end, sweeps included."""


@dataclass(frozen=True)
class Story:
    """What happens, apart from the struck call.

    Attributes:
        operation: of the task.
        provider: that is asked.
        plot: what happens besides the upload; nothing in most.
        first: what befalls the first calls of a name.
        ends: the states that its tasks may come to, whatever is struck.
        charges: how many paid calls it may cost.
        runs: how many may be begun.
        place: where every figure of its world lies.
        happens: what happens in it whenever it may.
    """

    operation: str
    provider: str
    plot: Callable[[World], None] = lambda _world: None
    first: Mapping[str, Sequence[str]] | None = None
    ends: frozenset[str] = frozenset({"succeeded", "unknown"})
    charges: int = 1
    runs: int = Limits().runs
    place: float = PLACE
    happens: frozenset[str] = frozenset()

    def doom(self, at: int = 0, way: str = "") -> Doom:
        """What befalls its world, with one call struck besides."""
        return Doom(at, way, self.first, self.place, self.happens)

    def tell(self, doom: Doom, *, spec_first: bool = False, twice: bool = False) -> World:
        """From the upload until the world rests."""
        world = World(doom, limits=Limits(runs=self.runs))
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


def _cancelled_at_its_call(world: World) -> None:
    world.timeline.after(CALL_AT_S, lambda: world.cancel(_task(world)))


def _retried(world: World) -> None:
    world.timeline.after(LATER_S, lambda: world.retry(_task(world), pay_again=False))


def _paid_again(world: World) -> None:
    world.timeline.after(LATER_S, lambda: world.retry(_task(world), pay_again=True))


def _cancelled_and_aborted(world: World) -> None:
    _cancelled(world)
    world.timeline.after(MIDDLE_S + 1, lambda: _run(world, "end", "ABORTED"))


def _aborted_and_retried(world: World) -> None:
    _aborted(world)
    _retried(world)


def _aborted(world: World) -> None:
    world.timeline.after(MIDDLE_S, lambda: _run(world, "end", "ABORTED"))


def _lost(world: World) -> None:
    world.timeline.after(MIDDLE_S, lambda: _run(world, "vanish"))


def _lost_with_its_call(world: World) -> None:
    world.timeline.after(0.4, lambda: _run(world, "vanish"))


def _overwritten(world: World) -> None:
    def ask_again() -> None:
        world.people.ask(SPEC, JOB_NONE, None, metadata={"version": 2}, provider="gamma")

    world.timeline.after(MIDDLE_S, ask_again)


def _spell(kind: str, lasts_s: float, at_s: float = CALL_AT_S) -> Callable[[World], None]:
    """A spell that begins while the paid call is under way."""

    def plot(world: World) -> None:
        world.timeline.after(at_s, lambda: world.spells.begin(kind, lasts_s))

    return plot


def _trouble(
    provider: str, trouble: Trouble, lasts_s: float, at_s: float = 0.0
) -> Callable[[World], None]:
    """The provider's account is not as it should be."""

    def plot(world: World) -> None:
        accounts = world.providers.accounts
        world.timeline.after(at_s, lambda: accounts.begin(provider, trouble, lasts_s))

    return plot


def _another(operation: str, provider: str) -> Callable[[World], None]:
    """A second task for the same provider, while the first one's job is under way."""

    def ask(world: World) -> None:
        world.people.drop(f"another/{PHOTO}")
        world.people.ask(f"another/{SPEC}", operation, provider=provider)

    return lambda world: world.timeline.after(MIDDLE_S, lambda: ask(world))


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
_DOUBT: Final = {"providers.pay": ("accepted-but-unanswered",)}
_REFUSED: Final = {"providers.pay": ("refused",)}
_REFUSED_FOR_LONG: Final = {**_DOUBT, "providers.repeat": ("refused",) * 13}
_DENIED: Final = {"providers.poll": ("job-not-found-yet",) * UNKNOWN_LIMIT}
_STUCK: Final = {"outputs.put_over": ("bucket-error",) * 4}
_DATA: Final = 0.3752
"""A place at which what is answered at once is data."""
_CANCELLED: Final = frozenset({"succeeded", "unknown", "cancelled"})
_ABORTED: Final = frozenset({"succeeded", "unknown", "failed"})
"""Failed where the run is aborted before anything was paid."""

EVENTFUL: Final[Mapping[str, Story]] = {
    "cancelled, key, a job": Story(JOB_KEY, "beta", _cancelled, ends=_CANCELLED),
    "cancelled, none, a job": Story(JOB_NONE, "gamma", _cancelled, ends=_CANCELLED),
    "cancelled early, none": Story(SYNC_NONE, "alpha", _cancelled_while_queued, ends=_CANCELLED),
    "cancelled in doubt, key": Story(JOB_KEY, "beta", _cancelled, _DOUBT, ends=_CANCELLED),
    "cancelled in doubt, key, sync": Story(SYNC_KEY, "delta", _cancelled, _DOUBT, ends=_CANCELLED),
    "cancelled in doubt, look-up": Story(
        JOB_LOOKED_UP, "epsilon", _cancelled, _DOUBT, ends=_CANCELLED
    ),
    "cancelled in doubt, none": Story(JOB_NONE, "gamma", _cancelled, _DOUBT, ends=_CANCELLED),
    "cancelled, refused, none": Story(
        JOB_NONE, "gamma", _cancelled_at_its_call, _REFUSED, ends=_ANY
    ),
    "aborted in doubt, key": Story(JOB_KEY, "beta", _aborted, _DOUBT, ends=_ABORTED),
    "aborted in doubt, look-up": Story(JOB_LOOKED_UP, "epsilon", _aborted, _DOUBT, ends=_ABORTED),
    "aborted in doubt, none": Story(JOB_NONE, "gamma", _aborted, _DOUBT, ends=_ABORTED),
    "refused for an hour, key": Story(JOB_KEY, "beta", first=_REFUSED_FOR_LONG),
    "cancelled in doubt, last run": Story(
        JOB_NONE, "gamma", _cancelled_and_aborted, _DOUBT, ends=_CANCELLED | _ABORTED, runs=1
    ),
    "cut short at its end, retried": Story(
        SYNC_NONE, "alpha", _aborted_and_retried, _STUCK, _ABORTED, runs=1, place=_DATA
    ),
    "denied, none, retried": Story(JOB_NONE, "gamma", _retried, _DENIED, ends=_ABORTED),
    "doubtful, none, retried": Story(JOB_NONE, "gamma", _retried, _DOUBT),
    "doubtful, none, paid again": Story(JOB_NONE, "gamma", _paid_again, _DOUBT, charges=2),
    "aborted, key, retried": Story(JOB_KEY, "beta", _aborted_and_retried, ends=_ANY),
    "aborted, look-up, retried": Story(JOB_LOOKED_UP, "epsilon", _aborted_and_retried, ends=_ANY),
    "aborted, none, retried": Story(JOB_NONE, "gamma", _aborted_and_retried, ends=_ANY),
    "run lost, key, a job": Story(JOB_KEY, "beta", _lost),
    "run lost, look-up, a job": Story(JOB_LOOKED_UP, "epsilon", _lost),
    "run lost at the call, none": Story(SYNC_NONE, "alpha", _lost_with_its_call),
    "written over, none, a job": Story(JOB_NONE, "gamma", _overwritten, ends=_CANCELLED, charges=2),
}
"""What else may happen to it."""

_LARGE: Final = 0.37501
"""A place at which what is answered at once is large data."""
_LATE: Final = frozenset({"result-late"})
_NOT_SENT_LATE: Final = {"providers.pay": ("not-sent-late",)}
_REFUSED_LATE: Final = {"providers.pay": ("refused-late",)}
_THROTTLED_LATE: Final = {"providers.pay": ("throttled-late",)}

TROUBLED: Final[Mapping[str, Story]] = {
    "table shut for seconds, none, sync": Story(
        SYNC_NONE, "alpha", _spell("table-shut-after-pay", 20)
    ),
    "table shut for minutes, none, a job": Story(
        JOB_NONE, "gamma", _spell("table-shut-long-after-pay", 300)
    ),
    "bucket shut for minutes, none, large": Story(
        SYNC_NONE, "alpha", _spell("bucket-shut-long-after-pay", 300), place=_LARGE
    ),
    "outputs shut for a while, none, a job": Story(JOB_NONE, "gamma", _spell("outputs-shut", 900)),
    "outputs shut for hours, none, sync": Story(SYNC_NONE, "alpha", _spell("outputs-shut", 5000)),
    "late result, none, sync": Story(SYNC_NONE, "alpha", happens=_LATE),
    "late result, none, a job": Story(JOB_NONE, "gamma", happens=_LATE),
    "refused late, none, a job": Story(JOB_NONE, "gamma", first=_REFUSED_LATE, ends=_ANY),
    "not sent late, look-up, a job": Story(JOB_LOOKED_UP, "epsilon", first=_NOT_SENT_LATE),
    "throttled late, key, a job": Story(JOB_KEY, "beta", first=_THROTTLED_LATE),
    "no credits for minutes, key, a job": Story(
        JOB_KEY, "beta", _trouble("beta", "no-credits", 200)
    ),
    "secret refused for minutes, none, a job": Story(
        JOB_NONE, "gamma", _trouble("gamma", "key-refused", 200, MIDDLE_S)
    ),
    "another account for minutes, none, a job": Story(
        JOB_NONE, "gamma", _trouble("gamma", "other-account", 200, MIDDLE_S)
    ),
    "an older job is named, none": Story(
        JOB_NONE,
        "gamma",
        _another(JOB_NONE, "gamma"),
        charges=2,
        happens=frozenset({"older-job-named"}),
    ),
}
"""What our own stores and the providers' accounts do to it."""

STORIES: Final[Mapping[str, Story]] = {**PLAIN, **EVENTFUL, **TROUBLED}
TOLD: Final = (*EVENTFUL, *TROUBLED)
