"""What a task's `input` may hold, and how it is checked and echoed.

The vendor echoes the input normalised: zero values for what was left out, and without what the
task does not know. Fields that name files, lists or objects are echoed only when given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "text",
    "whole",
    "number",
    "flag",
    "list",
    "object",
    "task",
    "image",
    "video",
    "audio",
    "images",
    "videos",
    "audios",
]
Value = object

ZEROES: Mapping[str, Value] = {"text": "", "whole": 0, "number": 0, "flag": False}
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "whole": int,
    "number": (int, float),
    "flag": bool,
    "object": dict,
    "list": list,
}  # every other kind is a string


class InputError(Exception):
    """The input is not valid; the message is the cause that the vendor's logs would name."""


@dataclass(frozen=True)
class Field:
    """One field of an input: `need` refuses its absence, `start` is what absence means.

    `also` is another name that it may be sent under; it is echoed under its own.
    """

    name: str
    kind: Kind
    need: bool = False
    start: Value = None
    among: tuple[Value, ...] = ()
    low: float | None = None
    high: float | None = None
    most: int | None = None
    also: str = ""


def text(name: str, start: str = "", *among: str, most: int | None = None) -> Field:
    """Declare a word or sentence, of `among` where there are such."""
    return Field(name, "text", start=start, among=among, most=most)


def whole(name: str, start: int = 0, low: float | None = None, high: float | None = None) -> Field:
    """Declare a whole number."""
    return Field(name, "whole", start=start, low=low, high=high)


def number(
    name: str, start: float = 0, low: float | None = None, high: float | None = None
) -> Field:
    """Declare a number."""
    return Field(name, "number", start=start, low=low, high=high)


def flag(name: str, *, start: bool = False) -> Field:
    """Declare a switch."""
    return Field(name, "flag", start=start)


def some(kind: Kind, *names: str) -> tuple[Field, ...]:
    """Declare optional fields of one kind."""
    return tuple(Field(name, kind) for name in names)


def need(kind: Kind, *names: str) -> tuple[Field, ...]:
    """Declare fields of one kind that must be there."""
    return tuple(Field(name, kind, need=True) for name in names)


def read_input(fields: tuple[Field, ...], raw: Mapping[str, Value]) -> dict[str, Value]:
    """Return the input as the vendor echoes it, or raise `InputError`."""
    seen: dict[str, Value] = {}
    for field in fields:
        value = raw.get(field.name) or raw.get(field.also, raw.get(field.name))
        if value is None or (value in ("", []) and field.kind not in ("flag", "whole", "number")):
            _refuse_absence(field, value)
            value = field.start if field.start is not None else ZEROES.get(field.kind)
            if value is not None:
                seen[field.name] = value
            continue
        seen[field.name] = _checked(field, value)
    return seen


def _refuse_absence(field: Field, value: Value) -> None:
    # An empty list is a way to say "none" where a list is asked for, as LoRA settings show.
    if field.need and not (field.kind == "list" and value == []):
        raise InputError(f"{field.name} is required")


def _checked(field: Field, value: Value) -> Value:
    if not _fits(field, value):
        raise InputError(f"cannot unmarshal input.{field.name}: {field.kind} expected")
    if field.among and value not in field.among:
        raise InputError(f"invalid {field.name}: must be one of {', '.join(map(str, field.among))}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_bounds(field, value)
    if field.most is not None and isinstance(value, (str, list)) and len(value) > field.most:
        raise InputError(f"invalid {field.name}: at most {field.most}")
    return value


def _fits(field: Field, value: Value) -> bool:
    if field.kind in ("images", "videos", "audios"):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if isinstance(value, bool):
        return field.kind == "flag"
    if field.kind == "whole" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, TYPES.get(field.kind, str))


def _check_bounds(field: Field, value: float) -> None:
    if field.low is not None and value < field.low:
        raise InputError(f"invalid {field.name}: must be at least {field.low:g}")
    if field.high is not None and value > field.high:
        raise InputError(f"invalid {field.name}: must be at most {field.high:g}")
