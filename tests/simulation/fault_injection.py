"""Every call of the pipeline to the outside passes here: time goes by, and it may be the last.

An invocation is one process's work on one event. It dies at its time limit, or when a fault
says so; whoever invoked it gets the name of an error, as Lambda's callers do.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn, TypeVar

from darkroom.domain.errors import Busy, Conflict, DarkroomError
from tests.fakes.clock import START
from tests.simulation.fault_kinds import DEATHS, FaultPolicy
from tests.simulation.scheduler import Scheduler

T = TypeVar("T")

CALL_S: Final = 0.01
"""What an ordinary call takes."""
HELD_UP_S: Final = 10.0
"""Who was held up by others for longer in one call may have had no time for anything else."""


class Died(BaseException):
    """The process is gone; nothing in it may catch this."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NeverSettled(BaseException):
    """The world has made more calls than it ever should: something goes round in circles."""


class Unreadable(ValueError):
    """What is stored is no task: written by hand, or by another version of the product."""


class ClientError(Exception):
    """AWS did not do it, or did it and could not say so; named as boto3 names it."""


# Kind -> whether the call was carried out all the same, and the error that its caller gets, if any.
_ERRORS: Final[dict[str, tuple[bool, Callable[[], Exception] | None]]] = {
    "table-throttled": (False, lambda: ClientError("the table is throttled")),
    "table-answer-lost": (True, lambda: ClientError("the table's answer was lost")),
    "write-contended": (False, lambda: Conflict("a transaction was under way")),
    "list-broken": (True, lambda: ClientError("the index is throttled")),
    "create-contended": (False, lambda: Conflict("another transaction was under way")),
    "bucket-error": (False, lambda: ClientError("slow down")),
    "bucket-contended": (False, lambda: Conflict("another write of the key was under way")),
    "bucket-sent-twice": (True, lambda: Conflict("the write met itself")),
    "bucket-answer-lost": (True, lambda: ClientError("the bucket's answer was lost")),
    "start-throttled": (False, lambda: ClientError("too many executions")),
    "start-lost": (False, None),
    "start-answer-lost": (True, lambda: ClientError("the answer was lost")),
    "event-not-taken": (False, lambda: Busy("event-not-taken", "The bus did not take it.")),
    "event-answer-lost": (True, lambda: ClientError("the bus's answer was lost")),
    "queue-error": (False, lambda: ClientError("the queue is unavailable")),
    "answer-lost": (True, lambda: ClientError("the answer was lost")),
    "refused-by-us": (False, lambda: ClientError("access denied")),
    "busy-of-ours": (False, lambda: Busy("store-busy", "The store is unavailable.")),
}
STORES: Final = ("tasks.replace", "outputs.put")
"""One call of each store: where both are refused, nothing can be kept anywhere."""


@dataclass
class Invocation:
    """One process at work.

    Attributes:
        skew_s: how far its clock is off.
        harmed: whether a fault has struck it.
        excused: whether it could not help what it left undone: it was held up or ended from
            outside, or had no store to write to. A call that is refused is no excuse.
        shut_out: whether the table was shut to it for a while.
        broken: whether it ended without an answer.
        over: whether it has ended.
        hit: whether a fault has struck it that is no store which is shut.
        refused: the calls that were shut to it.
    """

    verb: str
    task_id: str | None
    begun: float
    dies_at: float
    skew_s: float
    harmed: bool = False
    excused: bool = False
    shut_out: bool = False
    broken: bool = False
    over: bool = False
    hit: bool = False
    refused: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Broken:
    """An invocation without an answer: the error's name, as its caller learns it."""

    name: str


DELIVERING: Final = frozenset({"deliver", "fail"})
"""The processes that write results and manifests, and say when they cannot."""


