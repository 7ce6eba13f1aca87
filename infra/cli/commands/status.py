"""`darkroom status`: one task, what lies below a folder, or everything that needs attention."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from infra.cli.printing import note, open_console, say, say_json
from infra.cli.target import Target, env_option, find_target
from infra.cli.tasks.arguments import complete_keys
from infra.cli.tasks.filters import Filters, filter_options
from infra.cli.tasks.find import find_task, waiting_tasks

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from infra.cli.tasks.places import PlaceInLine

MAX_UNREAD: Final = 10
"""Of so many files without a task the keys are shown."""


@click.command(name="status")
@click.argument(
    "what", metavar="[TASK_ID | KEY | FOLDER]", required=False, shell_complete=complete_keys
)
@click.option(
    "--limit",
    default=50,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How many tasks are listed.",
)
@click.option("--page", default=1, type=click.IntRange(1), help="Which --limit of them; from 1.")
@click.option("--all", "everything", is_flag=True, help="List all of them.")
@filter_options
@click.option("--json", "as_json", is_flag=True, help="Print the listed tasks as JSON.")
@env_option
def command(
    what: str | None,
    limit: int,
    page: int,
    environment: str,
    *,
    everything: bool,
    filters: Filters,
    as_json: bool,
) -> None:
    """Show a task by its id, by its spec's or photo's key, or what lies below a folder.

    Of a folder: how many tasks of it are where, what they cost, and the newest of them. Filters
    narrow them down.

    Without an argument: the tasks that failed, are unknown or wait for something, the providers
    that are paused and why, and the number of dead letters.

    A task that waits for its turn shows its place in line, in a list the first ten do.
    """
    target = find_target(environment)
    if what is None and not filters.given:
        _show_attention(target, limit, as_json=as_json)
    else:
        window = None if everything else (limit * (page - 1), limit)
        _show_named(target, what or "/", filters, window, as_json=as_json)


def _show_attention(target: Target, limit: int, *, as_json: bool) -> None:
    waiting = waiting_tasks(target.tasks, limit, datetime.now(UTC))
    found = [*waiting, *target.tasks.needing_attention(limit)]
    _list(target, found, "waiting, or needing attention", as_json=as_json)
    if not found:
        note("no task needs attention or is waiting")
    _report_pauses(target)
    if "DeadLetterQueueUrl" in target.outputs:
        _report_dead_letters(target)


def _show_named(
    target: Target,
    name: str,
    filters: Filters,
    window: tuple[int, int] | None,
    *,
    as_json: bool,
) -> None:
    """Show what lies below the name: of those that are meant, `window` (start and number)."""
    from infra.cli.batch.find import find_summaries  # noqa: PLC0415 - brings pydantic along
    from infra.cli.batch.totals import count_tasks  # noqa: PLC0415 - the same
    from infra.cli.batch.unread import UnreadFinder  # noqa: PLC0415 - the same
    from infra.cli.tasks.batch_ends import report_batch  # noqa: PLC0415 - the same

    one = find_task(target.tasks, name)
    if one is not None:
        _list(target, [one], name, as_json=as_json, detail=True)
        return
    below = find_summaries(target.tasks, name)
    unread = UnreadFinder(target, name).find(below)
    if not below and not unread.total:
        raise click.ClickException(f"no task found for '{name}'")
    _report_unread(unread.late, "uploaded, not read yet")
    _report_unread(unread.settling, "settling: waits for a spec of its own (settle_s)")
    meant = list(filters.select(below))
    start, number = window or (0, len(meant))
    listed = meant[start : start + number]
    tasks = target.tasks.get_many(each.task_id for each in listed)
    _list(target, tasks, name, as_json=as_json, detail=len(below) == 1 and not name.endswith("/"))
    totals = count_tasks(meant, environment=target.environment)
    if totals.total > 1 or filters.given:
        what = "tasks that match" if filters.given else "tasks"
        note(f"{totals.total:,} {what}: {totals.text or '-'}; cost: {totals.cost.text}")
        report_batch(target, name, below)
    if len(meant) > len(listed):
        note(_describe_rest(start, len(listed), len(meant), number))


def _report_unread(keys: Sequence[str], what: str) -> None:
    for key in keys[:MAX_UNREAD]:
        note(f"{key}: {what}")
    if len(keys) > MAX_UNREAD:
        note(f"and {len(keys) - MAX_UNREAD:,} more: {what}")


def _describe_rest(start: int, listed: int, total: int, number: int) -> str:
    if not listed:
        return f"there are only {total:,}; this page is empty"
    following = f"; the next with --page {start // number + 2}" if start + listed < total else ""
    return f"listed: {start + 1:,} to {start + listed:,} of {total:,}, newest first{following}"


def _list(
    target: Target, found: "Sequence[Task]", title: str, *, as_json: bool, detail: bool = False
) -> None:
    places = _places(target, found)
    if as_json:
        from infra.cli.tasks.describe import task_as_dict  # noqa: PLC0415 - only for JSON

        env = target.environment
        say_json([task_as_dict(task, places.get(task.task_id), env) for task in found])
    elif detail:
        from infra.cli.tasks.describe import task_lines  # noqa: PLC0415 - only for one task

        for task in found:
            for line in task_lines(task, places.get(task.task_id), target.environment):
                say(line)
    elif found:
        _show(found, places, title)


def _places(target: Target, tasks: "Sequence[Task]") -> "Mapping[str, PlaceInLine]":
    from infra.cli.tasks.places import Places  # noqa: PLC0415 - brings pydantic along

    return Places(lambda: target.ports).of(tasks)


def _report_pauses(target: Target) -> None:
    """Report paused providers, and whether a failing delivery stops all paid calls."""
    from infra.cli.tasks.pauses import find_pauses  # noqa: PLC0415 - brings pydantic along

    for pause in find_pauses(target.ports, datetime.now(UTC)):
        note(pause.sentence)


def _report_dead_letters(target: Target) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    from infra.cli.dead_letters.sqs import count_dead_letters  # noqa: PLC0415 - brings the models along

    try:
        count = count_dead_letters(target.sqs, target.require_output("DeadLetterQueueUrl"))
    except ClientError:
        note("no permission to read the dead-letter queue")
        return
    if count:
        noun = "dead letter" if count == 1 else "dead letters"
        note(f"{count} {noun}: `darkroom redrive --dry-run` shows why")


def _show(tasks: "Sequence[Task]", places: "Mapping[str, PlaceInLine]", title: str) -> None:
    from infra.cli.tasks.progress import ProgressTable, build_row  # noqa: PLC0415 - brings rich along

    now = datetime.now(UTC)
    with ProgressTable(open_console(), title) as table:
        table.show([build_row(task, now, places.get(task.task_id)) for task in tasks])
