"""Planted bugs about endings, SWEEP, retry, cancel, messages and limits.

What goes wrong here is found late, if at all: no process waits for it.
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


def _do_nothing(*_: object, **__: object) -> None:
    return


# --- endings -------------------------------------------------------------------------------------


def _dismissed_first() -> list[Swap]:
    def conclude(ports: Ports, task: Task) -> None:
        give_up_leases(ports, task)
        ports.tasks.dismiss(task)
        ending.announce(ports, task)
        ports.tasks.forget_wants(task)

    return [(module, "conclude", conclude) for module in (deliver, failing, sweep)]


def _written_unconditionally() -> list[Swap]:
    def put_as(
        ports: Ports, task: Task, key: str, body: BinaryIO | bytes, content_type: str
    ) -> None:
        del task
        ports.outputs.put(key, body, content_type)

    return [(module, "put_as", put_as) for module in (deliver, ending)]


def _other_name_is_not_recorded() -> list[Swap]:
    def named(ports: Ports, task: Task) -> Task:
        if ending._aside(task) or ending._owns(ports, task):
            return task
        return replace(task, manifest_key=manifest_of(f"{task.output}@{task.task_id[:8]}"))

    return [(module, "named", named) for module in (deliver, failing)]


def _results_keep_the_old_name() -> list[Swap]:
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


def _replace_running_runs() -> list[Swap]:
    return [(sweep, "_keep_running", sweep._run_again)]


def _every_run_counts_as_running() -> list[Swap]:
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


def _given_up_without_looking() -> list[Swap]:
    return [(sweep, "look", lambda _inputs, order: dict.fromkeys(order.keys["image"]))]


def _swept_ends_are_not_published() -> list[Swap]:
    def conclude(ports: Ports, task: Task) -> str:
        give_up_leases(ports, task)
        ports.tasks.dismiss(task)
        return "concluded"

    return [(sweep, "_conclude", conclude)]


# --- retry and cancel ----------------------------------------------------------------------------


def _retries_start_afresh() -> list[Swap]:
    def resumed(ports: Ports, task_id: str, *, pay_again: bool) -> Task:
        del pay_again
        task = retry._ended_badly(ports.tasks.get(task_id), task_id)
        return ports.tasks.replace(task, retry._queued(ports, task))

    return [(retry, "_resumed", resumed)]


def _asking_time_is_not_recorded() -> list[Swap]:
    whole = retry._taken_up

    def taken_up(ports: Ports, task: Task, paid: Any, *, pay_again: bool) -> Task | None:
        new = whole(ports, task, paid, pay_again=pay_again)
        if new is None:
            return None
        return replace(new, attempts=new.with_attempt(replace(new.paying, asked_since=None)))

    return [(retry, "_taken_up", taken_up)]


def _retries_keep_the_run() -> list[Swap]:
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


def _open_calls_end_cancelled() -> list[Swap]:
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


# --- messages and limits -------------------------------------------------------------------------


def _given_up_without_dead_letter() -> list[Swap]:
    whole = intake.receive

    def receive(ports: Ports, message: Any, read: Any) -> Any:
        if message.receives >= intake.LAST_TRY:
            return None
        return whole(ports, message, read)

    return [(intake, "receive", receive)]


def _leases_do_not_expire() -> list[Swap]:
    whole = WatchedLimiter.lease

    def lease(
        self: WatchedLimiter, provider: str, task_id: str, until: float, most: int, now: float
    ) -> bool:
        return whole(self, provider, task_id, until * 2, most, now)

    return [(WatchedLimiter, "lease", lease)]


def _lanes_are_lent_without_limit() -> list[Swap]:
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
    Bug("a task is dismissed before its end is published", _dismissed_first),
    Bug(
        "files are written unconditionally",
        _written_unconditionally,
        raced=True,
    ),
    Bug(
        "a task takes another output name without writing it down",
        _other_name_is_not_recorded,
        raced=True,
    ),
    Bug("results keep their name when their manifest takes another", _results_keep_the_old_name),
    Bug("a new run has the old one's number", _same_run_again),
    Bug("a new run is begun while the old one is running", _replace_running_runs),
    Bug("every run counts as running", _every_run_counts_as_running, ("run-lost",)),
    Bug("a run that never existed is not started", _missing_runs_are_left, ("start-lost",)),
    Bug(
        "a task gives up without looking for its inputs",
        _given_up_without_looking,
        ("event-poisoned", "dead-letters-left"),
    ),
    Bug("SWEEP does not publish an end", _swept_ends_are_not_published),
    Bug(
        "SWEEP does not write the manifest again",
        lambda: [(sweep, "rewrite_manifest", _do_nothing)],
        raced=True,
    ),
    Bug(
        "FAIL publishes a broken run's end as final",
        lambda: [(failing, "announce", ending.conclude)],
        raced=True,
    ),
    Bug(
        "FAIL drops a paid answer",
        lambda: [(failing, "lay_aside", _do_nothing)],
        scenarios=("cut short at its end, retried",),
    ),
    Bug("a job that is given up is not cancelled", lambda: [(failing, "_stop_job", _do_nothing)]),
    Bug(
        "a call in progress is cancelled as if it were free",
        _open_calls_end_cancelled,
        scenarios=("cancelled in doubt, last run",),
    ),
    Bug("a task is cancelled in any state", _cancelled_at_once, ("cancelled",)),
    Bug("retry pays again", _retries_start_afresh),
    Bug("retry finds no job to poll", lambda: [(retry, "_taken_up", _do_nothing)]),
    Bug("retry does not record since when it asks", _asking_time_is_not_recorded),
    Bug("a retry is the same run", _retries_keep_the_run),
    Bug("a retry forgets the attempts before it", _attempts_are_forgotten),
    Bug(
        "a message is given up without a dead letter",
        _given_up_without_dead_letter,
        ("crash-before", "crash-after", "event-poisoned"),
    ),
    Bug("a lease does not expire", _leases_do_not_expire),
    Bug("a lane is lent without limit", _lanes_are_lent_without_limit),
    Bug(
        "a slot of the rate limit never expires",
        lambda: [(rate_limits, "LATE_SHARE", float("inf"))],
        ("slow-call",),
    ),
)
