"""Sees every write, every paid call and every event as it happens, and says what is wrong with it.

These are the promises that must hold at every moment; those that hold in the end are in
`invariants`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from darkroom.naming import WORK
from darkroom.task import TRANSITIONS, Task
from darkroom.work import Work
from tests.fakes.clock import START
from tests.simulation.outside import Invocation, Outside
from tests.simulation.providers import RULES, SECRET
from tests.simulation.stores import PlainOutputs, PlainTasks

MANIFEST: Final = ".manifest.json"
SKEW_S: Final = 11
"""How far two clocks may differ."""


@dataclass
class Manifest:
    """What a manifest said when it was written."""

    key: str
    task_id: str
    status: str
    document: Mapping[str, Any]
    writer: Invocation | None


@dataclass
class Witness:
    """Fulfils `Watcher` and `Cashier`, and hears the events.

    Attributes:
        broken: one sentence for each promise that was broken.
        doubts: attempts of which nobody could know what became of the paid call.
        answers: attempts whose paid call was answered, and the process that got the answer.
        refusals: attempts whose paid call was clearly refused the last time, likewise.
        manifests: task -> its newest manifest; a newer task may have written over it since.
        writers: output key -> the task that wrote it last, and the process that did.
        told: task -> how often each of its ends was announced.
    """

    outside: Outside
    broken: list[str] = field(default_factory=list)
    doubts: set[tuple[str, int]] = field(default_factory=set)
    answers: dict[tuple[str, int], Invocation | None] = field(default_factory=dict)
    refusals: dict[tuple[str, int], Invocation | None] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    writers: dict[str, tuple[str | None, Invocation | None]] = field(default_factory=dict)
    told: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def look_at(self, tasks: PlainTasks, outputs: PlainOutputs) -> None:
        """What there is to be seen."""
        self._tasks, self._outputs = tasks.stored, outputs.objects

    def say(self, what: str) -> None:
        """Write down that a promise was broken."""
        self.broken.append(what)
        self.outside.note(f"BROKEN {what}")

    # --- the table ------------------------------------------------------------------------------

    def made(self, task: Task) -> None:
        """A task was created."""
        if task.state not in ("waiting", "queued") or task.revision or task.attempts:
            self.say(f"{task.task_id} was born {task.state}")

    def changed(self, old: Task, new: Task) -> None:
        """A task was written over."""
        if self.outside.lines is not None:
            self.outside.note(f"{new.task_id} {old.state} -> {new.state}")
        if old.state != new.state and new.state not in TRANSITIONS[old.state]:
            self.say(f"{new.task_id} went from {old.state} to {new.state}")
        if new.revision != old.revision + 1:
            self.say(f"{new.task_id} went from revision {old.revision} to {new.revision}")
        if old.finished:
            self.say(f"{new.task_id} was {old.state} and was written once more")
        if new.attempts != old.attempts:
            self._attempts_changed(old, new)
        if new.finished:
            self._ended(new)

    def _attempts_changed(self, old: Task, new: Task) -> None:
        numbers = [attempt.number for attempt in new.attempts]
        if numbers != sorted(set(numbers)):
            self.say(f"{new.task_id} has attempts {numbers}")
        there = {attempt.number: attempt for attempt in new.attempts}
        for attempt in old.attempts:
            now = there.get(attempt.number)
            if now is None and attempt.outcome != "throttled":
                self.say(f"{new.task_id} forgot attempt {attempt.number}")
            elif now and attempt.outcome not in ("open", "accepted") and now.outcome == "open":
                self.say(f"{new.task_id} used the number {attempt.number} twice")

    def _ended(self, task: Task) -> None:
        manifest = self.manifests.get(task.task_id)
        if manifest is None or manifest.key != task.manifest_key:
            self.say(f"{task.task_id} ended {task.state} without a manifest")
        if any(attempt.request or attempt.answer for attempt in task.attempts):
            self.say(f"{task.task_id} ended and still holds a request or an answer")

    # --- the output bucket ----------------------------------------------------------------------

    def put(self, key: str, body: bytes) -> None:
        """An object was written to the output bucket."""
        current = self.outside.current
        self.outside.note(f"put {key}")
        if key.startswith(WORK):
            return
        self.writers[key] = (current.task_id if current else None, current)
        if not key.endswith(MANIFEST):
            return
        document = json.loads(body)
        task_id = document["task_id"]
        self.manifests[task_id] = Manifest(key, task_id, document["status"], document, current)
        self.writers[key] = (task_id, current)
        if SECRET.encode() in body:
            self.say(f"the manifest {key} holds a signed address")
        for result in document["results"]:
            if result["key"] not in self._outputs:
                self.say(f"the manifest {key} names {result['key']}, which is not there")

    # --- money ----------------------------------------------------------------------------------

    def paying(self, work: Work, request: str) -> None:
        """A paid call is about to be sent."""
        outside, task = self.outside, self._tasks.get(work.task_id)
        where = f"{work.task_id}, attempt {work.attempt},"
        if task is None or task.state != "submitting" or task.ending is not None:
            self.say(f"{where} was paid for in state {task.state if task else None}")
            return
        attempt = task.paying
        if (attempt.number, attempt.outcome, attempt.request) != (work.attempt, "open", request):
            self.say(f"{where} was paid for without being written down")
        self._count_open(work)
        if work.route.idempotency == "key":
            return
        now = START + timedelta(seconds=outside.timeline.now)
        ends = now + timedelta(seconds=work.route.call_s)
        if ends > attempt.call_until + timedelta(seconds=SKEW_S):
            self.say(f"{where} was begun too late to be over when it should be")
        if outside.time_left_s() < work.route.call_s:
            self.say(f"{where} was begun by a process that may die before it is over")

    def _count_open(self, work: Work) -> None:
        """No more jobs are open than the account bears; a lease ends by itself in the end."""
        provider, most = work.route.provider, RULES[work.route.provider].leases
        if most is None or not work.route.asynchronous:
            return
        since = START + timedelta(seconds=self.outside.timeline.now - work.route.job_s)
        open_jobs = sum(
            1
            for task in self._tasks.values()
            if task.state in ("submitting", "running")
            and task.paying.outcome in ("open", "accepted")
            and not task.gone  # its job has ended; only the result's address is asked for anew
            and task.paying.provider == provider
            and task.paying.started_at > since
        )
        if open_jobs > most:
            self.say(f"{work.task_id} made {open_jobs} jobs open at {provider}")

    def doubted(self, work: Work) -> None:
        """The answer of a paid call does not reach whoever sent it."""
        self.doubts.add((work.task_id, work.attempt))
        self.refusals.pop((work.task_id, work.attempt), None)

    def refused(self, work: Work) -> None:
        """A paid call is clearly refused."""
        self.refusals[work.task_id, work.attempt] = self.outside.current

    def answered(self, work: Work) -> None:
        """The answer of a paid call reaches whoever sent it."""
        self.answers[work.task_id, work.attempt] = self.outside.current

    # --- events ---------------------------------------------------------------------------------

    def publish(self, kind: str, detail: Mapping[str, Any]) -> None:
        """An event is put on the bus; fulfils `darkroom.ports.Events`."""
        task_id, status = detail["task_id"], detail["status"]
        task = self._tasks.get(task_id)
        self.told[task_id][status] += 1
        self.outside.note(f"{kind} {task_id}")
        if task is None or task.state != status or kind != f"Task {status.capitalize()}":
            self.say(f"'{kind}' was told of {task_id}, which is {task.state if task else None}")
        if SECRET in repr(detail):
            self.say(f"an event of {task_id} holds a signed address")
