"""One line about a task, and how lines of different sources are put in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from infra.cli.printing import escape

SOURCE_WIDTH: Final = 9
HIDDEN: Final = frozenset({"task_id", "state", "was", "request_id", "level"})
"""Fields that the text leaves out: the event says it already, or it helps programs alone."""


@dataclass(frozen=True)
class Entry:
    """Something that happened to a task.

    Attributes:
        at: when, UTC.
        source: the function, `run` for the workflow's own record, or `table` for the task's item.
        event: what happened, in a few words.
        fields: facts worth printing.
    """

    at: datetime
    source: str
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def time_text(self) -> str:
        """As in "2026-12-01 06:01:30.332"; UTC."""
        return f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]

    @property
    def line(self) -> str:
        """The entry as text on one line, escaped."""
        facts = "".join(
            f" {name}={_text(value)}"
            for name, value in self.fields.items()
            if name not in HIDDEN or (name == "level" and value not in ("INFO", None))
        )
        return escape(
            f"{self.time_text}  {self.source:<{SOURCE_WIDTH}}{self.event} {facts}".rstrip()
        )

    def as_dict(self) -> dict[str, Any]:
        """The entry as `--json` prints it."""
        at = self.at.astimezone(UTC).isoformat(timespec="milliseconds")
        return {**self.fields, "at": at, "source": self.source, "event": self.event}


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """The entries by time; those of one moment stay as they are."""
    return sorted(entries, key=lambda entry: entry.at)


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, float):
        return f"{value:.10g}"
    text = str(value)
    return f'"{text}"' if " " in text else text
