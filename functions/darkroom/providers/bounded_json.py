"""A provider's JSON, read within bounds: depth, count and numbers are cut before it is built.

What is beyond them is left out and the rest is read: the name of a paid job must not be lost
because of what stands beside it. Texts keep their length, because a result may be one.

    bytes ──▶ text ──trim──▶ no deeper, no longer than this ──parse──▶ what the table can hold

Every step takes time in proportion to the length.
"""

import json
import re
from typing import Any, Final

MAX_DEPTH: Final = 16
"""Levels of objects and lists. The deepest documented answer has seven; the table takes 32, and
the task is around what goes there."""
MAX_MEMBERS: Final = 10_000
"""Of one object or list; the rest of it is left out."""
MAX_VALUES: Final = 100_000
"""Of a document; what comes later is left out where it is deeper than `SHALLOW`."""
SHALLOW: Final = 2
MAX_NUMBER: Final = 10**30
MIN_NUMBER: Final = 1e-100
"""The table takes 1e-130 to 1e126, with 38 digits."""
MAX_NUMBER_LENGTH: Final = 400
"""Characters; nobody writes more digits, and an integer's take time with their square."""
MAX_DIGITS: Final = 30
"""Of a whole number. A longer one, which may be a name, stays as the text that it was."""

_MARK: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
"""A whole text, or a mark between texts. What it has taken it never gives back, and a text that is
not closed goes to the end: so it goes over everything once."""


def read_document(body: bytes) -> Any:  # noqa: ANN401 - JSON is whatever the provider says
    """The JSON value, trimmed.

    Line breaks inside of texts are let pass, and bytes that are no text become question marks.

    Raises:
        ValueError: it is no JSON.
    """
    text = body.decode(json.detect_encoding(body), "replace").removeprefix("\ufeff")
    value = json.loads(
        _trimmed(text),
        strict=False,
        parse_int=_whole,
        parse_float=_real,
        parse_constant=lambda _name: None,  # NaN and Infinity are no JSON and no figures
    )
    return _storable(value)


def _trimmed(text: str) -> str:
    """The same text without what is too deep or too much; brackets inside of texts count not."""
    trim = _Trim(text)
    for mark in _MARK.finditer(text):
        trim.take(text[mark.start()], mark.start())
    return trim.rest()


class _Trim:
    """Walks over the marks of a JSON text and notes which parts of it stay."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._kept: list[str] = []
        self._from = 0  # where the part begins that is not in `_kept` yet
        self._members: list[int] = []  # of every open object or list, how many have ended
        self._values = 0
        self._skipped = 0  # open brackets of what is left out, this one included; 0: nothing is

    def take(self, mark: str, at: int) -> None:
        """One mark of the text."""
        if self._skipped:
            self._skip(mark, at)
        elif mark != '"':
            self._walk(mark, at)

    def rest(self) -> str:
        """All that stays."""
        if self._skipped:
            raise ValueError("a bracket is never closed")
        if not self._kept:
            return self._text
        return "".join([*self._kept, self._text[self._from :]])

    def _walk(self, mark: str, at: int) -> None:
        if mark in "[{":
            self._values += 1
            crowded = self._values > MAX_VALUES and len(self._members) >= SHALLOW
            if crowded or len(self._members) >= MAX_DEPTH:
                self._leave_out(at, "null")
            else:
                self._members.append(0)
        elif mark in "]}":
            if self._members:
                self._members.pop()
        elif self._members:
            self._values += 1
            self._members[-1] += 1
            crowded = self._values > MAX_VALUES and len(self._members) > SHALLOW
            if crowded or self._members[-1] >= MAX_MEMBERS:
                self._leave_out(at, "")

    def _leave_out(self, at: int, instead: str) -> None:
        self._kept += [self._text[self._from : at], instead]
        self._skipped = 1

    def _skip(self, mark: str, at: int) -> None:
        """Until the bracket that closes what is left out, or around the members left out."""
        if mark in "[{":
            self._skipped += 1
        elif mark in "]}":
            self._skipped -= 1
            if not self._skipped:
                # Of a value that is left out this bracket goes, too; a full list still needs it.
                whole = self._kept[-1] == "null"
                self._from = at + 1 if whole else at
                if not whole:
                    self._members.pop()


def _whole(digits: str) -> int | str | None:
    if len(digits) > MAX_NUMBER_LENGTH:
        return None
    return int(digits) if len(digits.lstrip("-")) <= MAX_DIGITS else digits


def _real(digits: str) -> float | None:
    return float(digits) if len(digits) <= MAX_NUMBER_LENGTH else None


def _storable(value: Any) -> Any:  # noqa: ANN401 - JSON is whatever the provider says
    """The value with what UTF-8 or DynamoDB cannot hold replaced: it must not cost a paid answer.

    A half of a two-part character becomes a question mark, a number beyond bounds becomes None or
    nought, a name without a letter gets one.
    """
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case bool() | None:
            return value
        case int() | float():
            return _bounded(value)
        case list():
            return [_storable(inner) for inner in value]
        case dict():
            return {str(_storable(name)) or "_": _storable(inner) for name, inner in value.items()}
        case _:
            return value


def _bounded(number: float) -> float | None:
    """The same kind of number where the table takes it."""
    if not abs(number) < MAX_NUMBER:  # also what is no number at all
        return None
    return number if abs(number) >= MIN_NUMBER else 0
