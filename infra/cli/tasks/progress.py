"""Live progress of tasks: a table redrawn in place, or plain lines if there is no terminal.

Only displays rows; reads no store.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table

from darkroom.domain.task import Result, State, Task
from infra.cli.live import LiveDisplay
from infra.cli.printing import cell
from infra.cli.tasks.places import PlaceInLine, wait_reason

COLOURS: Final[dict[str, str]] = {
    "waiting": "yellow",
    "held": "yellow",
    "queued": "yellow",
    "submitting": "cyan",
    "running": "cyan",
    "delivering": "cyan",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "magenta",
    "unknown": "red",
}
"""State -> colour; any other word (such as `uploaded`) is dim."""


@dataclass(frozen=True)
class Row:
    """One row of the table; `key` identifies it, times in seconds.

    Attributes:
        note: why the task waits, or how it ended.
        place: its place in line, shown instead of the note; a new place alone is not a change.
    """

    key: str
    source: str
    operation: str
    provider: str
    state: State | str
    elapsed_s: float = 0.0
    note: str = ""
    place: str = ""


def build_row(task: Task, now: datetime, place: PlaceInLine | None = None) -> Row:
    """The row of a task, with its place in line; an unfinished task has run until `now`."""
    order = task.order
    return Row(
        key=task.task_id,
        source=_name(task),
        operation=order.operation if order else "-",
        provider=_provider(task),
        state=task.state,
        elapsed_s=max(
            0.0, ((task.updated_at if task.finished else now) - task.created_at).total_seconds()
        ),
        note=_note(task, place),
        place=place.text if place else "",
    )


def _name(task: Task) -> str:
    """The photo, with its label if that is not the operation; else the spec."""
    stem = task.trigger.key.removesuffix(".json")
    unlabelled = {task.source, f"{task.source}.{task.order.operation if task.order else ''}"}
    return task.source if task.source and stem in unlabelled else stem or task.trigger.key


def _provider(task: Task) -> str:
    if task.attempts:
        return task.attempts[-1].provider
    return ", ".join(task.order.providers) if task.order else "-"


def _note(task: Task, place: PlaceInLine | None) -> str:
    if task.ending is not None:
        return task.ending.failure.sentence
    if task.finished:
        return ", ".join(_describe(result) for result in task.results)
    return wait_reason(task, place) or ""


def _describe(result: Result) -> str:
    """The result's key, with what may be wrong with it."""
    warnings = result.quality.warnings if result.quality else ()
    return f"{result.key} (warning: {', '.join(warnings)})" if warnings else result.key


class ProgressTable(LiveDisplay):
    """The rows on a console: redrawn in place on a terminal, else one line per change.

    A context manager; `show` takes all rows each time.
    """

    def __init__(self, console: Console, title: str) -> None:
        super().__init__(console)
        self._title = title
        self._printed: dict[str, tuple[str, str]] = {}

    def show(self, rows: Sequence[Row]) -> None:
        """Display the rows."""
        if self.redraws:
            self.redraw(build_table(rows, self._title))
            return
        for row in rows:
            if self._printed.get(row.key) != (row.state, row.note):
                self._printed[row.key] = (row.state, row.note)
                self.console.print(cell(_line(row)), soft_wrap=True)


def build_table(rows: Sequence[Row], title: str) -> Table:
    """The rows as a rich table."""
    table = Table(title=cell(title), title_justify="left", expand=False)
    for heading in ("source", "operation", "provider", "state"):
        table.add_column(heading, no_wrap=heading != "source", overflow="fold")
    table.add_column("elapsed", justify="right", no_wrap=True)
    table.add_column("result", overflow="fold")
    for row in rows:
        table.add_row(
            cell(row.source),
            cell(row.operation),
            cell(row.provider),
            cell(row.state, COLOURS.get(row.state, "dim")),
            f"{row.elapsed_s:.1f} s",
            cell(row.place or row.note),
        )
    return table


def _line(row: Row) -> str:
    columns = [
        f"{row.elapsed_s:5.1f} s",
        row.source,
        row.operation,
        row.provider,
        row.state,
        row.place or row.note,
    ]
    return "  ".join(column for column in columns if column)
