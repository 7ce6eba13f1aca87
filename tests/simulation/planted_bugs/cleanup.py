"""Planted bugs about endings, SWEEP, retry, cancel, messages and limits.

What goes wrong here is found late, if at all: no process waits for it.
"""

from dataclasses import replace
from typing import Any, BinaryIO, Final

from darkroom.domain.object_keys import manifest_key
from darkroom.domain.provider_jobs import Download
from darkroom.domain.quality import Quality
from darkroom.domain.task import STUCK_AFTER, Ending, Task
from darkroom.pipeline import cancel, deliver, fail, intake, retry, sweep
from darkroom.pipeline.endings import move_aside, owned_writes, publish
from darkroom.pipeline.endings.measure_result import ResultMeasurer
from darkroom.ports import Ports
from tests.simulation.planted_bugs.plant import Bug, Swap


def _do_nothing(*_: object, **__: object) -> None:
    return


# --- endings -------------------------------------------------------------------------------------


def _dismissed_first() -> list[Swap]:
    def finalize(ports: Ports, task: Task) -> None:
        publish.release_all(ports, task)
        ports.tasks.dismiss(task)
        publish.publish_event(ports, task)
        ports.tasks.forget_wants(task)

    return [(module, "finalize", finalize) for module in (deliver, fail, sweep)]


def _written_unconditionally() -> list[Swap]:
    def put_if_owner(
        ports: Ports, task: Task, key: str, body: BinaryIO | bytes, content_type: str
    ) -> bool:
        del task
        ports.outputs.put(key, body, content_type)
        return False

    return [(module, "put_if_owner", put_if_owner) for module in (deliver, publish)]


def _other_name_is_not_recorded() -> list[Swap]:
    def claim_output_name(ports: Ports, task: Task) -> Task:
        if move_aside.is_aside(task) or move_aside.owns_name(ports, task):
            return task
        return replace(task, manifest_key=manifest_key(f"{task.output}@{task.task_id[:8]}"))

    return [(module, "claim_output_name", claim_output_name) for module in (deliver, fail)]


def _results_keep_the_old_name() -> list[Swap]:
    def put_if_owner(ports: Ports, task: Task, key: str, *more: Any) -> bool:
        name = key.replace(f"@{task.task_id[:8]}", "")
        return owned_writes.put_if_owner(ports, task, name, *more)

    return [(deliver, "put_if_owner", put_if_owner)]


def _looked_at_again_after_a_crash() -> list[Swap]:
    def put_if_owner(ports: Ports, task: Task, key: str, *more: Any) -> bool:
        owned_writes.put_if_owner(ports, task, key, *more)
        return False

    return [(deliver, "put_if_owner", put_if_owner)]


def _looking_may_fail() -> list[Swap]:
    def measure(self: ResultMeasurer, result: Download, *, written_before: bool) -> Quality | None:
        return None if written_before else self._measure(result)

    return [(ResultMeasurer, "measure", measure)]


# --- sweep ---------------------------------------------------------------------------------------


def _same_run_again() -> list[Swap]:
    def replace_lost_run(ports: Ports, task: Task) -> str:
        ports.workflows.start(task.task_id, task.run)
        ports.tasks.postpone(task, ports.clock.now() + STUCK_AFTER)
        return "new-run"

    return [(sweep, "_replace_lost_run", replace_lost_run)]


def _replace_running_runs() -> list[Swap]:
    return [(sweep, "_check_run", sweep._replace_lost_run)]


def _every_run_counts_as_running() -> list[Swap]:
    def check_run(ports: Ports, task: Task) -> str:
        ports.tasks.postpone(task, ports.clock.now() + STUCK_AFTER)
        return "alive"

    return [(sweep, "_check_run", check_run)]


def _missing_runs_are_left() -> list[Swap]:
    original = sweep._check_run

    def check_run(ports: Ports, task: Task) -> str:
        if ports.workflows.status(task.task_id, task.run) == "none":
            ports.tasks.postpone(task, ports.clock.now() + STUCK_AFTER)
            return "alive"
        return original(ports, task)

    return [(sweep, "_check_run", check_run)]


