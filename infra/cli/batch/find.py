"""Finds the tasks below a name."""

from typing import TYPE_CHECKING

from darkroom.domain.task_summary import TaskSummary, summarize
from infra.cli.tasks.find import candidate_keys, covers, is_task_id

if TYPE_CHECKING:
    from darkroom.ports import Tasks


def find_summaries(tasks: "Tasks", name: str) -> list[TaskSummary]:
    """Every task of an id, a spec's or photo's key, or a folder at any depth, newest first.

    If there are none, `photos/` is put before the name, or removed from it.
    """
    if is_task_id(name):
        task = tasks.get(name)
        return [summarize(task)] if task else []
    for key in candidate_keys(name):
        # Nearly all are covered by their keys; to find out a source takes longer.
        found = [
            each
            for each in tasks.below(key)
            if covers(key, (each.key,)) or covers(key, (each.source,))
        ]
        if found:
            return sorted(found, key=lambda each: each.created_at, reverse=True)
    return []
