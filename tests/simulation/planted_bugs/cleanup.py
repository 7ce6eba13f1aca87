"""Planted bugs about what comes afterwards: sweeping, retrying, cancelling, and names that pass on.

Whatever goes wrong here is found late, if at all: nobody waits for it any more.
"""

from dataclasses import replace
from typing import Any, BinaryIO, Final

from darkroom.domain import rate_limits
from darkroom.domain.object_keys import manifest_of
from darkroom.domain.task import STILL, Ending, Task
from darkroom.pipeline import cancel, deliver, intake, retry, sweep
from darkroom.pipeline import fail as failing
from darkroom.pipeline.admission.admit import give_up_leases
from darkroom.pipeline.endings import publish as ending
from darkroom.ports import Ports
from tests.fakes.limiter import InMemoryLimiter
from tests.simulation.planted_bugs.plant import Bug, Swap
from tests.simulation.rate_invariants import WatchedLimiter


def _nothing(*_: object, **__: object) -> None:
    return


# --- the end of an ending ------------------------------------------------------------------------


def _dismissed_first() -> list[Swap]:
    def conclude(ports: Ports, task: Task) -> None:
        give_up_leases(ports, task)
        ports.tasks.dismiss(task)
        ending.announce(ports, task)
        ports.tasks.forget_wants(task)

    return [(module, "conclude", conclude) for module in (deliver, failing, sweep)]


def _put_over_anything() -> list[Swap]:
    def put_as(
        ports: Ports, task: Task, key: str, body: BinaryIO | bytes, content_type: str
    ) -> None:
        del task
        ports.outputs.put(key, body, content_type)

    return [(module, "put_as", put_as) for module in (deliver, ending)]


def _moved_aside_in_secret() -> list[Swap]:
    def named(ports: Ports, task: Task) -> Task:
        if ending._aside(task) or ending._owns(ports, task):
            return task
        return replace(task, manifest_key=manifest_of(f"{task.output}@{task.task_id[:8]}"))

    return [(module, "named", named) for module in (deliver, failing)]


def _results_stay_where_they_were() -> list[Swap]:
    def put_as(ports: Ports, task: Task, key: str, *more: Any) -> None:
        ending.put_as(ports, task, key.replace(f"@{task.task_id[:8]}", ""), *more)

    return [(deliver, "put_as", put_as)]


# --- sweep ---------------------------------------------------------------------------------------


def _same_run_again() -> list[Swap]:
    def run_again(ports: Ports, task: Task) -> str:
        ports.workflows.start(task.task_id, task.run)
        ports.tasks.postpone(task, ports.clock.now() + STILL)
        return "new-run"

    return [(sweep, "_run_again", run_again)]


def _alive_or_not() -> list[Swap]:
    return [(sweep, "_keep_running", sweep._run_again)]


def _every_run_is_alive() -> list[Swap]:
    def keep(ports: Ports, task: Task) -> str:
        ports.tasks.postpone(task, ports.clock.now() + STILL)
        return "alive"

    return [(sweep, "_keep_running", keep)]


def _missing_runs_are_left() -> list[Swap]:
    whole = sweep._keep_running

    def keep(ports: Ports, task: Task) -> str:
        if ports.workflows.status(task.task_id, task.run) == "none":
            ports.tasks.postpone(task, ports.clock.now() + STILL)
            return "alive"
        return whole(ports, task)

    return [(sweep, "_keep_running", keep)]


def _given_up_unseen() -> list[Swap]:
    return [(sweep, "look", lambda _inputs, order: dict.fromkeys(order.keys["image"]))]


def _runs_are_not_told() -> list[Swap]:
    def conclude(ports: Ports, task: Task) -> str:
        give_up_leases(ports, task)
        ports.tasks.dismiss(task)
        return "concluded"

    return [(sweep, "_conclude", conclude)]


# --- people --------------------------------------------------------------------------------------


def _retried_from_scratch() -> list[Swap]:
    def resumed(ports: Ports, task_id: str, *, pay_again: bool) -> Task:
        del pay_again
        task = retry._ended_badly(ports.tasks.get(task_id), task_id)
        return ports.tasks.replace(task, retry._queued(ports, task))

    return [(retry, "_resumed", resumed)]


def _old_questions() -> list[Swap]:
    whole = retry._taken_up

    def taken_up(ports: Ports, task: Task, paid: Any, *, pay_again: bool) -> Task | None:
        new = whole(ports, task, paid, pay_again=pay_again)
        if new is None:
            return None
        return replace(new, attempts=new.with_attempt(replace(new.paying, asked_since=None)))

    return [(retry, "_taken_up", taken_up)]


def _run_stays() -> list[Swap]:
    whole = Task.resumed

    def resumed(self: Task, *given: Any, **changes: Any) -> Task:
        return replace(whole(self, *given, **changes), run=self.run)

    return [(Task, "resumed", resumed)]


