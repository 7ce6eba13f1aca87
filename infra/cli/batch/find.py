"""Finds the tasks below a name, and the specs there that no task was made of yet."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from darkroom.domain.object_keys import classify_key
from darkroom.domain.task_summary import TaskSummary, summarize
from infra.cli.tasks.find import candidate_keys, covers, is_task_id

if TYPE_CHECKING:
    from darkroom.ports import Tasks
    from infra.cli.target import Target

MAX_LISTED: Final = 1000
"""Of so many objects below a name it is checked whether they are specs without a task."""
READ_WITHIN: Final = timedelta(minutes=15)
"""A spec that was uploaded longer ago and has no task is not expected to become one by itself."""


def find_summaries(tasks: "Tasks", name: str) -> list[TaskSummary]:
    """Every task of an id, a spec's or photo's key, or a folder at any depth, newest first.

    If there are none, `photos/` is put before the name, or removed from it.
    """
    if is_task_id(name):
        task = tasks.get(name)
        return [summarize(task)] if task else []
    for key in candidate_keys(name):
        found = [each for each in tasks.below(key) if covers(key, (each.source, each.key))]
        if found:
            return sorted(found, key=lambda each: each.created_at, reverse=True)
    return []


def find_unread(target: "Target", name: str, known: Collection[str]) -> list[str]:
    """The keys of specs below the name that were uploaded lately and have no task.

    Args:
        target: the environment.
        name: a key or folder; of the first 1,000 objects below it.
        known: the keys of the specs that have tasks.
    """
    for key in candidate_keys(name):
        answer = target.s3.list_objects_v2(
            Bucket=target.input_bucket, Prefix=key, MaxKeys=MAX_LISTED
        )
        found = [
            each["Key"]
            for each in answer.get("Contents", [])
            if classify_key(each["Key"]) == "spec"
            and each["Key"] not in known
            and each["LastModified"] > datetime.now(UTC) - READ_WITHIN
            and _is_below(key, each["Key"])
        ]
        if found:
            return found
    return []


def _is_below(name: str, spec: str) -> bool:
    return covers(name, (spec, TaskSummary("", spec, "queued", datetime.now(UTC)).source))
