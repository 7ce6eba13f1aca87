"""Short stories of one task, or of two that want one name, for every way of being paid.

Each is told in a world of its own, in which nothing goes wrong but the one call that `SingleFault`
strikes. What people do in a story is part of it, and their commands are struck like everything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from darkroom.domain.limits import Limits
from darkroom.pipeline.poll import UNKNOWN_JOB_LIMIT
from tests.fakes.routes import JOB_ALONE, JOB_KEY, JOB_LOOKED_UP, JOB_NONE, SYNC_KEY, SYNC_NONE
from tests.simulation.accounts import Trouble
from tests.simulation.single_fault import PLACE, SingleFault
from tests.simulation.system import SimulatedSystem

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
class Scenario:
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
    plot: Callable[[SimulatedSystem], None] = lambda _world: None
    first: Mapping[str, Sequence[str]] | None = None
    ends: frozenset[str] = frozenset({"succeeded", "unknown"})
    charges: int = 1
    runs: int = Limits().runs
    place: float = PLACE
    happens: frozenset[str] = frozenset()

    def doom(self, at: int = 0, way: str = "") -> SingleFault:
        """What befalls its world, with one call struck besides."""
        return SingleFault(at, way, self.first, self.place, self.happens)

    def tell(
        self, doom: SingleFault, *, spec_first: bool = False, twice: bool = False
    ) -> SimulatedSystem:
        """From the upload until the world rests."""
        system = SimulatedSystem(doom, limits=Limits(runs=self.runs))
        users = system.users
        if twice:
            users.send = _doubled(users.send)
        if spec_first:
            users.ask(SPEC, self.operation, provider=self.provider)
            system.scheduler.after(5, lambda: users.drop(PHOTO))
        else:
            users.drop(PHOTO)
            users.ask(SPEC, self.operation, provider=self.provider)
        system.scheduler.after(5 if spec_first else 0, lambda: self.plot(system))
        system.rest()
        return system


# --- plots ---------------------------------------------------------------------------------------


def _cancelled(system: SimulatedSystem) -> None:
    system.scheduler.after(MIDDLE_S, lambda: system.cancel(_task(system)))


def _cancelled_while_queued(system: SimulatedSystem) -> None:
    system.scheduler.after(0.4, lambda: system.cancel(_task(system)))


def _cancelled_at_its_call(system: SimulatedSystem) -> None:
    system.scheduler.after(CALL_AT_S, lambda: system.cancel(_task(system)))


def _retried(system: SimulatedSystem) -> None:
    system.scheduler.after(LATER_S, lambda: system.retry(_task(system), pay_again=False))


def _paid_again(system: SimulatedSystem) -> None:
    system.scheduler.after(LATER_S, lambda: system.retry(_task(system), pay_again=True))


def _cancelled_and_aborted(system: SimulatedSystem) -> None:
    _cancelled(system)
    system.scheduler.after(MIDDLE_S + 1, lambda: _run(system, "end", "ABORTED"))


def _aborted_and_retried(system: SimulatedSystem) -> None:
    _aborted(system)
    _retried(system)


def _aborted(system: SimulatedSystem) -> None:
    system.scheduler.after(MIDDLE_S, lambda: _run(system, "end", "ABORTED"))


def _lost(system: SimulatedSystem) -> None:
    system.scheduler.after(MIDDLE_S, lambda: _run(system, "vanish"))


def _lost_with_its_call(system: SimulatedSystem) -> None:
    system.scheduler.after(0.4, lambda: _run(system, "vanish"))


def _overwritten(system: SimulatedSystem) -> None:
    def ask_again() -> None:
        system.users.ask(SPEC, JOB_NONE, None, metadata={"version": 2}, provider="gamma")

    system.scheduler.after(MIDDLE_S, ask_again)


def _spell(kind: str, lasts_s: float, at_s: float = CALL_AT_S) -> Callable[[SimulatedSystem], None]:
    """A spell that begins while the paid call is under way."""

    def plot(system: SimulatedSystem) -> None:
        system.scheduler.after(at_s, lambda: system.outages.begin(kind, lasts_s))

    return plot


def _trouble(
    provider: str, trouble: Trouble, lasts_s: float, at_s: float = 0.0
) -> Callable[[SimulatedSystem], None]:
    """The provider's account is not as it should be."""

    def plot(system: SimulatedSystem) -> None:
        accounts = system.providers.accounts
        system.scheduler.after(at_s, lambda: accounts.begin(provider, trouble, lasts_s))

    return plot


