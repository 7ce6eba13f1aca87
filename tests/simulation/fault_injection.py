"""Fault injection: every call of the pipeline to a port passes here, takes time, and may fail.

An invocation is one process at work on one event. It is killed at its time limit, or by a fault.
Its caller gets the name of an error, as Lambda's callers do.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn, TypeVar

from darkroom.domain.errors import Busy, Conflict, DarkroomError, OwnTrouble
from tests.fakes.clock import START
from tests.simulation.fault_kinds import DEATHS, FaultPolicy
from tests.simulation.scheduler import Scheduler

T = TypeVar("T")

CALL_S: Final = 0.01
"""How long an ordinary call takes."""
MAX_NESTED_S: Final = 10.0
"""A process that waited longer than this for others in one call may have run out of time."""


class ProcessKilled(BaseException):
    """The process is gone; product code must not catch this."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class TooManyCalls(BaseException):
    """The simulation made more calls than it should need: something loops."""


class Unreadable(ValueError):
    """The stored item is no task: written by hand, or by another version of the product."""


class ClientError(Exception):
    """AWS did not do it, or did it and the response was lost; named as boto3 names it."""


class DurationsFailed(Exception):
    """How long jobs took cannot be read or written; no process may end because of that."""


class ChargesFailed(Exception):
    """Charges cannot be read or written; no process may end because of that."""


# Kind -> whether the call is carried out, and the error that its caller gets, if any.
_ERRORS: Final[dict[str, tuple[bool, Callable[[], Exception] | None]]] = {
    "table-throttled": (False, lambda: ClientError("the table is throttled")),
    "table-answer-lost": (True, lambda: ClientError("the table's answer was lost")),
    "write-contended": (False, lambda: Conflict("a transaction was under way")),
    "list-broken": (True, lambda: ClientError("the index is throttled")),
    "create-contended": (False, lambda: Conflict("another transaction was under way")),
    "bucket-error": (False, lambda: ClientError("slow down")),
    "bucket-contended": (False, lambda: Conflict("another write of the key was under way")),
    "bucket-sent-twice": (True, lambda: Conflict("the write met its own retry")),
    "bucket-answer-lost": (True, lambda: ClientError("the bucket's answer was lost")),
    "start-throttled": (False, lambda: ClientError("too many executions")),
    "start-lost": (False, None),
    "start-answer-lost": (True, lambda: ClientError("the answer was lost")),
    "event-not-taken": (False, lambda: Busy("event-not-taken", "The bus did not take it.")),
    "event-answer-lost": (True, lambda: ClientError("the bus's answer was lost")),
    "durations-unavailable": (False, lambda: DurationsFailed("no answer")),
    "durations-answer-lost": (True, lambda: DurationsFailed("the answer was lost")),
    "charges-unavailable": (False, lambda: ChargesFailed("no answer")),
    "charges-answer-lost": (True, lambda: ChargesFailed("the answer was lost")),
    "queue-error": (False, lambda: ClientError("the queue is unavailable")),
    "answer-lost": (True, lambda: ClientError("the answer was lost")),
    "refused-by-us": (False, lambda: ClientError("access denied")),
    "busy-of-ours": (False, lambda: OwnTrouble("store-busy", "The store is unavailable.")),
}
STORE_WRITES: Final = ("tasks.replace", "outputs.put")
"""One call of each store: when both are refused, nothing can be stored anywhere."""


@dataclass
class Invocation:
    """One process at work.

    Attributes:
        run: of its task; None for a process that no run has called.
        clock_skew_s: how far its clock is off.
        harmed: whether a fault has struck it.
        excused: whether it could not help what it left undone: it was delayed, killed from
            outside, or had no store to write to. A refused call alone is no excuse.
        table_unavailable: whether the table was unavailable to it for a while.
        failed: whether it ended without an answer.
        ended: whether it has ended.
        hit_by_fault: whether a fault other than an outage has struck it.
        refused_calls: the calls that an outage refused.
    """

    verb: str
    task_id: str | None
    begun: float
    dies_at: float
    clock_skew_s: float
    run: int | None = None
    harmed: bool = False
    excused: bool = False
    table_unavailable: bool = False
    failed: bool = False
    ended: bool = False
    hit_by_fault: bool = False
    refused_calls: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class FunctionError:
    """An invocation without an answer: the error's name, as its caller learns it."""

    name: str


