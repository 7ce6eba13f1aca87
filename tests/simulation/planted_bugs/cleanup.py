"""Planted bugs about what comes afterwards: sweeping, retrying, cancelling, and names that pass on.

Whatever goes wrong here is found late, if at all: nobody waits for it any more.
"""

from dataclasses import replace
from typing import Any, BinaryIO, Final

from darkroom.domain import rate_limits
from darkroom.domain.object_keys import manifest_key
from darkroom.domain.task import STUCK_AFTER, Ending, Task
from darkroom.pipeline import cancel, deliver, fail, intake, retry, sweep
from darkroom.pipeline.admission.leases import release_all_leases
from darkroom.pipeline.endings import output_names, publish
from darkroom.ports import Ports
from tests.fakes.limiter import InMemoryLimiter
from tests.simulation.planted_bugs.plant import Bug, Swap
from tests.simulation.rate_invariants import WatchedLimiter


def _nothing(*_: object, **__: object) -> None:
    return


# --- the end of an ending ------------------------------------------------------------------------


def _dismissed_first() -> list[Swap]:
    def conclude(ports: Ports, task: Task) -> None:
        release_all_leases(ports, task)
        ports.tasks.dismiss(task)
        publish.publish_event(ports, task)
        ports.tasks.forget_wants(task)

    return [(module, "finalize", conclude) for module in (deliver, fail, sweep)]


def _put_over_anything() -> list[Swap]:
    def put_as(
        ports: Ports, task: Task, key: str, body: BinaryIO | bytes, content_type: str
    ) -> None:
        del task
        ports.outputs.put(key, body, content_type)

    return [(module, "put_if_owner", put_as) for module in (deliver, publish)]


def _moved_aside_in_secret() -> list[Swap]:
    def named(ports: Ports, task: Task) -> Task:
        if output_names._is_aside(task) or output_names._owns_name(ports, task):
            return task
        return replace(task, manifest_key=manifest_key(f"{task.output}@{task.task_id[:8]}"))

    return [(module, "claim_output_name", named) for module in (deliver, fail)]


def _results_stay_where_they_were() -> list[Swap]:
    def put_as(ports: Ports, task: Task, key: str, *more: Any) -> None:
        output_names.put_if_owner(ports, task, key.replace(f"@{task.task_id[:8]}", ""), *more)

    return [(deliver, "put_if_owner", put_as)]


# --- sweep ---------------------------------------------------------------------------------------


def _same_run_again() -> list[Swap]:
    def run_again(ports: Ports, task: Task) -> str:
        ports.workflows.start(task.task_id, task.run)
        ports.tasks.postpone(task, ports.clock.now() + STUCK_AFTER)
        return "new-run"

    return [(sweep, "_replace_lost_run", run_again)]


def _alive_or_not() -> list[Swap]:
    return [(sweep, "_check_run", sweep._replace_lost_run)]


def _every_run_is_alive() -> list[Swap]:
    def keep(ports: Ports, task: Task) -> str:
        ports.tasks.postpone(task, ports.clock.now() + STUCK_AFTER)
        return "alive"

    return [(sweep, "_check_run", keep)]


def _missing_runs_are_left() -> list[Swap]:
    whole = sweep._check_run

    def keep(ports: Ports, task: Task) -> str:
        if ports.workflows.status(task.task_id, task.run) == "none":
            ports.tasks.postpone(task, ports.clock.now() + STUCK_AFTER)
            return "alive"
        return whole(ports, task)

    return [(sweep, "_check_run", keep)]


def _given_up_unseen() -> list[Swap]:
    return [(sweep, "find_inputs", lambda _inputs, order: dict.fromkeys(order.keys["image"]))]


def _runs_are_not_told() -> list[Swap]:
    def conclude(ports: Ports, task: Task) -> str:
        release_all_leases(ports, task)
        ports.tasks.dismiss(task)
        return "concluded"

    return [(sweep, "_finalize_again", conclude)]


# --- people --------------------------------------------------------------------------------------


def _retried_from_scratch() -> list[Swap]:
    def resumed(ports: Ports, task_id: str, *, pay_again: bool) -> Task:
        del pay_again
        task = retry._require_bad_end(ports.tasks.get(task_id), task_id)
        return ports.tasks.replace(task, retry._queue_again(ports, task))

    return [(retry, "_begin_run", resumed)]


def _old_questions() -> list[Swap]:
    whole = retry._resume_attempt

    def taken_up(ports: Ports, task: Task, paid: Any, *, pay_again: bool) -> Task | None:
        new = whole(ports, task, paid, pay_again=pay_again)
        if new is None:
            return None
        return replace(new, attempts=new.with_attempt(replace(new.last_attempt, asked_since=None)))

    return [(retry, "_resume_attempt", taken_up)]


def _run_stays() -> list[Swap]:
    whole = Task.with_new_run

    def resumed(self: Task, *given: Any, **changes: Any) -> Task:
        return replace(whole(self, *given, **changes), run=self.run)

    return [(Task, "with_new_run", resumed)]


def _attempts_are_forgotten() -> list[Swap]:
    whole = Task.with_new_run

    def resumed(self: Task, *given: Any, **changes: Any) -> Task:
        new = whole(self, *given, **changes)
        return replace(new, attempts=()) if new.state == "queued" else new

    return [(Task, "with_new_run", resumed)]


def _cancelled_while_calling() -> list[Swap]:
    whole = fail._ending

    def decided(task: Task, broken: str | None) -> Ending:
        return task.ending or whole(task, broken)

    return [(fail, "_ending", decided)]


def _cancelled_at_once() -> list[Swap]:
    def at_once(ports: Ports, task_id: str, why: Any, states: Any) -> Task | None:
        task = ports.tasks.get(task_id)
        if task is not None and task.state in states:
            now = ports.clock.now()
            final = task.with_state("cancelled", now, ending=Ending("cancelled", why))
            publish.write_manifest(ports, final)
            publish.finalize(ports, ports.tasks.replace(task, final))
        return ports.tasks.get(task_id)

    return [(cancel, "_cancel", at_once)]


# --- messages and pace ---------------------------------------------------------------------------


def _given_up_in_silence() -> list[Swap]:
    whole = intake.receive

    def receive(ports: Ports, message: Any, read: Any) -> Any:
        if message.receives >= intake.MAX_TRIES:
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
        lambda: [(fail, "publish_event", publish.finalize)],
        raced=True,
    ),
    Bug(
        "FAIL throws a paid answer away",
        lambda: [(fail, "archive_answer", _nothing)],
        scenarios=("cut short at its end, retried",),
    ),
    Bug("a job that is given up runs on", lambda: [(fail, "_stop_job", _nothing)]),
    Bug(
        "a call under way is cancelled as if it cost nothing",
        _cancelled_while_calling,
        scenarios=("cancelled in doubt, last run",),
    ),
    Bug("a task is cancelled whatever it is at", _cancelled_at_once, ("cancelled",)),
    Bug("retry pays again", _retried_from_scratch),
    Bug(
        "retry finds nothing that can be asked for", lambda: [(retry, "_resume_attempt", _nothing)]
    ),
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
        lambda: [(rate_limits, "SLOT_TTL_SHARE", float("inf"))],
        ("slow-call",),
    ),
)
