"""Planted bugs about what is written, when, and by whom: dropped conditions, swapped writes."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message, Requested
from darkroom.domain.errors import Busy
from darkroom.domain.media import PNG
from darkroom.domain.order import Order
from darkroom.domain.provider_jobs import Pending
from darkroom.domain.routes import Route
from darkroom.domain.task import Result, Task
from darkroom.pipeline import cancel, deliver, fail, intake, poll, sweep
from darkroom.pipeline.endings import output_names, publish
from darkroom.pipeline.orders import new_task
from darkroom.ports import Ports, Step
from tests.simulation import system
from tests.simulation.planted_bugs.plant import Bug, Swap
from tests.simulation.stores import PlainTasks

# --- the table's conditions ----------------------------------------------------------------------


def _unconditional_writes() -> list[Swap]:
    def write(self: PlainTasks, old: Task, new: Task) -> Task:
        written = replace(new, revision=old.revision + 1)
        self._watcher.changed(self.stored[old.task_id], written)
        self.stored[old.task_id] = written
        return written

    return [(PlainTasks, "replace", write)]


def _create(**dropped: bool) -> Callable[[], list[Swap]]:
    """`create` without one of its conditions."""

    def swaps() -> list[Swap]:
        whole = PlainTasks.create

        def create(
            self: PlainTasks, task: Task, *, previous: str | None, owner: str | None
        ) -> None:
            if "twice" in dropped:
                self.stored.pop(task.task_id, None)
            if "previous" in dropped:
                previous = self.latest(task.trigger.key)
            if "owner" in dropped:
                owner = self.owner(task.output)
            if "wants" in dropped:
                task = replace(task, wants=())
            whole(self, task, previous=previous, owner=owner)

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
    whole = deliver._copy_results

    def copy(ports: Ports, task: Task, answer: Any, time_left_s: Any) -> Any:
        held: list[tuple[Any, ...]] = []
        outputs: Any = _Holding(ports.outputs, held)
        results = tuple(whole(replace(ports, outputs=outputs), task, answer, time_left_s))
        publish.write_manifest(ports, _final(ports, task, results))
        for one in held:
            output_names.put_if_owner(ports, task, *one)
        return results

    return [(deliver, "_copy_results", copy)]


class _Holding:
    """Outputs that are not written yet."""

    def __init__(self, outputs: Any, held: list[tuple[Any, ...]]) -> None:
        self.get, self.find = outputs.get, outputs.find
        self._held = held

    def put_over(self, key: str, body: Any, content_type: str, etag: str | None) -> None:
        """Hold the object back."""
        del etag
        self._held.append((key, body.read(), content_type))


def _bus_is_not_listened_to() -> list[Swap]:
    whole = publish.publish_event

    def announce(ports: Ports, task: Task) -> None:
        try:
            whole(ports, task)
        except Busy:
            return

    return [(publish, "publish_event", announce), (fail, "publish_event", announce)]


def _taken_for_told() -> list[Swap]:
    def done_already(ports: Ports, task: Task) -> Step:
        ports.tasks.dismiss(task)
        return Step("done")

    return [(deliver, "_finish_again", done_already)]


def _losers_manifest_stays() -> list[Swap]:
    def nothing(*_: object) -> None:
        return

    return [(module, "rewrite_manifest", nothing) for module in (deliver, fail, sweep)]


def _names_are_nobodys() -> list[Swap]:
    return [(output_names, "_owns_name", lambda _ports, _task: True)]


# --- what is waited for --------------------------------------------------------------------------


def _only_new_tasks_are_started() -> list[Swap]:
    """Also not by SWEEP, which would mend it half an hour later."""
    whole = intake._take_in

    def take(ports: Ports, asked: Any) -> None:
        if ports.tasks.get(asked.trigger.task_id) is None:
            whole(ports, asked)

    return [(intake, "_take_in", take), (sweep, "_check_run", lambda *_: "alive")]


def _nobody_looks_twice() -> list[Swap]:
    whole = intake._continue_task

    def go_on(ports: Ports, task: Task) -> None:
        if task.state != "waiting":
            whole(ports, task)

    return [(intake, "_continue_task", go_on)]


def _only_missing_files_are_wanted() -> list[Swap]:
    whole = new_task._with_order

    def ordered(ports: Ports, task: Task, order: Order) -> Task:
        made = whole(ports, task, order)
        missing = tuple(key for key in made.wants if ports.inputs.find(key) is None)
        return replace(made, wants=missing)

    return [(new_task, "_with_order", ordered)]


def _anything_is_cancelled() -> list[Swap]:
    def anything(ports: Ports, task_id: str, why: Any) -> None:
        cancel._cancel(ports, task_id, why, cancel.CANCELLABLE)

    return [(intake, "cancel_unsubmitted", anything)]


def _jobs_are_never_given_up() -> list[Swap]:
    def pending(ports: Ports, task: Task, route: Route, said: Pending) -> Step:
        del ports, task, route, said
        return Step("poll", 300)

    return [(poll, "_job_pending", pending)]


def _doubts_add_up() -> list[Swap]:
    whole = poll._job_known

    def seen(ports: Ports, task: Task, route: Route, said: Pending) -> Task:
        fresh = whole(ports, task, route, said)
        if fresh.waits == task.waits:
            return fresh
        return ports.tasks.replace(fresh, replace(fresh, waits=task.waits))

    return [(poll, "_job_known", seen)]


def _message_ids_are_request_ids() -> list[Swap]:
    def read(message: Message, bucket: str) -> Any:
        return tuple(
            replace(one, request_id=message.message_id) if isinstance(one, Requested) else one
            for one in read_message(message, bucket)
        )

    return [(system, "read_message", read)]


def _taken_carelessly() -> list[Swap]:
    whole = system.SimulatedSystem._take

    def take(self: system.SimulatedSystem, message: Message) -> None:
        whole(self, message)

    return [(system.SimulatedSystem, "_take", take)]


_OVERTAKING: Final = ("slow-call", "spec-overwritten", "event-delayed")

BUGS: Final = (
    Bug("a write does not look at what is there", _unconditional_writes),
    Bug("a task may be created twice", _create(twice=True)),
    Bug("a spec's newest task may be pushed aside", _create(previous=True), _OVERTAKING),
    Bug("an output's owner may be pushed aside", _create(owner=True), _OVERTAKING),
    Bug("what a task waits for is not written down", _create(wants=True)),
    Bug("the state is written before the manifest", _state_before_manifest),
    Bug("the event is sent before the state is written", _event_before_state),
    Bug("the manifest is written before the results", _manifest_before_results),
    Bug(
        "DELIVER takes what has ended for told",
        _taken_for_told,
    ),
    Bug("a refusal of the bus goes unheard", _bus_is_not_listened_to),
    Bug(
        "whoever loses the race to the end leaves its manifest",
        _losers_manifest_stays,
        raced=True,
    ),
    Bug("an older task writes over a newer one's files", _names_are_nobodys),
    Bug(
        "several results have one name",
        lambda: [(output_names, "Counter", lambda *_: defaultdict(int))],
    ),
    Bug(
        "a result of the wrong kind is delivered",
        lambda: [(deliver, "_check_kind", lambda media, _kind: media or PNG)],
    ),
    Bug("a result that is gone is not asked for anew", lambda: [(deliver, "POLL_AGAIN_LIMIT", 0)]),
    Bug("a task that is there already is not started", _only_new_tasks_are_started),
    Bug("inputs are not looked for once more", _nobody_looks_twice, ("slow-call",)),
    Bug(
        "only missing files are waited for",
        _only_missing_files_are_wanted,
        ("photo-deleted",),
    ),
    Bug("what is submitted is cancelled", _anything_is_cancelled),
    Bug(
        "an old version's late event takes the newer's place",
        lambda: [(new_task, "superseded_failure", lambda _ports, _trigger: None)],
    ),
    Bug("a hanging job is never given up", _jobs_are_never_given_up),
    Bug("a job's absences add up over its life", _doubts_add_up, ("job-not-found-yet", "job-late")),
    Bug("a request is known by its message", _message_ids_are_request_ids),
    Bug("messages are taken for done whatever comes of them", _taken_carelessly),
    Bug("nobody sweeps", lambda: [(sweep, "sweep", lambda _ports: Counter())]),
)