def _attempts_are_forgotten() -> list[Swap]:
    whole = Task.resumed

    def resumed(self: Task, *given: Any, **changes: Any) -> Task:
        new = whole(self, *given, **changes)
        return replace(new, attempts=()) if new.state == "queued" else new

    return [(Task, "resumed", resumed)]


def _cancelled_while_calling() -> list[Swap]:
    whole = failing._ending

    def decided(task: Task, broken: str | None) -> Ending:
        return task.ending or whole(task, broken)

    return [(failing, "_ending", decided)]


def _cancelled_at_once() -> list[Swap]:
    def at_once(ports: Ports, task_id: str, why: Any, states: Any) -> Task | None:
        task = ports.tasks.get(task_id)
        if task is not None and task.state in states:
            now = ports.clock.now()
            final = task.moved("cancelled", now, ending=Ending("cancelled", why))
            ending.write_manifest(ports, final)
            ending.conclude(ports, ports.tasks.replace(task, final))
        return ports.tasks.get(task_id)

    return [(cancel, "_cancel", at_once)]


# --- messages and pace ---------------------------------------------------------------------------


def _given_up_in_silence() -> list[Swap]:
    whole = intake.receive

    def receive(ports: Ports, message: Any, read: Any) -> Any:
        if message.receives >= intake.LAST_TRY:
            return None
        return whole(ports, message, read)

    return [(intake, "receive", receive)]


def _leased_without_end() -> list[Swap]:
    whole = WatchedLimiter.lease

    def lease(
        self: WatchedLimiter, provider: str, task_id: str, until: float, most: int, now: float
    ) -> bool:
        return whole(self, provider, task_id, until * 2, most, now)

    return [(WatchedLimiter, "lease", lease)]


def _lent_without_end() -> list[Swap]:
    whole = InMemoryLimiter.reserve

    def reserve(
        self: InMemoryLimiter,
        provider: str,
        lane: Any,
        bucket: Any,
        now: float,
        calls: int = 1,
        lender: Any = None,
    ) -> float:
        at = whole(self, provider, lane, bucket, now, calls, lender)
        return now if lender else at

    return [(InMemoryLimiter, "reserve", reserve)]


BUGS: Final = (
    Bug("a task is dismissed before its end is told", _dismissed_first),
    Bug(
        "files are written over whatever is there",
        _put_over_anything,
        raced=True,
    ),
    Bug(
        "a task moves aside without writing it down",
        _moved_aside_in_secret,
        raced=True,
    ),
    Bug("results do not move aside with their manifest", _results_stay_where_they_were),
    Bug("a new run has the old one's number", _same_run_again),
    Bug("a new run is begun while the old one is alive", _alive_or_not),
    Bug("every run is taken to be alive", _every_run_is_alive, ("run-lost",)),
    Bug("a run that never was is not started", _missing_runs_are_left, ("start-lost",)),
    Bug(
        "nobody looks for inputs before giving up",
        _given_up_unseen,
        ("event-poisoned", "dead-letters-left"),
    ),
    Bug("SWEEP tells nobody of an end", _runs_are_not_told),
    Bug(
        "SWEEP does not write the manifest again",
        lambda: [(sweep, "rewrite_manifest", _nothing)],
        raced=True,
    ),
    Bug(
        "FAIL takes a broken run's end for the last word",
        lambda: [(failing, "announce", ending.conclude)],
        raced=True,
    ),
    Bug(
        "FAIL throws a paid answer away",
        lambda: [(failing, "lay_aside", _nothing)],
        scenarios=("cut short at its end, retried",),
    ),
    Bug("a job that is given up runs on", lambda: [(failing, "_stop_job", _nothing)]),
    Bug(
        "a call under way is cancelled as if it cost nothing",
        _cancelled_while_calling,
        scenarios=("cancelled in doubt, last run",),
    ),
    Bug("a task is cancelled whatever it is at", _cancelled_at_once, ("cancelled",)),
    Bug("retry pays again", _retried_from_scratch),
    Bug("retry finds nothing that can be asked for", lambda: [(retry, "_taken_up", _nothing)]),
    Bug("retry does not note since when it asks", _old_questions),
    Bug("a retry is the same run", _run_stays),
    Bug("a retry forgets the attempts before it", _attempts_are_forgotten),
    Bug(
        "a message is given up in silence",
        _given_up_in_silence,
        ("crash-before", "crash-after", "event-poisoned"),
    ),
    Bug("a lease does not end by itself", _leased_without_end),
    Bug("a lane is lent without end", _lent_without_end),
    Bug(
        "a place in the pace is good for ever",
        lambda: [(rate_limits, "LATE_SHARE", float("inf"))],
        ("slow-call",),
    ),
)