def _another(operation: str, provider: str) -> Callable[[SimulatedSystem], None]:
    """A second task for the same provider, while the first one's job is under way."""

    def ask(system: SimulatedSystem) -> None:
        system.users.drop(f"another/{PHOTO}")
        system.users.ask(f"another/{SPEC}", operation, provider=provider)

    return lambda system: system.scheduler.after(MIDDLE_S, lambda: ask(system))


def _task(system: SimulatedSystem) -> str:
    return system.users.asks[0].trigger.task_id


def _run(system: SimulatedSystem, act: str, *given: str) -> None:
    """Something happens to the first run, if there is one yet."""
    run = system.interpreter.runs.get((_task(system), 1))
    if run is not None:
        getattr(run, act)(*given)


def _doubled(send: Callable[[str], None]) -> Callable[[str], None]:
    def send_twice(body: str) -> None:
        send(body)
        send(body)

    return send_twice


# --- the stories ---------------------------------------------------------------------------------

PLAIN: Final[Mapping[str, Scenario]] = {
    "key, answered at once": Scenario(SYNC_KEY, "delta"),
    "key, a job": Scenario(JOB_KEY, "beta"),
    "key, a job to stay with": Scenario(JOB_ALONE, "zeta"),
    "look-up, a job": Scenario(JOB_LOOKED_UP, "epsilon"),
    "none, answered at once": Scenario(SYNC_NONE, "alpha"),
    "none, a job": Scenario(JOB_NONE, "gamma"),
}
"""One task from its upload to its end, by how its provider can be paid."""

_ANY: Final = frozenset({"succeeded", "unknown", "failed", "cancelled"})
_DOUBT: Final = {"providers.pay": ("accepted-but-unanswered",)}
_REFUSED: Final = {"providers.pay": ("refused",)}
_REFUSED_FOR_LONG: Final = {**_DOUBT, "providers.repeat": ("refused",) * 13}
_DENIED: Final = {"providers.poll": ("job-not-found-yet",) * UNKNOWN_JOB_LIMIT}
_STUCK: Final = {"outputs.put_over": ("bucket-error",) * 4}
_DATA: Final = 0.3752
"""A place at which what is answered at once is data."""
_CANCELLED: Final = frozenset({"succeeded", "unknown", "cancelled"})
_ABORTED: Final = frozenset({"succeeded", "unknown", "failed"})
"""Failed where the run is aborted before anything was paid."""

EVENTFUL: Final[Mapping[str, Scenario]] = {
    "cancelled, key, a job": Scenario(JOB_KEY, "beta", _cancelled, ends=_CANCELLED),
    "cancelled, none, a job": Scenario(JOB_NONE, "gamma", _cancelled, ends=_CANCELLED),
    "cancelled early, none": Scenario(SYNC_NONE, "alpha", _cancelled_while_queued, ends=_CANCELLED),
    "cancelled in doubt, key": Scenario(JOB_KEY, "beta", _cancelled, _DOUBT, ends=_CANCELLED),
    "cancelled in doubt, key, sync": Scenario(
        SYNC_KEY, "delta", _cancelled, _DOUBT, ends=_CANCELLED
    ),
    "cancelled in doubt, look-up": Scenario(
        JOB_LOOKED_UP, "epsilon", _cancelled, _DOUBT, ends=_CANCELLED
    ),
    "cancelled in doubt, none": Scenario(JOB_NONE, "gamma", _cancelled, _DOUBT, ends=_CANCELLED),
    "cancelled, refused, none": Scenario(
        JOB_NONE, "gamma", _cancelled_at_its_call, _REFUSED, ends=_ANY
    ),
    "aborted in doubt, key": Scenario(JOB_KEY, "beta", _aborted, _DOUBT, ends=_ABORTED),
    "aborted in doubt, look-up": Scenario(
        JOB_LOOKED_UP, "epsilon", _aborted, _DOUBT, ends=_ABORTED
    ),
    "aborted in doubt, none": Scenario(JOB_NONE, "gamma", _aborted, _DOUBT, ends=_ABORTED),
    "refused for an hour, key": Scenario(JOB_KEY, "beta", first=_REFUSED_FOR_LONG),
    "cancelled in doubt, last run": Scenario(
        JOB_NONE, "gamma", _cancelled_and_aborted, _DOUBT, ends=_CANCELLED | _ABORTED, runs=1
    ),
    "cut short at its end, retried": Scenario(
        SYNC_NONE, "alpha", _aborted_and_retried, _STUCK, _ABORTED, runs=1, place=_DATA
    ),
    "denied, none, retried": Scenario(JOB_NONE, "gamma", _retried, _DENIED, ends=_ABORTED),
    "doubtful, none, retried": Scenario(JOB_NONE, "gamma", _retried, _DOUBT),
    "doubtful, none, paid again": Scenario(JOB_NONE, "gamma", _paid_again, _DOUBT, charges=2),
    "aborted, key, retried": Scenario(JOB_KEY, "beta", _aborted_and_retried, ends=_ANY),
    "aborted, look-up, retried": Scenario(
        JOB_LOOKED_UP, "epsilon", _aborted_and_retried, ends=_ANY
    ),
    "aborted, none, retried": Scenario(JOB_NONE, "gamma", _aborted_and_retried, ends=_ANY),
    "run lost, key, a job": Scenario(JOB_KEY, "beta", _lost),
    "run lost, look-up, a job": Scenario(JOB_LOOKED_UP, "epsilon", _lost),
    "run lost at the call, none": Scenario(SYNC_NONE, "alpha", _lost_with_its_call),
    "written over, none, a job": Scenario(
        JOB_NONE, "gamma", _overwritten, ends=_CANCELLED, charges=2
    ),
}
"""What else may happen to it."""