OUTPUT_WRITERS: Final = frozenset({"submit", "poll", "deliver", "fail"})
"""The functions that write results and manifests, and record when they cannot."""


@dataclass
class FaultInjector:
    """The way to every port.

    Attributes:
        max_calls: how many calls the simulation may make.
        unexpected_errors: errors that no fault explains.
        trace: what happened, if a trace is kept.
        outages: call -> the errors with which it is refused for now; the last one is raised.
        outage_since: call -> since when a process that could record its outage knows of it.
    """

    scheduler: Scheduler
    fault_policy: FaultPolicy
    current: Invocation | None = None
    calls: int = 0
    max_calls: int = 1_000_000
    unexpected_errors: list[str] = field(default_factory=list)
    trace: list[str] | None = None
    expected_errors: tuple[type[Exception], ...] = (DarkroomError, ClientError, Unreadable)
    outages: dict[str, list[str]] = field(default_factory=dict)
    outage_since: dict[str, float] = field(default_factory=dict)

    def invoke(
        self,
        verb: str,
        task_id: str | None,
        limit_s: float,
        act: Callable[[], T],
        run: int | None = None,
    ) -> T | FunctionError:
        """Run one process; its answer, or the error that it ended with."""
        skewed = self.fault_policy.chance("clock-skewed")
        clock_skew_s = self.fault_policy.between(-5, 5) if skewed else 0.0
        before = self.current
        now = self.scheduler.now
        mine = Invocation(verb, task_id, now, now + limit_s, clock_skew_s, run)
        self.current = mine
        if self.trace is not None:
            self.note(f"> {verb} {task_id}")
        try:
            return act()
        except ProcessKilled as kill:
            mine.failed = True
            return FunctionError(kill.name)
        except Exception as error:  # noqa: BLE001 - Lambda answers any error by its name
            mine.failed = True
            name = type(error).__name__
            if not isinstance(error, self.expected_errors):
                self.unexpected_errors.append(f"{verb} of {task_id} raised {name}: {error}")
            return FunctionError(name)
        finally:
            mine.ended = True
            if verb in OUTPUT_WRITERS and not mine.hit_by_fault:
                for name in mine.refused_calls & self.outages.keys():
                    self.outage_since.setdefault(name, self.scheduler.now)
            if self.trace is not None:
                self.note(f"< {verb} {task_id}")
            self.current = before

    def call_with_fault(self, kind: str, act: Callable[[], T]) -> T:
        """Make a call that a fault has struck."""
        carried_out, error = _ERRORS.get(kind, (True, None))
        if kind == "list-broken" and error is not None:
            return _broken_page(act(), error)  # type: ignore[return-value]
        result: Any = act() if carried_out else None
        if error is not None:
            raise error()
        self.after_call(kind)
        return result  # type: ignore[no-any-return]

    def before_call(self, name: str, seconds: float = CALL_S) -> str | None:
        """Before a call: let time pass; the fault that the caller has to apply, or None."""
        self.calls += 1
        if self.calls > self.max_calls:
            raise TooManyCalls(f"more than {self.max_calls:,} calls")
        kind = self.fault_policy.pick_fault(name)
        if self.outages and name in self.outages and kind != "crash-before":
            kind = self._refuse_call(name)
        if self.trace is not None:
            self.note(f"{name} {kind or ''}")
        if kind is None:
            self.advance(seconds)
            return None
        if self.current is not None and (kind in _ERRORS or kind in DEATHS):
            self.current.harmed = True
            self.current.hit_by_fault |= name not in self.current.refused_calls or kind in DEATHS
            self.current.excused |= kind in DEATHS
        if kind == "slow-call":
            long = self.fault_policy.between(0, 1) < 0.5
            seconds += (
                self.fault_policy.between(1, 240) if long else self.fault_policy.between(0.2, 3)
            )
        self.advance(seconds)
        if kind == "crash-before":
            self.kill_process()
        return kind

    def _refuse_call(self, name: str) -> str:
        """Refuse a call during an outage; a process that finds every store down is excused."""
        if self.current is not None:
            self.current.refused_calls.add(name)
            down = [store in self.outages for store in STORE_WRITES]
            self.current.table_unavailable |= down[0]
            self.current.excused |= all(down)
        return self.outages[name][-1]

    def after_call(self, kind: str | None) -> None:
        """After a call: kill the process if that is the fault."""
        if kind == "crash-after":
            self.kill_process()

    def kill_process(self) -> NoReturn:
        """End the process at once."""
        if self.current is not None:
            self.current.harmed = self.current.excused = True
        raise ProcessKilled("Runtime.ExitError")

    def advance(self, seconds: float) -> None:
        """Let time pass for every process; this one may be killed at its time limit."""
        until = self.scheduler.now + seconds
        self.scheduler.advance(seconds)
        if self.current is not None and self.scheduler.now > until + MAX_NESTED_S:
            self.current.excused = True
        self.check_time_limit()

    def check_time_limit(self) -> None:
        """Kill the process if it is past its time limit."""
        if self.current is not None and self.scheduler.now >= self.current.dies_at:
            self.current.harmed = True
            raise ProcessKilled("Sandbox.Timedout")

    def time_left_s(self) -> float:
        """How long the process may still run."""
        return self.current.dies_at - self.scheduler.now if self.current else float("inf")

    def note(self, what: str) -> None:
        """Add to the trace."""
        if self.trace is not None:
            self.trace.append(f"{self.scheduler.now:.3f} {what}")

    def trace_digest(self) -> str:
        """A hash of the trace: equal traces have equal hashes."""
        return hashlib.sha256("\n".join(self.trace or ()).encode()).hexdigest()[:16]


