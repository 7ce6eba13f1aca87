"""The screen of a batch: a bar, the totals, the failures by reason; or plain lines.

Only displays; reads no store. On a terminal it is redrawn in place and never higher than the
terminal. Names and reasons have lines of their own, so that 80 columns are enough for both.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from infra.cli.batch.totals import PHASES, count_tasks
from infra.cli.live import LiveDisplay
from infra.cli.printing import cell, escape
from infra.cli.target import LOCAL
from infra.cli.tasks.progress import COLOURS

if TYPE_CHECKING:
    from darkroom.domain.task_summary import TaskSummary
    from infra.cli.batch.totals import FailureGroup, Phase, Totals

LINE_EVERY_S: Final = 10.0
"""Without a terminal: how often a line says how far it is."""
MAX_ROWS: Final = 200
"""How many unfinished tasks may be shown; a terminal has fewer lines."""
RATE_WINDOW_S: Final = 120.0
"""Over which time rich measures the rate."""
_FRAME_LINES: Final = 4
_GROUP_LINES: Final = 3
MIN_LINES: Final = 10
MAX_BUDGETS: Final = 3
"""So many budgets are shown while the batch is followed."""


@dataclass(frozen=True)
class Reading:
    """The batch at one moment; `unread` and `settling` as in `Totals`, `budgets` as sentences."""

    summaries: "Sequence[TaskSummary]" = ()
    unread: int = 0
    settling: int = 0
    environment: str = LOCAL
    budgets: Sequence[str] = ()
    totals: "Totals" = field(init=False)

    def __post_init__(self) -> None:
        totals = count_tasks(self.summaries, self.unread, self.settling, self.environment)
        object.__setattr__(self, "totals", totals)

    @property
    def ended(self) -> bool:
        """Whether nothing goes on now: everything has ended, or is held."""
        return self.totals.ended + self.totals.on_hold == self.totals.total

    @property
    def waits_for(self) -> "Sequence[TaskSummary]":
        """Those that wait for files, where nothing else is left that goes on by itself."""
        waiting = [each for each in self.summaries if each.state == "waiting"]
        left = self.totals.total - self.totals.ended - self.totals.on_hold
        return waiting if len(waiting) == left else []


class BatchScreen(LiveDisplay):
    """A batch on a console; a context manager, and `show` takes each reading.

    Args:
        console: where to.
        name: what users call the batch: the folder or key.
        environment: for the commands that are shown.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        console: Console,
        name: str,
        environment: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(console)
        self._name = name
        self._environment = environment
        self._clock = clock
        self._printed_at = -LINE_EVERY_S
        self._printed: set[str] = set()
        self._progress = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("ended,"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            get_time=clock,
            speed_estimate_period=RATE_WINDOW_S,
            auto_refresh=False,
        )
        self._bar: TaskID | None = None

    def show(self, reading: Reading) -> None:
        """Display a reading."""
        self._advance(reading.totals)
        if self.redraws:
            self.redraw(self.render(reading))
            return
        for summary in reading.summaries:
            if PHASES[summary.state] in ("failed", "held"):
                self._print_once(summary)
        for summary in reading.waits_for:
            self._print_once(summary)
        now = self._clock()
        if now - self._printed_at >= LINE_EVERY_S or reading.ended:
            self._printed_at = now
            self._print(self._line(reading.totals))

    def render(self, reading: Reading) -> RenderableType:
        """The whole screen, at most as high as the console."""
        totals, room = reading.totals, max(self.console.height, MIN_LINES) - _FRAME_LINES
        parts: list[RenderableType] = [
            cell(f"{self._name} in {self._environment}", "bold"),
            self._progress,
            _phases(totals),
            *(cell(_fit(line, self.console.width), "dim") for line in _money(reading)),
        ]
        room -= len(_money(reading))
        if totals.notes:
            parts.append(cell(_fit(", ".join(totals.notes), self.console.width), "yellow"))
            room -= 1
        groups = totals.failures[: room // (2 * _GROUP_LINES)] if room else []
        for group in groups:
            parts += self._group(group)
        room -= _GROUP_LINES * len(groups)
        hidden = len(totals.failures) - len(groups)
        if hidden > 0:
            parts.append(cell(f"and {hidden} more reasons", "dim"))
            room -= 1
        parts += _rows(reading.summaries, room, self.console.width)
        return Group(*parts)

    def _advance(self, totals: "Totals") -> None:
        if self._bar is None:
            # What has ended before is no measure of the rate.
            self._bar = self._progress.add_task(
                "", total=totals.total, completed=totals.ended, rate=""
            )
        self._progress.update(self._bar, total=totals.total, completed=totals.ended)
        self._progress.update(self._bar, rate=self._rate())

    def _rate(self) -> str:
        speed = self._progress.tasks[0].speed
        if not speed:
            return ""
        return f"{speed:.1f} a second," if speed >= 1 else f"{speed * 60:.1f} a minute,"

    def _group(self, group: "FailureGroup") -> list[RenderableType]:
        colour = COLOURS["failed"]
        head = f"{group.count:,} x {group.code}, such as {_name(group.example)}"
        width = self.console.width
        return [
            cell(_fit(head, width), colour),
            cell(_fit(f"  {group.example.reason}", width)),
            cell(_fit(f"  {group.command(self._name, self._environment)}", width), "bold"),
        ]

    def _line(self, totals: "Totals") -> str:
        left = self._progress.tasks[0].time_remaining
        parts = [f"{totals.ended:,} of {totals.total:,} ended: {totals.text}"]
        parts += [f"spent {totals.cost.text}"] if totals.cost.credits else []
        parts += [rate.rstrip(",")] if (rate := self._rate()) else []
        parts += [f"about {left:,.0f} s left"] if left and totals.ended < totals.total else []
        return "; ".join(parts)

    def _print_once(self, summary: "TaskSummary") -> None:
        if summary.task_id not in self._printed:
            self._printed.add(summary.task_id)
            code = f" ({summary.code})" if summary.code else ""
            self._print(f"{summary.state}: {_name(summary)}: {summary.reason}{code}")

    def _print(self, line: str) -> None:
        self.console.print(cell(line), soft_wrap=True)


def _phases(totals: "Totals") -> Text:
    colours: dict[Phase, str] = {
        "done": "green",
        "running": "cyan",
        "waiting": "yellow",
        "failed": "red",
        "held": "red",
        "cancelled": "magenta",
    }
    line = Text()
    for phase, colour in colours.items():
        number = totals.phases.get(phase, 0)
        if number or phase != "cancelled":
            line.append(f"{number:,} {phase}  ", style=colour if number else "dim")
    return line


def _money(reading: Reading) -> list[str]:
    """What was spent, and the budgets that it counts against."""
    spent = [f"spent: {reading.totals.cost.text}"] if reading.totals.cost.credits else []
    return [*spent, *reading.budgets[:MAX_BUDGETS]]


def _rows(summaries: "Sequence[TaskSummary]", room: int, width: int) -> list[RenderableType]:
    """The unfinished tasks, at most `room` lines: running ones first, then why others wait."""
    open_ = [each for each in summaries if not each.finished]
    open_.sort(key=lambda each: (PHASES[each.state] != "running", each.created_at))
    rows: list[RenderableType] = []
    for each in open_[:MAX_ROWS]:
        lines = 2 if each.reason else 1
        if len(rows) + lines > room:
            break
        who = f"{each.operation or '-'} by {each.provider or '-'}"
        name = _fit_name(_name(each), width - len(each.state) - len(who) - 4)
        rows.append(cell(_fit(f"{each.state}  {name}  {who}", width), COLOURS[each.state]))
        if each.reason:
            rows.append(cell(_fit(f"  {each.reason}", width), "dim"))
    return rows


def _name(summary: "TaskSummary") -> str:
    """The photo, with its label if it has one; else the spec."""
    stem = summary.key.removesuffix(".json")
    return stem.removesuffix(f".{summary.operation}") or summary.task_id


def _fit(text: str, width: int) -> str:
    text = escape(text)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _fit_name(name: str, width: int) -> str:
    """A key's end says more than its beginning."""
    width = max(width, 20)
    return name if len(name) <= width else f"...{name[3 - width :]}"
