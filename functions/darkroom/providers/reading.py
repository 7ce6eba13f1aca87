"""Reading a provider's JSON without trusting it, and wording its refusals.

What is missing or of the wrong type raises `Unclear`: after a paid call that is the truth, and on
a free call the driver makes it `Busy`. Statuses decide; a provider's words are only quoted.
"""

import base64
import binascii
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from darkroom.attempt import Charged
from darkroom.errors import DarkroomError, ProviderRefused, Throttled, Unclear
from darkroom.providers.protocol import Answer
from darkroom.work import JobFailed

QUOTED = 200
"""How many characters of a provider's own words are passed on."""

_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")

# Status -> stable code, sentence, next step; `{who}` is the provider, `{said}` its own words.
_REFUSALS: Mapping[int, tuple[str, str, str]] = {
    400: (
        "provider-refused",
        "{who} refused the request{said}.",
        "Correct the spec or the file, then upload the spec again.",
    ),
    401: ("bad-credentials", "{who} does not accept the key it was given.", ""),
    402: (
        "no-credits",
        "The account at {who} has too few credits for this.",
        "Add credits at {who}, then run `darkroom retry` for the task.",
    ),
    403: ("bad-credentials", "{who} does not let this key do that{said}.", ""),
    404: (
        "not-offered",
        "{who} does not offer this operation at the address in use.",
        "Check the provider's base URL in its settings.",
    ),
    405: (
        "not-offered",
        "{who} does not offer this operation at the address in use.",
        "Check the provider's base URL in its settings.",
    ),
    413: (
        "input-too-large",
        "A file is larger than {who} accepts.",
        "Make the file smaller, then upload it and the spec again.",
    ),
    415: (
        "wrong-format",
        "A file has a format that {who} does not accept{said}.",
        "Save the file as PNG or JPEG, then upload it and the spec again.",
    ),
    422: (
        "provider-refused",
        "{who} refused the request{said}.",
        "Correct the spec or the file, then upload the spec again.",
    ),
}


def refusal(who: str, status: int, said: str, retry_after_s: int | None) -> DarkroomError:
    """The error for a status that is not 2xx, as far as HTTP alone gives it a meaning."""
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return Throttled(
            "provider-busy", f"{who} asked to come back later.", retry_after_s=retry_after_s
        )
    if status in _REFUSALS:
        code, sentence, next_step = _REFUSALS[status]
        quoted = f": {said}" if said else ""
        return ProviderRefused(
            code, sentence.format(who=who, said=quoted), next_step.format(who=who)
        )
    return Unclear(
        "provider-error", f"{who} answered with error {status}; it may have taken the job."
    )


def unreadable() -> Unclear:
    """The error for an answer that lacks what it was asked for."""
    return Unclear("unreadable-answer", "The provider's answer could not be read.")


def as_object(value: object) -> Mapping[str, Any]:
    """The value as a JSON object, or `Unclear`."""
    if not isinstance(value, dict):
        raise unreadable()
    return value


def complaint_of(answer: Answer) -> Mapping[str, Any]:
    """The object in a refusal, to quote from; empty where there is none. Decides nothing."""
    try:
        body = answer.json()
    except Unclear:
        return {}
    return body if isinstance(body, dict) else {}


def as_list(value: object) -> Sequence[Any]:
    """The value as a JSON array, or `Unclear`."""
    if not isinstance(value, list):
        raise unreadable()
    return value


def as_text(value: object) -> str:
    """The value as a text with something in it, or `Unclear`."""
    if not isinstance(value, str) or not value.strip():
        raise unreadable()
    return value


def as_url(value: object) -> str:
    """The value as an absolute http or https URL, or `Unclear`."""
    url = as_text(value).strip()
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise unreadable() from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise unreadable()
    return url


def as_base64(value: object) -> str:
    """The value as clean base64 of something, or `Unclear`.

    A `data:` prefix, line breaks and missing padding are tolerated, as clients of these
    providers had to.
    """
    text = as_text(value)
    if text.lstrip().startswith("data:"):
        text = text.partition(",")[2]
    text = "".join(text.split()).rstrip("=")
    text += "=" * (-len(text) % 4)
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise unreadable() from error
    if not data:
        raise unreadable()
    return text


def progress_of(value: object) -> int | None:
    """Percent, or None where the provider says nothing that is one."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100:  # noqa: PLR2004
        return value
    return None


def credits_of(value: object) -> float | None:
    """Credits as the provider states them, or None."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) and value >= 0 else None
    return None


def job_failed(label: str, said: object, charged: Charged) -> JobFailed:
    """A job that the provider gave up, with its own words where it has any."""
    words = quotable(said)
    sentence = f"{label} could not do it" + (f": {words}." if words else ".")
    return JobFailed("job-failed", sentence, charged)


def quotable(text: object) -> str:
    """A provider's own words for people: one line, no addresses, no full stop, cut short."""
    if not isinstance(text, str):
        return ""
    line = _UNPRINTABLE.sub(" ", _URL.sub("(address)", text)).strip().rstrip(".")
    return line if len(line) <= QUOTED else line[: QUOTED - 1].rstrip() + "…"
