"""Strict JSON: input that Python accepts but DynamoDB cannot store is refused here.

UTF-8, no duplicate or empty name, no NaN, no number out of range, limited size and depth.
"""

import json
from typing import Any, NoReturn

from darkroom.domain.errors import SpecRefused

MAX_BYTES = 256 * 1024
MAX_DEPTH = 28
"""DynamoDB stores 32 levels, and the task's item adds a few around the spec's."""
MAX_EXPONENT = 100
"""DynamoDB stores numbers from 1E-130 to 9.9E+125 (its "Data types" page)."""


def read_json(body: bytes, name: str) -> Any:  # noqa: ANN401 - JSON is whatever the file says
    """Parse a document; `name` is used in the messages.

    Raises:
        SpecRefused: `spec-too-large`, `spec-not-utf8` or `spec-not-json`.
    """
    if len(body) > MAX_BYTES:
        raise SpecRefused(
            "spec-too-large",
            f"{name} has {len(body):,} bytes; a spec may have {MAX_BYTES:,}.",
            "Put long texts into fewer fields, or images into files of their own.",
        )
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecRefused(
            "spec-not-utf8",
            f"{name} is not UTF-8 text (byte {error.start}).",
            "Save it as UTF-8.",
        ) from error
    try:
        document = _parse(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SpecRefused(
            "spec-not-json",
            f"{name} is not valid JSON: {_mistake(text, error)} at {where}.",
            "Check commas, quotes and brackets there.",
        ) from error
    except _BadJsonError as error:
        raise SpecRefused(
            "spec-not-json",
            f"{name} is not valid JSON: {error}.",
            "Correct it and upload it again.",
        ) from error
    return document


def _mistake(text: str, error: json.JSONDecodeError) -> str:
    """The usual mistake at this place; else the parser's own message."""
    around = text[max(0, error.pos - 1) : error.pos + 2]
    after = text[error.pos :].lstrip()
    if not text.strip():
        return "it is empty"
    if "//" in around or "/*" in around:
        return "comments are not allowed"
    if after.startswith(("\u201c", "\u201d", "\u2018", "\u2019", "'")):
        return 'names and texts need straight double quotes (")'
    if after.startswith(("}", "]")) and text[: error.pos].rstrip().endswith(","):
        return "there is one comma too many"
    return error.msg.lower()


class _BadJsonError(Exception):
    """JSON that Python accepts and a spec may not contain."""


def _parse(text: str) -> Any:  # noqa: ANN401 - JSON is whatever the file says
    if _depth(text) > MAX_DEPTH:
        raise _BadJsonError(f"it is nested deeper than {MAX_DEPTH} levels")
    document = json.loads(
        text,
        object_pairs_hook=_no_duplicates,
        parse_constant=_no_constant,
        parse_float=_finite,
        parse_int=_bounded_int,
    )
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _BadJsonError("it has half of a two-part character (\\ud800 to \\udfff)") from error
    return document


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if not key:  # DynamoDB takes no empty names
            raise _BadJsonError("a name is empty")
        if key in found:
            raise _BadJsonError(f"the name '{key[:80]}' appears twice")
        found[key] = value
    return found


def _no_constant(word: str) -> NoReturn:
    raise _BadJsonError(f"{word} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if abs(number) > 10.0**MAX_EXPONENT:
        raise _BadJsonError(f"the number {digits[:20]} is too large")
    if 0 < abs(number) < 10.0**-MAX_EXPONENT:
        raise _BadJsonError(f"the number {digits[:20]} is too small")
    return number


def _bounded_int(digits: str) -> int:
    if len(digits) > 30:  # noqa: PLR2004 - far above any parameter, far below Python's limit
        raise _BadJsonError(f"the number {digits[:20]}... is too large")
    return int(digits)


def _depth(text: str) -> int:
    """The nesting depth of brackets outside strings; counted before parsing, which recurses."""
    depth = deepest = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest
