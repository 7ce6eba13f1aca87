"""Sees every write and every event as it happens, and says what is wrong with it.

These are the promises that must hold at every moment; those that hold in the end are in
`invariants`, those about money in `till`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.object_keys import WORK_PREFIX, work_key
from darkroom.domain.task import RESUMABLE, TRANSITIONS, State, Task
from darkroom.pipeline.fail import STOP_JOB_CODES
from darkroom.pipeline.paid_call.saved_answer import FETCHABLE_FAILURES
from darkroom.pipeline.paid_call.settle import REPLAY_FOR
from tests.fakes.routes import ROUTES
from tests.simulation.fault_injection import FaultInjector
from tests.simulation.payment_monitor import SKEW_S, PaymentMonitor
from tests.simulation.results import SECRET
from tests.simulation.stores import PlainOutputs, PlainTasks
from tests.simulation.wait_invariants import moved_on

MANIFEST: Final = ".manifest.json"
KEYED: Final = frozenset(route.provider for route in ROUTES if route.idempotency == "key")


@dataclass
class StepMonitor:
    """Fulfils `Watcher`, and hears the events.

    Attributes:
        till: where money is watched.
        runs: how many may be begun in place of lost ones.
        broken: one sentence for each promise that was broken.
        documents: key -> the manifest that lies there.
        manifests: task -> the key of its newest manifest; a newer task may have it by now.
        writers: output key -> the task that wrote it last.
        ends: task and run -> the state in which it ended.
        told: task and run -> how often each of its ends was announced.
        said: task -> what was announced of it last.
        routes_gone: whether some routes are not offered now; nobody can be asked by them.
    """

    injector: FaultInjector
    runs: int
    broken: list[str] = field(default_factory=list)
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)
    writers: dict[str, str | None] = field(default_factory=dict)
    ends: dict[tuple[str, int], State] = field(default_factory=dict)
    told: defaultdict[tuple[str, int], Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    said: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    routes_gone: bool = False

    def __post_init__(self) -> None:
        self.payment_monitor = PaymentMonitor(self.injector, self.say)

    def look_at(
        self,
        tasks: PlainTasks,
        outputs: PlainOutputs,
        alive: Callable[[str, int], bool],
        account: Callable[[str], str],
    ) -> None:
        """What there is to be seen."""
        self.account = account
        self._tasks, self._outputs = tasks.stored, outputs.objects
        self.alive = alive

    def say(self, what: str) -> None:
        """Write down that a promise was broken."""
        self.broken.append(what)
        self.injector.note(f"BROKEN {what}")

    # --- the table ------------------------------------------------------------------------------

    def made(self, task: Task) -> None:
        """A task was created."""
        if task.state not in ("waiting", "queued") or task.revision or task.attempts:
            self.say(f"{task.task_id} was born {task.state}")

    def changed(self, old: Task, new: Task) -> None:
        """A task was written over."""
        if self.injector.lines is not None:
            self.injector.note(f"{new.task_id} {old.state} -> {new.state}")
        if new.run != old.run:
            self._run_changed(old, new)
        elif old.finished:
            self.say(f"{new.task_id} was {old.state} and was written once more")
        elif old.state != new.state and new.state not in TRANSITIONS[old.state]:
            self.say(f"{new.task_id} went from {old.state} to {new.state}")
        if new.revision != old.revision + 1:
            self.say(f"{new.task_id} went from revision {old.revision} to {new.revision}")
        if new.attempts != old.attempts:
            self._attempts_changed(old, new)
        cancelled = old.ending is not None and old.ending.status == "cancelled"
        if cancelled and new.ending is None and not old.finished:
            self.say(f"{new.task_id} forgot that it was cancelled")
        if new.finished:
            self._ended(old, new)

    def _run_changed(self, old: Task, new: Task) -> None:
        """A task goes on in the next run where the last one stopped, or after its bad end."""
        if new.run != old.run + 1:
            self.say(f"{new.task_id} went from run {old.run} to {new.run}")
        if not old.finished and self.alive(old.task_id, old.run):
            self.say(f"{new.task_id} went on in run {new.run} while run {old.run} was alive")
        if not old.finished and new.state != old.state:
            self.say(f"{new.task_id} went from {old.state} to {new.state} in a new run")
        if new.since_run != (new.run if old.finished else old.since_run):
            self.say(f"{new.task_id} counts its runs from {new.since_run} in run {new.run}")
        if new.run - new.since_run >= self.runs:
            self.say(f"{new.task_id} began more than {self.runs} runs")
        if old.finished:
            self.payment_monitor.resumed(new)
            if new.state not in RESUMABLE.get(old.state, ()):
                self.say(f"{new.task_id} was resumed from {old.state} as {new.state}")
            if new.state == "queued" and new.attempts:
                self._begun_anew(new, new.last_attempt)

    def _begun_anew(self, task: Task, last: Attempt) -> None:
        """Where something may still be had of what was paid for, nobody pays for it again."""
        if last.asked_since and last.failure and last.failure.code in FETCHABLE_FAILURES:
            return  # a retry has asked, and a person has said what to do then
        there = work_key(task.task_id, last.number) in self._outputs
        if last.outcome == "given-up" and (there if last.job_id is None else not self.routes_gone):
            self.say(f"{task.task_id} begins anew instead of asking for attempt {last.number}")

    def _attempts_changed(self, old: Task, new: Task) -> None:
        numbers = [attempt.number for attempt in new.attempts]
        if numbers != sorted(set(numbers)):
            self.say(f"{new.task_id} has attempts {numbers}")
        left = moved_on(old, new)
        if left is not None:
            self.say(left)
        there = {attempt.number: attempt for attempt in new.attempts}
        for attempt in old.attempts:
            now = there.get(attempt.number)
            if now is None and attempt.outcome != "throttled":
                self.say(f"{new.task_id} forgot attempt {attempt.number}")
            elif now and now.outcome == "open" and not _may_open(attempt, now):
                self.say(f"{new.task_id} used the number {attempt.number} twice")
        if (
            new.attempts
            and new.last_attempt.outcome == "unknown"
            and new.last_attempt.provider in KEYED
        ):
            self._doubted(old, new.last_attempt)

    def _doubted(self, old: Task, attempt: Attempt) -> None:
        """A keyed call is unknown only after its provider stayed away, or every run broke."""
        asked = (attempt.ended_at or old.updated_at) - (attempt.asked_since or attempt.started_at)
        if asked.total_seconds() < REPLAY_FOR.total_seconds() - SKEW_S and self._runs_left(old):
            self.say(f"{old.task_id} did not ask long enough what became of {attempt.number}")

    def _runs_left(self, task: Task) -> bool:
        return task.run - task.since_run + 1 < self.runs

    def _ended(self, old: Task, task: Task) -> None:
        self.ends[task.task_id, task.run] = task.state
        if self.manifests.get(task.task_id) != task.manifest_key:
            self.say(f"{task.task_id} ended {task.state} without a manifest")
        if any(attempt.request or attempt.answer for attempt in task.attempts):
            self.say(f"{task.task_id} ended and still holds a request or an answer")
        if task.state == "succeeded":
            return
        if (old.ending is None or old.in_doubt) and self._runs_left(old):
            self.say(f"{task.task_id} was ended although another run could go on with it")
        answered = old.in_doubt and work_key(task.task_id, old.last_attempt.number) in self._outputs
        if old.in_doubt and not answered and task.state != "unknown":
            self.say(f"{task.task_id} ended {task.state} while its paid call was in doubt")
        unwanted = old.ending is not None and old.ending.failure.code in STOP_JOB_CODES
        if unwanted and old.state == "running" and not self.routes_gone:
            self._unwanted(task)

    def _unwanted(self, task: Task) -> None:
        """A job that nobody waits for any more: somebody tried to stop it.

        Not under another account's key, where its id may be another job's.
        """
        ours = task.last_attempt.account in (None, self.account(task.last_attempt.provider))
        if ours and task.last_attempt.job_id not in self.payment_monitor.stops:
            self.say(f"{task.task_id} gave {task.last_attempt.job_id} up and let it run on")

    # --- the output bucket ----------------------------------------------------------------------

    def put(self, key: str, body: bytes) -> None:
        """An object was written to the output bucket."""
        current = self.injector.current
        self.injector.note(f"put {key}")
        if key.startswith(WORK_PREFIX):
            return
        self.writers[key] = current.task_id if current else None
        if not key.endswith(MANIFEST):
            return
        document = self.documents[key] = json.loads(body)
        task_id = document["task_id"]
        self.manifests[task_id] = key
        self.writers[key] = task_id
        if SECRET.encode() in body:
            self.say(f"the manifest {key} holds a signed address")
        for result in document["results"]:
            if result["key"] not in self._outputs:
                self.say(f"the manifest {key} names {result['key']}, which is not there")

    # --- events ---------------------------------------------------------------------------------

    def publish(self, kind: str, detail: Mapping[str, Any]) -> None:
        """An event is put on the bus; fulfils `darkroom.ports.Events`."""
        task_id, run, status = detail["task_id"], detail["run"], detail["status"]
        self.told[task_id, run][status] += 1
        self.said[task_id] = detail
        self.injector.note(f"{kind} {task_id}")
        ended = self.ends.get((task_id, run))
        if ended != status or kind != f"Task {status.capitalize()}":
            self.say(f"'{kind}' was told of {task_id}, whose run {run} has ended {ended}")
        if SECRET in repr(detail):
            self.say(f"an event of {task_id} holds a signed address")


def _may_open(before: Attempt, now: Attempt) -> bool:
    """Whether an attempt may be open that was something else: a doubtful one that is looked for."""
    return before.outcome in ("open", "accepted") or now.asked_since is not None
