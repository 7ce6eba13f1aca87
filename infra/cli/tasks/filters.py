"""The options that narrow down many tasks: `--state`, `--code`, `--since`, `--where`."""

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, get_args

import click

from darkroom.domain.task import State

if TYPE_CHECKING:
    from darkroom.domain.task_summary import TaskSummary

_DURATION: Final = re.compile(r"(\d{1,6})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Filters:
    """Which tasks are meant; by default all.

    Attributes:
        states: any of these; empty for every state.
        codes: any of these failure codes; empty for every task.
        since: those that ended since then, or arrived since then and have not ended.
        where: metadata fields and their values as text; all must match.
    """

    states: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    since: datetime | None = None
    where: tuple[tuple[str, str], ...] = ()

    @property
    def given(self) -> bool:
        """Whether anything is left out."""
        return self != Filters()

    def accepts(self, summary: "TaskSummary") -> bool:
        """Whether the task is meant."""
        return (
            (not self.states or summary.state in self.states)
            and (not self.codes or summary.code in self.codes)
            and (self.since is None or (summary.ended_at or summary.created_at) >= self.since)
            and all(matches(summary.metadata.get(name), value) for name, value in self.where)
        )

    def select(self, summaries: "Iterable[TaskSummary]") -> "Iterator[TaskSummary]":
        """Those that are meant."""
        return filter(self.accepts, summaries)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as its argument `filters`."""

    @functools.wraps(command)
    def filtered(
        *args: Any,  # noqa: ANN401 - the command's own
        state: tuple[str, ...],
        code: tuple[str, ...],
        since: datetime | None,
        where: tuple[tuple[str, str], ...],
        **kwargs: Any,  # noqa: ANN401 - the same
    ) -> Any:  # noqa: ANN401 - the same
        filters = Filters(frozenset(state), frozenset(code), since, where)
        return command(*args, filters=filters, **kwargs)

    for option in (
        click.option(
            "--where",
            metavar="FIELD=VALUE",
            multiple=True,
            callback=_parse_where,
            help="Only tasks whose spec's metadata says so, as in sku=A-113; repeatable.",
        ),
        click.option(
            "--since",
            metavar="8h",
            callback=parse_since,
            help="Only tasks that ended within that time, or arrived and have not ended: 90s, 8h, "
            "2d, or a time such as 2026-05-01T12:00Z.",
        ),
        click.option(
            "--code", metavar="CODE", multiple=True, help="Only tasks with this failure code."
        ),
        click.option(
            "--state",
            type=click.Choice(get_args(State)),
            multiple=True,
            help="Only tasks in this state; repeatable.",
        ),
    ):
        filtered = option(filtered)
    return filtered


def matches(value: object, wanted: str) -> bool:
    """Whether a metadata value is the one that a user has typed."""
    if isinstance(value, str) or value is None:
        return value == wanted
    try:
        return bool(json.loads(wanted) == value)
    except ValueError:
        return False


def parse_since(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> datetime | None:
    """The callback of an option for a time: so long ago, or ISO 8601."""
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if found:
        return datetime.now(UTC) - timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"'{text}' is neither 8h (s, m, h, d) nor a time") from None
    return at if at.tzinfo else at.astimezone(UTC)


def _parse_where(
    _context: click.Context, _option: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"'{text}' is not FIELD=VALUE")
        pairs.append((name, value))
    return tuple(pairs)