def _given_up_without_looking() -> list[Swap]:
    return [(sweep, "find_inputs", lambda _inputs, order, *_: dict.fromkeys(order.keys["image"]))]


def _swept_ends_are_not_published() -> list[Swap]:
    def finalize_again(ports: Ports, task: Task) -> str:
        publish.release_all(ports, task)
        ports.tasks.dismiss(task)
        return "concluded"

    return [(sweep, "_finalize_again", finalize_again)]


# --- retry and cancel ----------------------------------------------------------------------------


def _retries_start_afresh() -> list[Swap]:
    def begin_run(ports: Ports, task_id: str, *, pay_again: bool) -> Task:
        del pay_again
        task = retry._require_bad_end(ports.tasks.get(task_id), task_id)
        return ports.tasks.replace(task, retry._queue_again(ports, task))

    return [(retry, "_begin_run", begin_run)]


def _asking_time_is_not_recorded() -> list[Swap]:
    original = retry._resume_attempt

    def resume_attempt(ports: Ports, task: Task, paid: Any, *, pay_again: bool) -> Task | None:
        new = original(ports, task, paid, pay_again=pay_again)
        if new is None:
            return None
        return replace(new, attempts=new.with_attempt(replace(new.last_attempt, asked_since=None)))

    return [(retry, "_resume_attempt", resume_attempt)]


def _retries_keep_the_run() -> list[Swap]:
    original = Task.with_new_run

    def with_new_run(self: Task, *given: Any, **changes: Any) -> Task:
        return replace(original(self, *given, **changes), run=self.run)

    return [(Task, "with_new_run", with_new_run)]


def _attempts_are_forgotten() -> list[Swap]:
    original = Task.with_new_run

    def with_new_run(self: Task, *given: Any, **changes: Any) -> Task:
        new = original(self, *given, **changes)
        return replace(new, attempts=()) if new.state == "queued" else new

    return [(Task, "with_new_run", with_new_run)]


def _open_calls_end_cancelled() -> list[Swap]:
    original = fail._ending

    def ending(task: Task, broken: str | None) -> Ending:
        return task.ending or original(task, broken)

    return [(fail, "_ending", ending)]


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


# --- messages and limits -------------------------------------------------------------------------


def _given_up_without_dead_letter() -> list[Swap]:
    original = intake.receive

    def receive(ports: Ports, message: Any, *rest: Any) -> Any:
        if message.receives >= intake.MAX_TRIES:
            return None
        return original(ports, message, *rest)

    return [(intake, "receive", receive)]


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
    Bug(
        "a result that killed its process is looked at again",
        _looked_at_again_after_a_crash,
        ("picture-deadly",),
    ),
    Bug(
        "a result that cannot be looked at is not delivered",
        _looking_may_fail,
        ("picture-unreadable", "decoder-broken"),
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
        lambda: [(fail, "publish_event", publish.finalize)],
        raced=True,
    ),
    Bug(
        "FAIL drops a paid answer",
        lambda: [(fail, "archive_answer", _do_nothing)],
        scenarios=("cut short at its end, retried",),
    ),
    Bug("a job that is given up is not cancelled", lambda: [(fail, "_stop_job", _do_nothing)]),
    Bug(
        "a call in progress is cancelled as if it were free",
        _open_calls_end_cancelled,
        scenarios=("cancelled in doubt, last run",),
    ),
    Bug("a task is cancelled in any state", _cancelled_at_once, ("cancelled",)),
    Bug("retry pays again", _retries_start_afresh),
    Bug("retry finds no job to poll", lambda: [(retry, "_resume_attempt", _do_nothing)]),
    Bug("retry does not record since when it asks", _asking_time_is_not_recorded),
    Bug("a retry is the same run", _retries_keep_the_run),
    Bug("a retry forgets the attempts before it", _attempts_are_forgotten),
    Bug(
        "a message is given up without a dead letter",
        _given_up_without_dead_letter,
        ("crash-before", "crash-after", "event-poisoned"),
    ),
)
