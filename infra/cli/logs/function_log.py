"""Reads one line of a function's log: JSON of Powertools or of Lambda's runtime, or plain text."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from infra.cli.logs.entry import Entry

MAX_TEXT: Final = 300
"""So much of a line that is not JSON is shown."""
OWN: Final = frozenset(
    {
        "at",
        "cold_start",
        "function_arn",
        "function_memory_size",
        "function_name",
        "function_request_id",
        "location",
        "logger",
        "message",
        "requestId",
        "service",
        "stackTrace",
        "timestamp",
        "xray_trace_id",
    }
)
"""Fields that say where a line is from. The time, the message and the request are shown in their
own way; a stack trace is left to the log itself."""


def parse_line(source: str, text: str, at: datetime | None = None) -> Entry | None:
    """The entry of a line that names the task; None for a line without any time.

    Args:
        source: the function.
        text: the line.
        at: when it was written, where the log says so; a time in the line, which may be more
            exact, comes first.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return Entry(at, source, text.strip()[:MAX_TEXT]) if at else None
    when = _time(found.get("at")) or at or _time(found.get("timestamp"))
    if when is None:
        return None
    request = found.get("function_request_id") or found.get("requestId")
    fields = {name: value for name, value in found.items() if name not in OWN}
    if request:
        fields["request_id"] = request
    event = str(found.get("message") or found.get("type") or "")
    return Entry(when, source, event[:MAX_TEXT], fields)


def _time(value: Any) -> datetime | None:  # noqa: ANN401 - JSON
    """Powertools writes "2026-12-01 06:01:30,648+0000", the runtime "2026-12-01T06:01:30Z"."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.replace(",", "."))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
