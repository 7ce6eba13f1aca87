"""Typed access to a provider's JSON, which is not trusted; and quotes from it.

Functions named `as_...` raise `Unclear` for a missing value: after a paid call that is the truth,
and on a free call the driver turns it into `Busy`. Functions named `..._or_none` return None. A
value in another form than documented is accepted: a number for a text, one object for a list of
one, an object around a text. Every text is cut before it is read, unless it may be a result itself,
and no regular expression runs over it: everything here takes linear time.
"""

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from darkroom.domain.attempt import Charged
from darkroom.domain.errors import Unclear
from darkroom.domain.provider_jobs import JobFailed
from darkroom.providers.adapter import Response

MAX_QUOTED: Final = 200
"""Characters of a provider's own words that are quoted."""
MAX_TEXT_READ: Final = 2000
"""Characters that are read for a quote: URLs are removed from it, and enough should be left."""
MAX_ID_LENGTH: Final = 1000
"""Bytes of a job's id. It becomes a segment of URLs, and a key in the table."""
MAX_FIGURE_LENGTH: Final = 40
"""Characters of a number that is written as a text."""

_SCHEME: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-"
_UNPRINTABLE: Final = dict.fromkeys(
    (
        *range(0x20),
        *range(0x7F, 0xA0),
        *(0x2028, 0x2029),
        *(
            0x200E,
            0x200F,
            *range(0x202A, 0x202F),
            *range(0x2066, 0x206A),
        ),  # change the direction of the text
    ),
    " ",
)
_URL_SAFE: Final = str.maketrans("-_", "+/")
_TEXT_FIELDS: Final = ("message", "error", "msg", "detail", "reason", "raw_message", "description")
"""Fields with the text of an object that stands for a text, as the four vendors use them."""
_ID_FIELDS: Final = ("id", "task_id", "jobId", "job_id", "taskId", "file_id")


def unreadable_response() -> Unclear:
    """The error for a response without the expected value."""
    return Unclear("unreadable-answer", "The provider's answer could not be read.")


def as_object(value: object) -> Mapping[str, Any]:
    """The value as a JSON object, or `Unclear`; a list of a single object is that object."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise unreadable_response()
    return value


def error_body(response: Response) -> Mapping[str, Any]:
    """The JSON object of an error response, to quote from; empty if there is none."""
    try:
        return as_object(response.json())
    except Unclear:
        return {}


def as_list(value: object, *, texts: bool = False) -> Sequence[Any]:
    """The value as a JSON array, or `Unclear`; a single object counts as a list of one.

    With `texts`, so does a single text that is not blank.
    """
    if isinstance(value, dict) or (texts and isinstance(value, str) and value.strip()):
        return [value]
    if not isinstance(value, list):
        raise unreadable_response()
    return value


def as_text(value: object) -> str:
    """The value as a text that is not blank, or `Unclear`."""
    if not isinstance(value, str) or not value.strip():
        raise unreadable_response()
    return value


def as_id(value: object) -> str:
    """The id of a job or a file, or `Unclear`; it may be a number, or inside an object."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        value = next((value[name] for name in _ID_FIELDS if value.get(name)), None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    written = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    text = as_text(written).strip()
    if len(text.encode()) > MAX_ID_LENGTH:
        raise Unclear("unreadable-answer", "The provider gave the job a name too long to be kept.")
    return text


def as_url(value: object) -> str:
    """The value as an absolute http or https URL, or `Unclear`; it may be an object's `url`."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        value = value.get("url")
    url = as_text(value).strip()
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise unreadable_response() from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise unreadable_response()
    return url


def as_base64(value: object) -> str:
    """The value as canonical base64 of at least one byte, or `Unclear`.

    A `data:` prefix, line breaks, the URL-safe alphabet, percent-encoding and missing padding are
    accepted, because clients of these providers have met them.
    """
    data = _decode(as_text(value))
    if not data:
        raise unreadable_response()
    return base64.b64encode(data).decode()


def bool_or_none(value: object) -> bool | None:
    """True or false, also as a word or as 1 and 0; else None."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value[:MAX_FIGURE_LENGTH].strip().lower())
    return bool(value) if isinstance(value, int) and value in {0, 1} else None


def number_or_none(value: object) -> float | None:
    """A finite number, also one that is written as a text; else None."""
    if isinstance(value, str):
        try:
            value = float(value) if len(value) <= MAX_FIGURE_LENGTH else None
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def progress_or_none(value: object) -> int | None:
    """A whole number of percent, 0 to 100; else None."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100:  # noqa: PLR2004
        return value
    return None


def credits_or_none(value: object) -> float | None:
    """Credits, not negative; else None."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) and value >= 0 else None
    return None


def contains(messages: Iterable[object], words: Sequence[str]) -> bool:
    """Whether a message, or the first text inside it, contains any of these; in lower case."""
    texts = [find_text(message)[:MAX_TEXT_READ].casefold() for message in messages]
    return any(word in text for text in texts for word in words)


def content_refused(label: str, message: object, charged: Charged) -> JobFailed:
    """A job that its provider ended because of what a picture shows, or a text asks for."""
    sentence = f"{label} refused the content: {quotable(message)}."
    return JobFailed("content-refused", sentence, charged)


def job_failed(label: str, message: object, charged: Charged) -> JobFailed:
    """A job that failed at the provider, with the provider's message if there is one."""
    words = quotable(message)
    sentence = f"{label} could not do it" + (f": {words}." if words else ".")
    return JobFailed("job-failed", sentence, charged)


def quotable(message: object) -> str:
    """A provider's message for users: one line, without URLs and full stop, cut short."""
    text = find_text(message)[:MAX_TEXT_READ].translate(_UNPRINTABLE)
    line = " ".join(map(_redact_url, text.split())).rstrip(".")
    return line if len(line) <= MAX_QUOTED else line[: MAX_QUOTED - 1].rstrip() + "…"


def find_text(value: object, depth: int = 3) -> str:
    """The text, or the first one inside an object or a list; "" if there is none."""
    if isinstance(value, str):
        return value
    inner: Sequence[object] = ()
    if isinstance(value, dict):
        inner = [value[name] for name in _TEXT_FIELDS if value.get(name)]
    elif isinstance(value, list):
        inner = value[:3]
    found = (find_text(one, depth - 1) for one in inner if depth)
    return next((words for words in found if words.strip()), "")


def _redact_url(word: str) -> str:
    """A word without a URL or a data URI in it: a URL may be signed, and data means nothing."""
    before, mark, _ = word.partition("://")
    if mark:
        return before.rstrip(_SCHEME) + "(address)"
    before, mark, after = word.partition("data:")
    return before + "(data)" if mark and "," in after else word


def _decode(text: str) -> bytes:
    """The bytes of base64, or of a data URI in base64 or percent-encoding. Raises `Unclear`."""
    if text[:MAX_FIGURE_LENGTH].lstrip()[:5].lower() == "data:":
        head, _, text = text.partition(",")
        kind = head[:MAX_QUOTED].lower()
        if ";base64" not in kind and ("text/" in kind or "svg" in kind):
            return unquote_to_bytes(text)
    if "%" in text:
        text = unquote(text)
    text = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise unreadable_response() from error
