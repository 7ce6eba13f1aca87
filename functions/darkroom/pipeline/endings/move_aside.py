"""The names under which a task writes its files, so that no two live tasks write the same key.

A name is a key without its extension. A spec's own name is claimed when its task is created. When a
newer task has taken it, the older one moves aside, to `<name>@<first 8 digits of its id>`, with all
files and the manifest that it writes from then on. What it has written before stays, for the newer
task to overwrite; nothing is ever deleted. Numbered names are claimed before anything is written
under them.

A spec that places its results elsewhere has a second name, for these alone. It is claimed and given
up in the same way, each name by itself.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from darkroom.domain.media import Kind
from darkroom.domain.object_keys import (
    WORK_PREFIX,
    is_usable_output,
    manifest_key,
    results_stem,
)
from darkroom.domain.output_names import ResultsName, numbered
from darkroom.domain.task import Task
from darkroom.pipeline.orders.output_owner import find_live_owner
from darkroom.ports import Ports


def claim_output_name(ports: Ports, task: Task) -> Task:
    """The task under names that it may write to: its own, or some aside from a newer task's.

    Raises:
        Conflict: another step changed the task first.
    """
    if not is_aside(task) and not owns_name(ports, task):
        task = _move_aside(ports, task)
    if task.results_name and not owns_results_name(ports, task):
        task = _move_results_aside(ports, task)
    return task


def _move_aside(ports: Ports, task: Task) -> Task:
    """Give the task another name; stored before anything is written there.

    So two steps at once cannot write two manifests that both count.
    """
    names = aside_names(task)
    name = next((name for name in names if _claim(ports, task, [name])), names[-1])
    now = ports.clock.now()
    # Results under the old name may be overwritten by now: they are copied again.
    moved = replace(task, manifest_key=manifest_key(name), results=(), updated_at=now)
    return ports.tasks.replace(task, moved)


def _move_results_aside(ports: Ports, task: Task) -> Task:
    """Give the results another name; stored before anything is written there."""
    last = task.results_name[-1]
    beside: ResultsName = (*task.results_name[:-1], f"{last}{_mark(task)}")
    free = not last.endswith(_mark(task)) and is_usable_output(numbered(beside, 1))
    if not free or not _claim(ports, task, [numbered(beside, 1)]):
        # Beside the manifest: this name is the task's.
        beside = ()
    now = ports.clock.now()
    return ports.tasks.replace(task, replace(task, results_name=beside, results=(), updated_at=now))


def aside_names(task: Task) -> Sequence[str]:
    """Other names for a task that cannot have its own; no spec can own the last one."""
    return f"{task.output}{_mark(task)}", f"{WORK_PREFIX.split('/')[0]}/{task.task_id}"


def _mark(task: Task) -> str:
    """What tells the names of a task that moved aside from those of all others."""
    return f"@{task.task_id[:8]}"


def claim_result_names(ports: Ports, task: Task, kinds: Sequence[Kind]) -> Sequence[str]:
    """The keys of results of these kinds without their extensions, in this order.

    Several results of one kind are numbered from 1. Where another spec owns a numbered name, all
    results move aside; the manifest stays, and says where they are.
    """
    many = Counter(kinds)
    seen: Counter[Kind] = Counter()
    numbers = []
    for kind in kinds:
        seen[kind] += 1
        numbers.append((seen[kind], many[kind] > 1))
    own = task.results_name or (results_stem(task.manifest_key),)
    for stem in (own, *((name,) for name in aside_names(task))):
        names = [numbered(stem, number, several=several) for number, several in numbers]
        # The task has owned its own name since it was created.
        claimed = numbered(own, 1)
        if _claim(ports, task, dict.fromkeys(name for name in names if name != claimed)):
            return names
    return names


def _claim(ports: Ports, task: Task, names: Iterable[str]) -> bool:
    """Make the task the owner of these names, unless another live spec owns one of them."""
    for name in names:
        owner = ports.tasks.owner(name)
        if owner == task.task_id:
            continue
        if find_live_owner(ports, owner, task.trigger):
            return False
        if not ports.tasks.claim_output(name, task, over=owner):
            return False
    return True


def is_aside(task: Task) -> bool:
    """Whether the task has moved to a name that no other task can have."""
    return task.manifest_key != manifest_key(task.output)


def may_write(ports: Ports, task: Task, key: str) -> bool:
    """Whether no newer task has taken the name under which this file lies."""
    elsewhere = task.results_name and key != task.manifest_key
    if elsewhere and not any(key.startswith(name) for name in aside_names(task)):
        return owns_results_name(ports, task)
    return is_aside(task) or owns_name(ports, task)


def owns_results_name(ports: Ports, task: Task) -> bool:
    """Whether no newer task has taken the name that the spec gives the results."""
    return ports.tasks.owner(numbered(task.results_name, 1)) in (None, task.task_id)


def owns_name(ports: Ports, task: Task) -> bool:
    """Whether no newer task has taken the task's own name."""
    return ports.tasks.owner(task.output) in (None, task.task_id)