def _broken_page(whole: Any, error: Callable[[], Exception]) -> Iterator[Any]:
    """A list that is read page by page, the second of which fails."""
    listed = list(whole)
    yield from listed[: (len(listed) + 1) // 2]
    raise error()


class SimulatedClock:
    """`ports.Clock` on the scheduler, off by the process's own clock skew."""

    def __init__(self, injector: FaultInjector) -> None:
        self._injector = injector

    def now(self) -> datetime:
        """UTC, aware."""
        current = self._injector.current
        clock_skew_s = current.clock_skew_s if current else 0.0
        return START + timedelta(seconds=self._injector.scheduler.now + clock_skew_s)

    def sleep(self, seconds: float) -> None:
        """Let time pass for every process; no process sleeps until it is killed."""
        current = self._injector.current
        if current and self._injector.scheduler.now + seconds >= current.dies_at:
            self._injector.unexpected_errors.append(
                f"{current.verb} of {current.task_id} sleeps past its time limit"
            )
        self._injector.advance(seconds)


class FaultyPort:
    """A port whose every call passes the fault injector; looks like the port to the pipeline."""

    def __init__(self, port: object, name: str, injector: FaultInjector) -> None:
        self._port = port
        self._name = name
        self._injector = injector

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute
        # Cached as an attribute: a simulation uses few of a port's methods, and those often.
        call = _call(self._injector, self._name, attribute)
        setattr(self, name, call)
        return call


def _call(injector: FaultInjector, port: str, act: Callable[..., Any]) -> Callable[..., Any]:
    name = f"{port}.{act.__name__}"

    # This is on the path of every call: a call without a fault must cost next to nothing.
    def call(*args: Any, **kwargs: Any) -> Any:
        kind = injector.before_call(name)
        if kind is None:
            return act(*args, **kwargs)
        return injector.call_with_fault(kind, lambda: act(*args, **kwargs))

    return call