_LARGE: Final = 0.37501
"""A place at which what is answered at once is large data."""
_LATE: Final = frozenset({"result-late"})
_NOT_SENT_LATE: Final = {"providers.pay": ("not-sent-late",)}
_REFUSED_LATE: Final = {"providers.pay": ("refused-late",)}
_THROTTLED_LATE: Final = {"providers.pay": ("throttled-late",)}

TROUBLED: Final[Mapping[str, Scenario]] = {
    "table shut for seconds, none, sync": Scenario(
        SYNC_NONE, "alpha", _spell("table-shut-after-pay", 20)
    ),
    "table shut for minutes, none, a job": Scenario(
        JOB_NONE, "gamma", _spell("table-shut-long-after-pay", 300)
    ),
    "bucket shut for minutes, none, large": Scenario(
        SYNC_NONE, "alpha", _spell("bucket-shut-long-after-pay", 300), place=_LARGE
    ),
    "outputs shut for a while, none, a job": Scenario(
        JOB_NONE, "gamma", _spell("outputs-shut", 900)
    ),
    "outputs shut for hours, none, sync": Scenario(
        SYNC_NONE, "alpha", _spell("outputs-shut", 5000)
    ),
    "late result, none, sync": Scenario(SYNC_NONE, "alpha", happens=_LATE),
    "late result, none, a job": Scenario(JOB_NONE, "gamma", happens=_LATE),
    "refused late, none, a job": Scenario(JOB_NONE, "gamma", first=_REFUSED_LATE, ends=_ANY),
    "not sent late, look-up, a job": Scenario(JOB_LOOKED_UP, "epsilon", first=_NOT_SENT_LATE),
    "throttled late, key, a job": Scenario(JOB_KEY, "beta", first=_THROTTLED_LATE),
    "no credits for minutes, key, a job": Scenario(
        JOB_KEY, "beta", _trouble("beta", "no-credits", 200)
    ),
    "secret refused for minutes, none, a job": Scenario(
        JOB_NONE, "gamma", _trouble("gamma", "key-refused", 200, MIDDLE_S)
    ),
    "another account for minutes, none, a job": Scenario(
        JOB_NONE, "gamma", _trouble("gamma", "other-account", 200, MIDDLE_S)
    ),
    "an older job is named, none": Scenario(
        JOB_NONE,
        "gamma",
        _another(JOB_NONE, "gamma"),
        charges=2,
        happens=frozenset({"older-job-named"}),
    ),
}
"""What our own stores and the providers' accounts do to it."""

STORIES: Final[Mapping[str, Scenario]] = {**PLAIN, **EVENTFUL, **TROUBLED}
TOLD: Final = (*EVENTFUL, *TROUBLED)
