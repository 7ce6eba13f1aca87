"""Selects the tasks that `retry`, `cancel`, `approve` and `settle` act on.

A name of one task selects that task, whatever its state. A name of many (a folder or a photo)
selects those that the command is for, at any depth. Filters narrow both down.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from darkroom.domain.object_keys import classify_key
from darkroom.domain.task_summary import summarize
from infra.cli.tasks.filters import Filters
from infra.cli.tasks.find import candidate_keys, covers, is_task_id

if TYPE_CHECKING:
    from darkroom.domain.task_summary import TaskSummary
    from darkroom.ports import Tasks

NO_LIMIT: Final = sys.maxsize
ASK_ABOVE: Final = 5
"""So many tasks are acted on without asking."""


@dataclass(frozen=True)
class Selected:
    """A selected task.

    Attributes:
        key: its spec's key; None if only the id is known.
        explicit: whether the task itself was named, not a folder or photo that matches it.
    """

    task_id: str
    key: str | None
    explicit: bool


def select_to_retry(
    tasks: "Tasks", names: Sequence[str], filters: Filters | None = None
) -> list[Selected]:
    """The tasks to retry. Of a folder or photo: the failed and unknown ones.

    A cancelled task is selected only by its own name, or by its state: a user did not want it.

    Raises:
        click.ClickException: there is no task of that name.
    """
    states = (filters or Filters()).states or frozenset({"failed", "unknown"})
    return _select(tasks, names, lambda each: each.state in states, filters or Filters())


def select_to_cancel(
    tasks: "Tasks", names: Sequence[str], filters: Filters | None = None
) -> list[Selected]:
    """The tasks to cancel. Of a folder or photo: the unfinished ones.

    Raises:
        click.ClickException: there is no task of that name.
    """
    return _select(tasks, names, lambda each: not each.finished, filters or Filters())


def select_held(
    tasks: "Tasks", names: Sequence[str], filters: Filters | None = None
) -> list[Selected]:
    """The tasks to approve. Of a folder or photo: the held ones.

    Raises:
        click.ClickException: there is no task of that name.
    """
    return _select(tasks, names, lambda each: each.state == "held", filters or Filters())


def select_unknown(
    tasks: "Tasks", names: Sequence[str], filters: Filters | None = None
) -> list[Selected]:
    """The tasks to settle. Of a folder or photo: the unknown ones.

    Raises:
        click.ClickException: there is no task of that name.
    """
    return _select(tasks, names, lambda each: each.state == "unknown", filters or Filters())


def needing_attention(tasks: "Tasks", filters: Filters | None = None) -> list[Selected]:
    """Every failed and unknown task of the environment."""
    found = map(summarize, tasks.needing_attention(NO_LIMIT))
    return [_matched(each) for each in (filters or Filters()).select(found)]


def confirm(selected: Sequence[Selected], verb: str, *, yes: bool) -> None:
    """Say how many tasks are meant, and ask if they are more than a handful.

    Raises:
        click.Abort: the user said no.
        click.UsageError: there is nobody to ask, and `yes` is not set.
    """
    if len(selected) <= ASK_ABOVE or yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"this means {len(selected):,} tasks; {verb} them all with --yes")
    click.confirm(f"{verb} {len(selected):,} tasks?", abort=True, err=True)


def _select(
    tasks: "Tasks",
    names: Sequence[str],
    eligible: "Callable[[TaskSummary], bool]",
    filters: Filters,
) -> list[Selected]:
    selected: dict[str, Selected] = {}
    for name in names:
        one = _select_one(tasks, name)
        if one is not None and filters.given:
            task = tasks.get(one.task_id)
            if task is None or not filters.accepts(summarize(task)):
                continue
        for each in [one] if one else _select_matching(tasks, name, eligible, filters):
            known = selected.get(each.task_id)
            selected[each.task_id] = known if known and known.explicit else each
    return list(selected.values())


def _select_one(tasks: "Tasks", name: str) -> Selected | None:
    """The task of an id, or the newest task of a spec."""
    if is_task_id(name):
        task = tasks.get(name)
        return Selected(name, task.trigger.key if task else None, explicit=True)
    for key in candidate_keys(name):
        if not key or classify_key(key) != "spec":
            continue
        task_id = tasks.latest(key)
        if task_id is not None:
            return Selected(task_id, key, explicit=True)
    return None


def _select_matching(
    tasks: "Tasks", name: str, eligible: "Callable[[TaskSummary], bool]", filters: Filters
) -> list[Selected]:
    """The eligible tasks of a folder, of a photo, or of a spec that came in a message."""
    found: list[TaskSummary] = []
    for key in candidate_keys(name):
        below = [each for each in tasks.below(key) if covers(key, (each.source, each.key))]
        below.sort(key=lambda each: each.created_at)
        matching = [each for each in below if eligible(each) and filters.accepts(each)]
        if matching:
            return list(map(_matched, matching))
        found = found or below
    if name.endswith("/"):
        return []
    if not found:
        raise click.ClickException(f"no task found for '{name}'")
    return [] if filters.given else _newest_of_photo(found, name)


def _newest_of_photo(found: "Sequence[TaskSummary]", name: str) -> list[Selected]:
    """The newest task of each spec of a photo, in whatever state; none if the name is a folder."""
    keys = frozenset(candidate_keys(name))
    newest = {each.key: each for each in found if not keys.isdisjoint((each.source, each.key))}
    return [Selected(each.task_id, key, explicit=True) for key, each in newest.items()]


def _matched(summary: "TaskSummary") -> Selected:
    return Selected(summary.task_id, summary.key, explicit=False)
