"""Ends of batches: what must hold of every announcement, and in the end of every batch.

The monitor sees each "Batch Finished" as it is published; it knows the true tasks, not the index.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from darkroom.domain.batch import BatchId
from darkroom.domain.object_keys import DEFAULT_NAME
from darkroom.domain.task import Task
from darkroom.ports import Current
from tests.fakes.batches import InMemoryBatches
from tests.simulation.folders import BROKEN, Folders, labels_by
from tests.simulation.ledger import Ledger
from tests.simulation.payment_monitor import SKEW_S
from tests.simulation.stores import PlainInputs, PlainOutputs

EVENT: Final = "Batch Finished"
MAX_LATE_S: Final = 15 * 60
"""Without faults an end is announced at most this long after the last change."""
MAX_SWEEP_S: Final = 300
"""What a look sees may be as old as SWEEP runs at most."""
UNTIL: Final = "_END"
RULES: Final[Sequence[Mapping[str, Any]]] = (
    {"expect": 3},
    {"until": UNTIL},
    {"quiet_s": 300},
    {"expect": 3, "quiet_s": 900},
    {},
)


@dataclass
class BatchMonitor:
    """Watches the announcements.

    Attributes:
        announced: batch -> what was announced of it, in order, repetitions included.
    """

    report: Callable[[str], None]
    tasks: Callable[[], Sequence[Task]]
    outputs: PlainOutputs
    now: Callable[[], datetime]
    fault_free: bool
    announced: defaultdict[BatchId, list[Mapping[str, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    changed_at: dict[str, datetime] = field(default_factory=dict)

    def published(self, detail: Mapping[str, Any]) -> None:
        """An end is announced."""
        of = BatchId(detail["batch"]["kind"], detail["batch"]["name"])
        before = self.announced[of]
        same = [one for one in before if one["revision"] == detail["revision"]]
        if any(one != detail for one in same):
            self.report(f"revision {detail['revision']} of {of.name} was announced in two versions")
        if not same:
            newest = max((one["revision"] for one in before), default=0)
            if detail["revision"] <= newest:
                self.report(f"{of.name} went from revision {newest} to {detail['revision']}")
            if any(one["digest"] == detail["digest"] for one in before):
                self.report(f"{of.name} was announced again, and nothing has changed")
            self._check_ended(of, detail)
        before.append(detail)
        self._check_manifest(of, detail)

    def _check_manifest(self, of: BatchId, detail: Mapping[str, Any]) -> None:
        """The manifest is there before the event, of this revision or of a later one."""
        body = self.outputs.objects.get(of.manifest_key)
        manifest: dict[str, Any] = json.loads(body) if body else {"revision": 0}
        if manifest["revision"] < detail["revision"]:
            self.report(f"{of.name} was announced before its manifest was written")
            return
        if manifest["revision"] == detail["revision"]:
            for name in ("counts", "failures", "digest"):
                if manifest[name] != detail[name]:
                    self.report(f"the manifest of {of.name} has other {name} than its event")
            listed = Counter(entry["state"] for entry in manifest["tasks"])
            states = {s: n for s, n in detail["counts"].items() if s not in ("tasks", "sources")}
            if listed != states or len(manifest["tasks"]) != detail["counts"]["tasks"]:
                self.report(f"the manifest of {of.name} lists other tasks than it counts")

    def _check_ended(self, of: BatchId, detail: Mapping[str, Any]) -> None:
        """No task was unfinished, and a rule held."""
        tasks = list(tasks_of(of, self.tasks()))
        now = self.now()
        for task in tasks:
            age_s = (now - task.created_at).total_seconds()
            if not task.finished and task.since_run == 1 and age_s > MAX_SWEEP_S + SKEW_S:
                self.report(f"{of.name} was announced while {task.task_id} is {task.state}")
        unfinished = set(detail["counts"]) & {
            *("waiting", "queued", "submitting", "running", "delivering")
        }
        if unfinished:
            self.report(f"{of.name} was announced with tasks that are {', '.join(unfinished)}")
        sources = len({task.source or task.trigger.key for task in tasks})
        if detail["ended_by"] == "expect" and sources < detail["rule"]["expect"]:
            self.report(f"{of.name} was announced with {sources} of {detail['rule']['expect']}")
        if self.fault_free and tasks:
            moments = [task.updated_at for task in tasks]
            if of.kind == "folder" and of.name in self.changed_at:
                moments.append(self.changed_at[of.name])
            late_s = (now - max(moments)).total_seconds() - detail["rule"].get("quiet_s", 0)
            if late_s > MAX_LATE_S:
                self.report(f"the end of {of.name} was announced {late_s:.0f} s late")


def tasks_of(of: BatchId, tasks: Sequence[Task]) -> Iterator[Task]:
    """The tasks of a batch."""
    for task in tasks:
        mine = task.trigger.key.startswith(of.name) if of.kind == "folder" else False
        if mine or (of.kind == "message" and task.batch == of.name):
            yield task


def find_batch_violations(
    monitor: BatchMonitor,
    folders: Folders,
    tasks: Sequence[Task],
    inputs: PlainInputs,
    batches: InMemoryBatches,
    ledger: Ledger,
) -> Iterator[str]:
    """Every batch whose rule holds was announced as it is now, with what its tasks cost."""
    stored = {one.id: one for one in batches.all}
    ended = [
        BatchId("folder", folder)
        for folder in folders.defaults
        if _has_ended(folder, folders, tasks, inputs)
    ]
    ended += [of for of in stored if of.kind == "message" and list(tasks_of(of, tasks))]
    for of in ended:
        mine = list(tasks_of(of, tasks))
        if not monitor.announced[of]:
            yield f"the batch {of.name} has ended and was not announced"
            continue
        last = max(monitor.announced[of], key=lambda one: int(one["revision"]))
        states = Counter(str(task.state) for task in mine)
        sources = {task.source or task.trigger.key for task in mine}
        counts: dict[str, int] = {"tasks": len(mine), "sources": len(sources), **states}
        if last["counts"] != counts:
            yield f"{of.name} was announced with {last['counts']}, and there are {counts}"
            continue
        yield from _cost(of, last, mine, ledger, fault_free=monitor.fault_free)
        if not stored[of].closed or stored[of].look_at is not None:
            yield f"the batch {of.name} was announced and is still looked at"


def _cost(
    of: BatchId, last: Mapping[str, Any], tasks: Sequence[Task], ledger: Ledger, *, fault_free: bool
) -> Iterator[str]:
    """The announced credits are those of the attempts, and without faults those of the ledger."""
    spent, charged = defaultdict[str, float](float), defaultdict[str, float](float)
    for task in tasks:
        for attempt in task.attempts:
            if attempt.charged != "no":
                spent[attempt.provider] += attempt.credits or 0
            for job in ledger.by_attempt.get((task.task_id, attempt.number), ()):
                if not job.refunded:
                    charged[attempt.provider] += job.amount
    said = {name: one["credits"] for name, one in last["cost"]["by_provider"].items()}
    if not _equal(said, spent):
        yield f"{of.name} was announced with a cost of {said}, and its tasks have {dict(spent)}"
    if fault_free and not _equal(said, charged):
        yield f"{of.name} was announced with a cost of {said}, and charged were {dict(charged)}"


def _equal(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    names = {*one, *other}
    return all(abs(one.get(name, 0) - other.get(name, 0)) < 1e-5 for name in names)


def _has_ended(folder: str, folders: Folders, tasks: Sequence[Task], inputs: PlainInputs) -> bool:
    """Whether a rule of the folder's default holds, now that all tasks have ended."""
    (default,) = inputs.read_each([folder + DEFAULT_NAME], 10**6)
    if not isinstance(default, Current) or default.body in BROKEN:
        return False
    rule = json.loads(default.body)
    mine = [task for task in tasks if task.trigger.key.startswith(folder)]
    sources = {task.source or task.trigger.key for task in mine}
    if len(sources) >= rule.get("expect", float("inf")) or ("quiet_s" in rule and mine):
        return True
    if "until" not in rule or inputs.find(folder + rule["until"]) is None:
        return False
    current = folders.defaults[folder][-1]
    photos = [photo for photo in folders.photos if photo.startswith(folder)]
    return all(
        photo in sources or inputs.find(photo) is None or not labels_by(current, photo)
        for photo in photos
    )
