"""Names in the output bucket: whose one is, and under which one a task may write its results.

A name is a key without its extension. A spec's own is claimed when its task is made; numbered ones
and those beside it are claimed here, before anything is written under them, and whoever comes
later with such a name of its own is refused. So no two live specs write one key.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from darkroom.domain.attempt import Finished
from darkroom.domain.media import Kind
from darkroom.domain.object_keys import WORK, stem_of
from darkroom.domain.task import Task
from darkroom.pipeline.orders.resolve import is_there
from darkroom.ports import Ports


def holder(ports: Ports, owner: str | None, key: str) -> str | None:
    """The key of another spec than this one that owns a name and is still there.

    Args:
        ports: the outside.
        owner: the task that owns the name, if any does.
        key: the key of the spec that would like to have it.
    """
    task = ports.tasks.get(owner) if owner else None
    if task is None or task.trigger.key == key:
        return None
    if task.trigger.kind == "message" and task.finished:
        return None
    if task.trigger.kind == "upload" and not is_there(ports.inputs, task.trigger.key):
        return None
    return task.trigger.key


def asides(task: Task) -> Sequence[str]:
    """Names for what cannot have the task's own; no spec can have the last one."""
    return f"{task.output}@{task.task_id[:8]}", f"{WORK.split('/')[0]}/{task.task_id}"


def claim(ports: Ports, task: Task, names: Iterable[str]) -> bool:
    """Make these names the task's, unless one of them is another live spec's."""
    for name in names:
        owner = ports.tasks.owner(name)
        if owner == task.task_id:
            continue
        if holder(ports, owner, task.trigger.key):
            return False
        if not ports.tasks.claim_output(name, task, over=owner):
            return False
    return True


def result_names(ports: Ports, task: Task, answer: Finished) -> Sequence[str]:
    """The keys of the results without their extensions, in the order of the answer.

    Several of a kind are numbered from 1. Where a number's name is another spec's, all of them go
    beside the task's own name; the manifest stays, and tells where they are.
    """
    many = Counter(ref.kind for ref in answer.results)
    seen: Counter[Kind] = Counter()
    endings = []
    for ref in answer.results:
        seen[ref.kind] += 1
        endings.append(f"-{seen[ref.kind]}" if many[ref.kind] > 1 else "")
    own = stem_of(task.manifest_key)
    for stem in (own, *asides(task)):
        names = [stem + ending for ending in endings]
        # The task's own name is its own since it was made.
        if claim(ports, task, dict.fromkeys(name for name in names if name != own)):
            return names
    return names
