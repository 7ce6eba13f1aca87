"""Planted bugs about conditions and order: dropped conditions, swapped writes."""

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
from darkroom.pipeline import cancel, deliver, intake, poll, sweep
from darkroom.pipeline import fail as failing
from darkroom.pipeline.endings import publish as ending
from darkroom.pipeline.orders import new_task as draft
from darkroom.pipeline.orders import output_names as names
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
    done = replace(task.paying, outcome="succeeded", answer=None, answer_key=None)
    attempts = task.with_attempt(done)
    now = ports.clock.now()
    return task.moved("succeeded", now, results=results, attempts=attempts, wait_reason=None)


def _state_before_manifest() -> list[Swap]:
    def succeed(ports: Ports, task: Task, results: tuple[Result, ...]) -> Step:
        final = ports.tasks.replace(task, _final(ports, task, results))
        ending.write_manifest(ports, final)
        ending.conclude(ports, final)
        return Step("done")

    return [(deliver, "_succeed", succeed)]


def _event_before_state() -> list[Swap]:
    def succeed(ports: Ports, task: Task, results: tuple[Result, ...]) -> Step:
        final = _final(ports, task, results)
        ending.write_manifest(ports, final)
        ending.announce(ports, final)
        ports.tasks.dismiss(ports.tasks.replace(task, final))
        return Step("done")

    return [(deliver, "_succeed", succeed)]


def _manifest_before_results() -> list[Swap]:
    whole = deliver._copy

    def copy(ports: Ports, task: Task, answer: Any, time_left_s: Any) -> Any:
        held: list[tuple[Any, ...]] = []
        outputs: Any = _Holding(ports.outputs, held)
        results = tuple(whole(replace(ports, outputs=outputs), task, answer, time_left_s))
        ending.write_manifest(ports, _final(ports, task, results))
        for one in held:
            ending.put_as(ports, task, *one)
        return results

    return [(deliver, "_copy", copy)]


class _Holding:
    """Outputs that are not written yet."""

    def __init__(self, outputs: Any, held: list[tuple[Any, ...]]) -> None:
        self.get, self.find = outputs.get, outputs.find
        self._held = held

    def put_over(self, key: str, body: Any, content_type: str, etag: str | None) -> None:
        """Keep the object back."""
        del etag
        self._held.append((key, body.read(), content_type))


def _bus_refusals_are_ignored() -> list[Swap]:
    whole = ending.announce

    def announce(ports: Ports, task: Task) -> None:
        try:
            whole(ports, task)
        except Busy:
            return

    return [(ending, "announce", announce), (failing, "announce", announce)]


def _finished_counts_as_published() -> list[Swap]:
    def done_already(ports: Ports, task: Task) -> Step:
        ports.tasks.dismiss(task)
        return Step("done")

    return [(deliver, "_done_already", done_already)]


def _losing_manifest_stays() -> list[Swap]:
    def nothing(*_: object) -> None:
        return

    return [(module, "rewrite_manifest", nothing) for module in (deliver, failing, sweep)]


def _every_task_owns_its_name() -> list[Swap]:
    return [(ending, "_owns", lambda _ports, _task: True)]


# --- waiting -------------------------------------------------------------------------------------


def _only_new_tasks_are_started() -> list[Swap]:
    """SWEEP does not start it either; it would repair the damage half an hour later."""
    whole = intake._take

    def take(ports: Ports, asked: Any) -> None:
        if ports.tasks.get(asked.trigger.task_id) is None:
            whole(ports, asked)

    return [(intake, "_take", take), (sweep, "_keep_running", lambda *_: "alive")]


def _inputs_are_looked_for_once() -> list[Swap]:
    whole = intake._go_on

    def go_on(ports: Ports, task: Task) -> None:
        if task.state != "waiting":
            whole(ports, task)

    return [(intake, "_go_on", go_on)]


def _only_missing_files_are_wanted() -> list[Swap]:
    whole = draft._ordered

    def ordered(ports: Ports, task: Task, order: Order) -> Task:
        made = whole(ports, task, order)
        missing = tuple(key for key in made.wants if ports.inputs.find(key) is None)
        return replace(made, wants=missing)

    return [(draft, "_ordered", ordered)]


def _submitted_tasks_are_cancelled() -> list[Swap]:
    def anything(ports: Ports, task_id: str, why: Any) -> None:
        cancel._cancel(ports, task_id, why, cancel.STOPPABLE)

    return [(intake, "cancel", anything)]


def _jobs_are_never_given_up() -> list[Swap]:
    def pending(ports: Ports, task: Task, route: Route, said: Pending) -> Step:
        del ports, task, route, said
        return Step("poll", 300)

    return [(poll, "_pending", pending)]


def _absences_add_up() -> list[Swap]:
    whole = poll._seen

    def seen(ports: Ports, task: Task, route: Route, said: Pending) -> Task:
        fresh = whole(ports, task, route, said)
        if fresh.waits == task.waits:
            return fresh
        return ports.tasks.replace(fresh, replace(fresh, waits=task.waits))

    return [(poll, "_seen", seen)]


def _message_ids_are_request_ids() -> list[Swap]:
    def read(message: Message, bucket: str) -> Any:
        return tuple(
            replace(one, request_id=message.message_id) if isinstance(one, Requested) else one
            for one in read_message(message, bucket)
        )

    return [(system, "read_message", read)]


def _failed_messages_count_as_handled() -> list[Swap]:
    whole = system.SimulatedSystem._run_intake

    def take(self: system.SimulatedSystem, message: Message) -> None:
        whole(self, message)

    return [(system.SimulatedSystem, "_run_intake", take)]


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
    Bug("several results have one name", lambda: [(names, "Counter", lambda *_: defaultdict(int))]),
    Bug(
        "a result of the wrong kind is delivered",
        lambda: [(deliver, "_checked", lambda media, _kind: media or PNG)],
    ),
    Bug("a result that is gone is not requested again", lambda: [(deliver, "ASK_AGAIN_LIMIT", 0)]),
    Bug("a task that exists already is not started", _only_new_tasks_are_started),
    Bug("inputs are not looked for a second time", _inputs_are_looked_for_once, ("slow-call",)),
    Bug(
        "only missing files are waited for",
        _only_missing_files_are_wanted,
        ("photo-deleted",),
    ),
    Bug("a submitted task is cancelled", _submitted_tasks_are_cancelled),
    Bug(
        "an old version's late event takes the newer's place",
        lambda: [(draft, "stale", lambda _ports, _trigger: None)],
    ),
    Bug("a hanging job is never given up", _jobs_are_never_given_up),
    Bug(
        "a job's absences add up over its life", _absences_add_up, ("job-not-found-yet", "job-late")
    ),
    Bug("a request is identified by its message", _message_ids_are_request_ids),
    Bug("messages count as handled whatever happens", _failed_messages_count_as_handled),
    Bug("SWEEP does nothing", lambda: [(sweep, "sweep", lambda _ports: Counter())]),
)
