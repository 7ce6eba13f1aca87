"""Reading a provider's JSON without trusting it, and quoting its words.

What is missing raises `Unclear`: after a paid call that is the truth, and on a free call the driver
makes it `Busy`. What is there in another form than documented is taken all the same: a number in
place of a text, one object in place of a list of one, an object around a text. Every text is cut
before it is looked at, unless it may be a result itself, and no pattern is searched for in it: all
of this takes time in proportion to the length.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from darkroom.domain.attempt import Charged
from darkroom.domain.errors import Unclear
from darkroom.domain.provider_jobs import JobFailed
from darkroom.providers.adapter import Answer

QUOTED: Final = 200
"""How many characters of a provider's own words are passed on."""
LOOKED_AT: Final = 2000
"""How many of them are looked at: after addresses are taken out there may still be enough."""
MAX_ID_LENGTH: Final = 1000
"""Bytes of a job's name. It is a segment of addresses, and a key in the table."""
MAX_FIGURE_LENGTH: Final = 40
"""Characters of a number that is written as a text."""

_SCHEME: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-"
_UNPRINTABLE: Final = dict.fromkeys(
    (
        *range(0x20),
        *range(0x7F, 0xA0),
        *(0x2028, 0x2029),
        *(0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),  # turn the line around
    ),
    " ",
)
_URL_SAFE: Final = str.maketrans("-_", "+/")
_SAYING: Final = ("message", "error", "msg", "detail", "reason", "raw_message", "description")
"""Names under which an object in place of a text has the text, as the four vendors use them."""
_NAMING: Final = ("id", "task_id", "jobId", "job_id", "taskId", "file_id")


def unreadable() -> Unclear:
    """The error for an answer that lacks what it was asked for."""
    return Unclear("unreadable-answer", "The provider's answer could not be read.")


def as_object(value: object) -> Mapping[str, Any]:
    """The value as a JSON object, or `Unclear`; a list of a single object is that object."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise unreadable()
    return value


def complaint_of(answer: Answer) -> Mapping[str, Any]:
    """The object in a refusal, to quote from; empty where there is none."""
    try:
        return as_object(answer.json())
    except Unclear:
        return {}


def as_list(value: object, *, texts: bool = False) -> Sequence[Any]:
    """The value as a JSON array, or `Unclear`; an object is a list of itself, with `texts` a text.

    An empty text is none.
    """
    if isinstance(value, dict) or (texts and isinstance(value, str) and value.strip()):
        return [value]
    if not isinstance(value, list):
        raise unreadable()
    return value


def as_text(value: object) -> str:
    """The value as a text with something in it, or `Unclear`."""
    if not isinstance(value, str) or not value.strip():
        raise unreadable()
    return value


def as_id(value: object) -> str:
    """The name of a job or a file, or `Unclear`; it may be a number, or in an object of its own."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        value = next((value[name] for name in _NAMING if value.get(name)), None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    named = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    text = as_text(named).strip()
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
        raise unreadable() from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise unreadable()
    return url


def as_base64(value: object) -> str:
    """The value as clean base64 of something, or `Unclear`.

    A `data:` prefix, line breaks, the alphabet for addresses, percent signs and missing padding
    are tolerated, as clients of these providers had to.
    """
    data = _decoded(as_text(value))
    if not data:
        raise unreadable()
    return base64.b64encode(data).decode()


def flag_of(value: object) -> bool | None:
    """Yes or no, also as a word or as 1 and 0; None where the provider says neither."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value[:MAX_FIGURE_LENGTH].strip().lower())
    return bool(value) if isinstance(value, int) and value in {0, 1} else None


def number_of(value: object) -> float | None:
    """A number, also one that is written as a text; None where there is none, or no end to it."""
    if isinstance(value, str):
        try:
            value = float(value) if len(value) <= MAX_FIGURE_LENGTH else None
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


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


def quotable(said: object) -> str:
    """A provider's own words for people: one line, no addresses, no full stop, cut short."""
    text = words_of(said)[:LOOKED_AT].translate(_UNPRINTABLE)
    line = " ".join(map(_shown, text.split())).rstrip(".")
    return line if len(line) <= QUOTED else line[: QUOTED - 1].rstrip() + "…"


def words_of(said: object, deep: int = 3) -> str:
    """The text, or the one inside of an object or a list in its place; "" where there is none."""
    if isinstance(said, str):
        return said
    inner: Sequence[object] = ()
    if isinstance(said, dict):
        inner = [said[name] for name in _SAYING if said.get(name)]
    elif isinstance(said, list):
        inner = said[:3]
    found = (words_of(one, deep - 1) for one in inner if deep)
    return next((words for words in found if words.strip()), "")


def _shown(word: str) -> str:
    """A word without the address or the file in it: those are signed, or of no use to people."""
    before, mark, _ = word.partition("://")
    if mark:
        return before.rstrip(_SCHEME) + "(address)"
    before, mark, after = word.partition("data:")
    return before + "(data)" if mark and "," in after else word


def _decoded(text: str) -> bytes:
    """The bytes behind base64, or behind a data URI of either kind. Raises `Unclear`."""
    if text[:MAX_FIGURE_LENGTH].lstrip()[:5].lower() == "data:":
        head, _, text = text.partition(",")
        kind = head[:QUOTED].lower()
        if ";base64" not in kind and ("text/" in kind or "svg" in kind):
            return unquote_to_bytes(text)
    if "%" in text:
        text = unquote(text)
    text = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise unreadable() from error
