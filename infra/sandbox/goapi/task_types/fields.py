"""The fields of a task's `input`, and how the input is checked and echoed.

The vendor echoes the input normalized: absent fields with their zero value, unknown fields left
out. Fields for files, lists and objects are echoed only when given. The fields are data and not
pydantic models because the echo and the messages need the vendor's own kinds and order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

FieldKind = Literal[
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
    """The input is not valid; the message is the cause in the task's `logs`."""


@dataclass(frozen=True)
class Field:
    """One field of an input; `default` is the value of an absent field.

    A client may also send it under the name `alias`; it is echoed as `name`.
    """

    name: str
    kind: FieldKind
    required: bool = False
    default: Value = None
    choices: tuple[Value, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    alias: str = ""


def text(name: str, default: str = "", *choices: str, max_length: int | None = None) -> Field:
    """Declare a text field; `choices` are the allowed values, empty for any."""
    return Field(name, "text", default=default, choices=choices, max_length=max_length)


def whole(
    name: str, default: int = 0, minimum: float | None = None, maximum: float | None = None
) -> Field:
    """Declare an integer field."""
    return Field(name, "whole", default=default, minimum=minimum, maximum=maximum)


def number(
    name: str, default: float = 0, minimum: float | None = None, maximum: float | None = None
) -> Field:
    """Declare a number field."""
    return Field(name, "number", default=default, minimum=minimum, maximum=maximum)


def flag(name: str, *, default: bool = False) -> Field:
    """Declare a boolean field."""
    return Field(name, "flag", default=default)


def optional(kind: FieldKind, *names: str) -> tuple[Field, ...]:
    """Declare optional fields of one kind."""
    return tuple(Field(name, kind) for name in names)


def required(kind: FieldKind, *names: str) -> tuple[Field, ...]:
    """Declare required fields of one kind."""
    return tuple(Field(name, kind, required=True) for name in names)


def read_input(fields: tuple[Field, ...], raw: Mapping[str, Value]) -> dict[str, Value]:
    """Return the input as the vendor echoes it, or raise `InputError`."""
    normalized: dict[str, Value] = {}
    for field in fields:
        value = raw.get(field.name) or raw.get(field.alias, raw.get(field.name))
        if value is None or (value in ("", []) and field.kind not in ("flag", "whole", "number")):
            _check_absence(field, value)
            value = field.default if field.default is not None else ZEROES.get(field.kind)
            if value is not None:
                normalized[field.name] = value
            continue
        normalized[field.name] = _check(field, value)
    return normalized


def _check_absence(field: Field, value: Value) -> None:
    # An empty list is a valid value of a required list, as the LoRA settings show.
    if field.required and not (field.kind == "list" and value == []):
        raise InputError(f"{field.name} is required")


def _check(field: Field, value: Value) -> Value:
    if not _has_kind(field, value):
        raise InputError(f"cannot unmarshal input.{field.name}: {field.kind} expected")
    if field.choices and value not in field.choices:
        raise InputError(
            f"invalid {field.name}: must be one of {', '.join(map(str, field.choices))}"
        )
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_bounds(field, value)
    if (
        field.max_length is not None
        and isinstance(value, (str, list))
        and len(value) > field.max_length
    ):
        raise InputError(f"invalid {field.name}: at most {field.max_length}")
    return value


def _has_kind(field: Field, value: Value) -> bool:
    if field.kind in ("images", "videos", "audios"):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if isinstance(value, bool):
        return field.kind == "flag"
    if field.kind == "whole" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, TYPES.get(field.kind, str))


def _check_bounds(field: Field, value: float) -> None:
    if field.minimum is not None and value < field.minimum:
        raise InputError(f"invalid {field.name}: must be at least {field.minimum:g}")
    if field.maximum is not None and value > field.maximum:
        raise InputError(f"invalid {field.name}: must be at most {field.maximum:g}")