@dataclass
class FaultInjector:
    """The way out.

    Attributes:
        most: of calls that this world may make.
        unexpected: errors that no fault explains.
        lines: the trace, if one is kept.
        shut: call -> the errors with which it is refused for now; the last one is raised.
        shut_since: call -> since when a process that could say so knows that it is shut.
    """

    scheduler: Scheduler
    fault_policy: FaultPolicy
    current: Invocation | None = None
    calls: int = 0
    most: int = 1_000_000
    unexpected: list[str] = field(default_factory=list)
    lines: list[str] | None = None
    expected: tuple[type[Exception], ...] = (DarkroomError, ClientError, Unreadable)
    shut: dict[str, list[str]] = field(default_factory=dict)
    shut_since: dict[str, float] = field(default_factory=dict)

    def invoke(
        self, verb: str, task_id: str | None, limit_s: float, act: Callable[[], T]
    ) -> T | Broken:
        """Run one process; its answer, or the error that it ended with."""
        skew_s = (
            self.fault_policy.between(-5, 5) if self.fault_policy.chance("clock-skewed") else 0.0
        )
        before = self.current
        now = self.scheduler.now
        mine = Invocation(verb, task_id, now, now + limit_s, skew_s)
        self.current = mine
        if self.lines is not None:
            self.note(f"> {verb} {task_id}")
        try:
            return act()
        except Died as death:
            mine.broken = True
            return Broken(death.name)
        except Exception as error:  # noqa: BLE001 - Lambda answers any error by its name
            mine.broken = True
            name = type(error).__name__
            if not isinstance(error, self.expected):
                self.unexpected.append(f"{verb} of {task_id} raised {name}: {error}")
            return Broken(name)
        finally:
            mine.over = True
            if verb in DELIVERING and not mine.hit:
                for name in mine.refused & self.shut.keys():
                    self.shut_since.setdefault(name, self.scheduler.now)
            if self.lines is not None:
                self.note(f"< {verb} {task_id}")
            self.current = before

    def struck(self, kind: str, act: Callable[[], T]) -> T:
        """An ordinary call that a fault has struck."""
        carried_out, error = _ERRORS.get(kind, (True, None))
        if kind == "list-broken" and error is not None:
            return _breaking(act(), error)  # type: ignore[return-value]
        said: Any = act() if carried_out else None
        if error is not None:
            raise error()
        self.end(kind)
        return said  # type: ignore[no-any-return]

    def begin(self, name: str, seconds: float = CALL_S) -> str | None:
        """The way there; returns the fault that is still to strike, if any."""
        self.calls += 1
        if self.calls > self.most:
            raise NeverSettled(f"more than {self.most:,} calls")
        kind = self.fault_policy.strike(name)
        if self.shut and name in self.shut and kind != "crash-before":
            kind = self._refused_for_now(name)
        if self.lines is not None:
            self.note(f"{name} {kind or ''}")
        if kind is None:
            self.pass_(seconds)
            return None
        if self.current is not None and (kind in _ERRORS or kind in DEATHS):
            self.current.harmed = True
            self.current.hit |= name not in self.current.refused or kind in DEATHS
            self.current.excused |= kind in DEATHS
        if kind == "slow-call":
            long = self.fault_policy.between(0, 1) < 0.5
            seconds += (
                self.fault_policy.between(1, 240) if long else self.fault_policy.between(0.2, 3)
            )
        self.pass_(seconds)
        if kind == "crash-before":
            self.die()
        return kind

    def _refused_for_now(self, name: str) -> str:
        """A call that is shut; whoever finds every store shut cannot help it."""
        if self.current is not None:
            self.current.refused.add(name)
            shut = [store in self.shut for store in STORES]
            self.current.shut_out |= shut[0]
            self.current.excused |= all(shut)
        return self.shut[name][-1]

    def end(self, kind: str | None) -> None:
        """The way back."""
        if kind == "crash-after":
            self.die()

    def die(self) -> NoReturn:
        """The process is gone at once."""
        if self.current is not None:
            self.current.harmed = self.current.excused = True
        raise Died("Runtime.ExitError")

    def pass_(self, seconds: float) -> None:
        """Time goes by for everyone; the process may die of it, of others' doing or its own."""
        until = self.scheduler.now + seconds
        self.scheduler.pass_(seconds)
        if self.current is not None and self.scheduler.now > until + HELD_UP_S:
            self.current.excused = True
        self.check_time()

    def check_time(self) -> None:
        """Die when the process's time is up."""
        if self.current is not None and self.scheduler.now >= self.current.dies_at:
            self.current.harmed = True
            raise Died("Sandbox.Timedout")

    def time_left_s(self) -> float:
        """How long the process may still live."""
        return self.current.dies_at - self.scheduler.now if self.current else float("inf")

    def note(self, what: str) -> None:
        """Add to the trace."""
        if self.lines is not None:
            self.lines.append(f"{self.scheduler.now:.3f} {what}")

    def digest(self) -> str:
        """The trace in short: two runs that did the same have the same."""
        return hashlib.sha256("\n".join(self.lines or ()).encode()).hexdigest()[:16]


def _breaking(whole: Any, error: Callable[[], Exception]) -> Iterator[Any]:
    """A list that is read page by page, the second of which is refused."""
    listed = list(whole)
    yield from listed[: (len(listed) + 1) // 2]
    raise error()


class SimulatedClock:
    """`ports.Clock` on the timeline, as wrong as the process's own clock is."""

    def __init__(self, injector: FaultInjector) -> None:
        self._outside = injector

    def now(self) -> datetime:
        """UTC, aware."""
        current = self._outside.current
        skew_s = current.skew_s if current else 0.0
        return START + timedelta(seconds=self._outside.scheduler.now + skew_s)

    def sleep(self, seconds: float) -> None:
        """Time goes by for everyone; the process may die of it."""
        self._outside.pass_(seconds)


class Guarded:
    """A port whose every call is one to the outside; looks like the port to the pipeline."""

    def __init__(self, port: object, name: str, injector: FaultInjector) -> None:
        self._port = port
        self._name = name
        self._outside = injector

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute
        # Found at once from now on: most worlds use few of a port's methods, and those often.
        guarded = _call(self._outside, self._name, attribute)
        setattr(self, name, guarded)
        return guarded


def _call(injector: FaultInjector, port: str, act: Callable[..., Any]) -> Callable[..., Any]:
    name = f"{port}.{act.__name__}"

    # Every call of every port: what strikes none of them must cost next to nothing.
    def call(*args: Any, **kwargs: Any) -> Any:
        kind = injector.begin(name)
        if kind is None:
            return act(*args, **kwargs)
        return injector.struck(kind, lambda: act(*args, **kwargs))

    return call
