"""Times as providers write them, in seconds since 1970; no clock is read here."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from darkroom.errors import Unclear
from darkroom.providers.protocol import Answer
from darkroom.providers.reading import as_text


def time_s_of(value: object) -> float | None:
    """An ISO 8601 time in seconds since 1970, or None; UTC where it does not say otherwise."""
    try:
        time = datetime.fromisoformat(as_text(value))
    except (ValueError, Unclear):
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def date_s_of(answer: Answer) -> float | None:
    """When the provider answered, by its own clock, in seconds since 1970 (RFC 9110, 6.6.1)."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return None
