"""Times as providers write them, in seconds since 1970; no clock is read here."""

from datetime import UTC, datetime

from darkroom.domain.errors import Unclear
from darkroom.providers.untrusted_json import MAX_FIGURE_LENGTH, as_text


def time_s_of(value: object) -> float | None:
    """An ISO 8601 time in seconds since 1970, or None; UTC where it does not say otherwise."""
    try:
        time = datetime.fromisoformat(as_text(value)[:MAX_FIGURE_LENGTH])
    except (ValueError, Unclear):
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
