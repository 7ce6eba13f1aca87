"""DynamoDB's units of reads and writes, from the sizes of items.

DynamoDB developer guide, "Item sizes and formats" and "Read and write operations": a write is one
unit for each kilobyte begun, a strongly consistent read one for each four kilobytes begun. An index
is written with every item that it shows: all of them show whole items here. A changed key costs two
writes there, for the old entry and the new one.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from tests.fakes.moto_aws import INDEXES

WRITE_BYTES: Final = 1024
READ_BYTES: Final = 4096
_NESTED_BYTES: Final = 3
"""A list or a map, and one byte more for each of its elements."""


def item_bytes(item: Mapping[str, Any]) -> int:
    """The size of an item: its attributes' names and values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def write_units(item: Mapping[str, Any]) -> int:
    """Units of writing the item to the table itself."""
    return math.ceil(item_bytes(item) / WRITE_BYTES)


def index_write_units(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, int]:
    """Index -> its units, as it follows a write of the table; `before` is None for a new item."""
    units = {}
    for name, keys in INDEXES.items():
        old = _entry_key(before or {}, keys)
        new = _entry_key(after, keys)
        moved = write_units(before or {}) if old is not None and old != new else 0
        written = write_units(after) if new is not None else 0
        if moved + written:
            units[name] = moved + written
    return units


def read_units(size: int, *, consistent: bool = True) -> float:
    """Units of reading so many bytes; reading nothing costs as much as one item."""
    units = max(1, math.ceil(size / READ_BYTES))
    return units if consistent else units / 2


def _entry_key(item: Mapping[str, Any], keys: tuple[str, str]) -> tuple[Any, Any] | None:
    """Where an index has the item; None if it does not show it."""
    partition, sort = keys
    return (item[partition], item[sort]) if partition in item and sort in item else None


def _value_bytes(value: Any) -> int:
    match value:
        case None | bool():
            return 1
        case str():
            return len(value.encode())
        case int() | float() | Decimal():
            digits = len(str(value).strip("-0.").replace(".", ""))
            return math.ceil(digits / 2) + 1
        case Mapping():
            return _NESTED_BYTES + len(value) + item_bytes(value)
        case list() | tuple():
            return _NESTED_BYTES + len(value) + sum(map(_value_bytes, value))
    raise TypeError(f"{type(value).__name__} has no size in DynamoDB")
