"""Planted bugs about conditions and order: dropped conditions, swapped writes."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message, Requested
from darkroom.domain.errors import Busy, Conflict
from darkroom.domain.media import PNG
from darkroom.domain.order import Order
from darkroom.domain.output_names import numbered
from darkroom.domain.provider_jobs import Pending
from darkroom.domain.routes import Route
from darkroom.domain.task import Result, Task
from darkroom.pipeline import cancel, deliver, fail, intake, poll, start_task, sweep
from darkroom.pipeline.endings import move_aside, owned_writes, publish
from darkroom.pipeline.orders import new_task
from darkroom.ports import Ports, Step
from tests.simulation import system
from tests.simulation.planted_bugs.plant import Bug, Swap
from tests.simulation.stores import PlainTasks

# --- the table's conditions ----------------------------------------------------------------------


def _unconditional_writes() -> list[Swap]:
    def write(self: PlainTasks, old: Task, new: Task) -> Task:
        written = replace(new, revision=old.revision + 1)
        self._watcher.replaced(self.stored[old.task_id], written)
        self.stored[old.task_id] = written
        return written

    return [(PlainTasks, "replace", write)]


def _create_without(**dropped: bool) -> Callable[[], list[Swap]]:
    """`create` without one of its conditions."""

    def swaps() -> list[Swap]:
        original = PlainTasks.create

        def create(
            self: PlainTasks,
            task: Task,
            *,
            previous: str | None,
            owner: str | None,
            results_owner: str | None = None,
        ) -> None:
            there = self.stored.pop(task.task_id, None) if "twice" in dropped else None
            if "previous" in dropped:
                previous = self.latest(task.trigger.key)
            if "owner" in dropped:
                owner = self.owner(task.output)
                name = task.results_name
                results_owner = self.owner(numbered(name, 1)) if name else None
            if "wants" in dropped:
                task = replace(task, wants=())
            try:
                original(self, task, previous=previous, owner=owner, results_owner=results_owner)
            except Conflict:
                if there is not None:
                    self.stored[task.task_id] = there
                raise

        return [(PlainTasks, "create", create)]

    return swaps


# --- the order of an ending ----------------------------------------------------------------------


def _final(ports: Ports, task: Task, results: tuple[Result, ...]) -> Task:
    done = replace(task.last_attempt, outcome="succeeded", answer=None, answer_key=None)
    attempts = task.with_attempt(done)
    now = ports.clock.now()
    return task.with_state("succeeded", now, results=results, attempts=attempts, wait_reason=None)


def _state_before_manifest() -> list[Swap]:
    def succeed(ports: Ports, task: Task, results: tuple[Result, ...]) -> Step:
        final = ports.tasks.replace(task, _final(ports, task, results))
        publish.write_manifest(ports, final)
        publish.finalize(ports, final)
        return Step("done")

    return [(deliver, "_succeed", succeed)]


def _event_before_state() -> list[Swap]:
    def succeed(ports: Ports, task: Task, results: tuple[Result, ...]) -> Step:
        final = _final(ports, task, results)
        publish.write_manifest(ports, final)
        publish.publish_event(ports, final)
        ports.tasks.dismiss(ports.tasks.replace(task, final))
        return Step("done")

    return [(deliver, "_succeed", succeed)]


def _manifest_before_results() -> list[Swap]:
    original = deliver._copy_results

    def copy_results(ports: Ports, task: Task, *given: Any) -> Any:
        held: list[tuple[Any, ...]] = []
        outputs: Any = _Holding(ports.outputs, held)
        results = tuple(original(replace(ports, outputs=outputs), task, *given))
        publish.write_manifest(ports, _final(ports, task, results))
        for one in held:
            owned_writes.put_if_owner(ports, task, *one)
        return results

    return [(deliver, "_copy_results", copy_results)]


class _Holding:
    """Outputs that are not written yet."""

    def __init__(self, outputs: Any, held: list[tuple[Any, ...]]) -> None:
        self.get, self.find, self.writer = outputs.get, outputs.find, outputs.writer
        self._held = held

    def put_over(
        self, key: str, body: Any, content_type: str, etag: str | None, writer: str = ""
    ) -> None:
        """Keep the object back."""
        del etag, writer
        self._held.append((key, body.read(), content_type))


def _bus_refusals_are_ignored() -> list[Swap]:
    original = publish.publish_event

    def publish_event(ports: Ports, task: Task) -> None:
        try:
            original(ports, task)
        except Busy:
            return

    return [(publish, "publish_event", publish_event), (fail, "publish_event", publish_event)]


def _finished_counts_as_published() -> list[Swap]:
    def finish_again(ports: Ports, task: Task) -> Step:
        ports.tasks.dismiss(task)
        return Step("done")

    return [(deliver, "_finish_again", finish_again)]


def _losing_manifest_stays() -> list[Swap]:
    def rewrite_manifest(*_: object) -> None:
        return

    return [(module, "rewrite_manifest", rewrite_manifest) for module in (deliver, fail, sweep)]


def _every_task_owns_its_name() -> list[Swap]:
    return [(move_aside, "owns_name", lambda _ports, _task: True)]


# --- waiting -------------------------------------------------------------------------------------


def _only_new_tasks_are_started() -> list[Swap]:
    """SWEEP does not start it either; it would repair the damage half an hour later."""
    original = start_task.start_task

    def take_in(ports: Ports, request: Any) -> None:
        if ports.tasks.get(request.trigger.task_id) is None:
            original(ports, request)

    return [(intake, "start_task", take_in), (sweep, "_check_run", lambda *_: "alive")]


def _inputs_are_looked_for_once() -> list[Swap]:
    """Nor does SWEEP see them; it would a minute later."""
    original = start_task._continue_task

    def continue_task(ports: Ports, task: Task) -> None:
        if task.state != "waiting":
            original(ports, task)

    return [
        (start_task, "_continue_task", continue_task),
        (sweep, "find_inputs", lambda _inputs, order, *_: dict.fromkeys(order.keys["image"])),
    ]


def _only_missing_files_are_wanted() -> list[Swap]:
    original = new_task._with_order

    def with_order(ports: Ports, task: Task, order: Order) -> Task:
        made = original(ports, task, order)
        missing = tuple(key for key in made.wants if ports.inputs.find(key) is None)
        return replace(made, wants=missing)

    return [(new_task, "_with_order", with_order)]


def _submitted_tasks_are_cancelled() -> list[Swap]:
    def cancel_unsubmitted(ports: Ports, task_id: str, why: Any) -> None:
        cancel._cancel(ports, task_id, why, cancel.CANCELLABLE)

    return [(start_task, "cancel_unsubmitted", cancel_unsubmitted)]


def _jobs_are_never_given_up() -> list[Swap]:
    def job_pending(ports: Ports, task: Task, route: Route, response: Pending) -> Step:
        del ports, task, route, response
        return Step("poll", 300)

    return [(poll, "_job_pending", job_pending)]


def _absences_add_up() -> list[Swap]:
    original = poll._job_known

    def job_known(ports: Ports, task: Task, route: Route, response: Pending) -> Task:
        fresh = original(ports, task, route, response)
        if fresh.waits == task.waits:
            return fresh
        return ports.tasks.replace(fresh, replace(fresh, waits=task.waits))

    return [(poll, "_job_known", job_known)]


def _message_ids_are_request_ids() -> list[Swap]:
    def read(message: Message, bucket: str) -> Any:
        return tuple(
            replace(one, request_id=message.message_id) if isinstance(one, Requested) else one
            for one in read_message(message, bucket)
        )

    return [(system, "read_message", read)]


def _failed_messages_count_as_handled() -> list[Swap]:
    original = system.SimulatedSystem._run_intake

    def run_intake(self: system.SimulatedSystem, message: Message) -> None:
        original(self, message)

    return [(system.SimulatedSystem, "_run_intake", run_intake)]


_OVERTAKING: Final = ("slow-call", "spec-overwritten", "event-delayed")

BUGS: Final = (
    Bug("a write ignores the stored revision", _unconditional_writes),
    Bug("a task may be created twice", _create_without(twice=True)),
    Bug("a spec's newest task may be replaced", _create_without(previous=True), _OVERTAKING),
    Bug("an output's owner may be replaced", _create_without(owner=True), _OVERTAKING),
    Bug("the inputs that a task waits for are not recorded", _create_without(wants=True)),
    Bug("the state is written before the manifest", _state_before_manifest),
    Bug("the event is published before the state is written", _event_before_state),
    Bug("the manifest is written before the results", _manifest_before_results),
    Bug(
        "DELIVER takes a finished task for published",
        _finished_counts_as_published,
    ),
    Bug("a refusal of the event bus is ignored", _bus_refusals_are_ignored),
    Bug(
        "the loser of the race to the end leaves its manifest",
        _losing_manifest_stays,
        raced=True,
    ),
    Bug("an older task overwrites a newer one's files", _every_task_owns_its_name),
    Bug(
        "several results have one name",
        lambda: [(move_aside, "Counter", lambda *_: defaultdict(int))],
    ),
    Bug(
        "a result of the wrong kind is delivered",
        lambda: [(deliver, "_check_kind", lambda media, _kind: media or PNG)],
    ),
    Bug("a result that is gone is not requested again", lambda: [(deliver, "POLL_AGAIN_LIMIT", 0)]),
    Bug("a task that exists already is not started", _only_new_tasks_are_started),
    Bug(
        "inputs are not looked for a second time",
        _inputs_are_looked_for_once,
        scenarios=("photo arrives while its task is created, none",),
    ),
    Bug(
        "only missing files are waited for",
        _only_missing_files_are_wanted,
        ("photo-deleted",),
    ),
    Bug("a submitted task is cancelled", _submitted_tasks_are_cancelled, ("spec-overwritten",)),
    Bug(
        "an old version's late event takes the newer's place",
        lambda: [(new_task, "superseded_failure", lambda _ports, _trigger: None)],
    ),
    Bug("a hanging job is never given up", _jobs_are_never_given_up),
    Bug(
        "a job's absences add up over its life", _absences_add_up, ("job-not-found-yet", "job-late")
    ),
    Bug("a request is identified by its message", _message_ids_are_request_ids),
    Bug("messages count as handled whatever happens", _failed_messages_count_as_handled),
    Bug("SWEEP does nothing", lambda: [(sweep, "sweep", lambda *_: Counter())]),
)
