"""Times in a provider's JSON, which is not trusted."""

from datetime import UTC, datetime

from darkroom.domain.errors import Unclear
from darkroom.providers.json_fields import MAX_FIGURE_LENGTH, as_text, number_or_none

MAX_TIME_S = 1e11
"""Later than any year of a `datetime` is of use."""


def parse_time_s(value: object) -> float | None:
    """An ISO 8601 time in seconds since 1970, else None; without a time zone it is UTC."""
    try:
        time = datetime.fromisoformat(as_text(value)[:MAX_FIGURE_LENGTH])
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, Unclear):
        return None


def millis_as_s(value: object) -> float | None:
    """Milliseconds since 1970 in seconds, else None."""
    millis = number_or_none(value)
    if millis is None or not 0 <= millis / 1000 < MAX_TIME_S:
        return None
    return millis / 1000
