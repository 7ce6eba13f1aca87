"""Parses a provider's JSON within bounds: depth, number of values, and size of numbers.

What exceeds a bound is dropped and the rest is parsed: the id of a paid job must not be lost
because of other data in the response. Texts keep their length, because a result may be a text.

    bytes ──▶ text ──trim──▶ within depth and count ──parse──▶ values that DynamoDB can store

Every step takes linear time.
"""

import json
import re
from typing import Any, Final

MAX_DEPTH: Final = 16
"""Levels of objects and lists. The deepest documented response has seven; DynamoDB allows 32, and
the task around the stored values needs some of them."""
MAX_MEMBERS: Final = 10_000
"""Of one object or list; the rest of it is dropped."""
MAX_VALUES: Final = 100_000
"""Of a document; later values are dropped if they are deeper than `SHALLOW`."""
SHALLOW: Final = 2
MAX_NUMBER: Final = 10**30
MIN_NUMBER: Final = 1e-100
"""DynamoDB stores 1e-130 to 1e126, with 38 digits."""
MAX_NUMBER_LENGTH: Final = 400
"""Characters; no vendor writes more, and parsing an integer takes quadratic time."""
MAX_DIGITS: Final = 30
"""Of a whole number. A longer one may be an id, and stays a text."""

_MARK: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
"""A complete string, or a bracket or comma between strings. It never backtracks, and an unclosed
string runs to the end: one linear pass."""


def parse_json(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    """The JSON value, trimmed.

    Line breaks inside strings are accepted, and bytes that are not text become question marks.

    Raises:
        ValueError: it is not JSON.
    """
    text = body.decode(json.detect_encoding(body), "replace").removeprefix("\ufeff")
    value = json.loads(
        _trim(text),
        strict=False,
        parse_int=_parse_int,
        parse_float=_parse_float,
        parse_constant=lambda _name: None,  # NaN and Infinity are not JSON
    )
    return _storable(value)


def _trim(text: str) -> str:
    """The same text without what exceeds depth or count; brackets inside strings do not count."""
    trimmer = _Trimmer(text)
    for mark in _MARK.finditer(text):
        trimmer.feed(text[mark.start()], mark.start())
    return trimmer.result()


class _Trimmer:
    """Reads the marks of a JSON text in order and collects the parts that are kept."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._kept: list[str] = []
        self._start = 0  # start of the part that is not in `_kept` yet
        self._members: list[int] = []  # of every open object or list: its members that have ended
        self._values = 0
        self._skipped = 0  # open brackets of the part being dropped, its own included; 0: none

    def feed(self, mark: str, at: int) -> None:
        """Process one mark of the text."""
        if self._skipped:
            self._skip(mark, at)
        elif mark != '"':
            self._walk(mark, at)

    def result(self) -> str:
        """The parts that are kept."""
        if self._skipped:
            raise ValueError("a bracket is never closed")
        if not self._kept:
            return self._text
        return "".join([*self._kept, self._text[self._start :]])

    def _walk(self, mark: str, at: int) -> None:
        if mark in "[{":
            self._values += 1
            is_full = self._values > MAX_VALUES and len(self._members) >= SHALLOW
            if is_full or len(self._members) >= MAX_DEPTH:
                self._drop(at, "null")
            else:
                self._members.append(0)
        elif mark in "]}":
            if self._members:
                self._members.pop()
        elif self._members:
            self._values += 1
            self._members[-1] += 1
            is_full = self._values > MAX_VALUES and len(self._members) > SHALLOW
            if is_full or self._members[-1] >= MAX_MEMBERS:
                self._drop(at, "")

    def _drop(self, at: int, replacement: str) -> None:
        self._kept += [self._text[self._start : at], replacement]
        self._skipped = 1

    def _skip(self, mark: str, at: int) -> None:
        """Drop up to the bracket that ends the dropped value, or the list of dropped members."""
        if mark in "[{":
            self._skipped += 1
        elif mark in "]}":
            self._skipped -= 1
            if not self._skipped:
                # This bracket belongs to a dropped value; a list that is cut off still needs it.
                is_value = self._kept[-1] == "null"
                self._start = at + 1 if is_value else at
                if not is_value:
                    self._members.pop()


def _parse_int(digits: str) -> int | str | None:
    if len(digits) > MAX_NUMBER_LENGTH:
        return None
    return int(digits) if len(digits.lstrip("-")) <= MAX_DIGITS else digits


def _parse_float(digits: str) -> float | None:
    return float(digits) if len(digits) <= MAX_NUMBER_LENGTH else None


def _storable(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The value with everything replaced that UTF-8 or DynamoDB cannot hold.

    A lone surrogate becomes a question mark, a number out of bounds None or 0, and an empty name
    "_": a paid response must not be lost because it cannot be stored.
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
    """The number if DynamoDB can store it, else None or 0."""
    if not abs(number) < MAX_NUMBER:  # also NaN
        return None
    return number if abs(number) >= MIN_NUMBER else 0
