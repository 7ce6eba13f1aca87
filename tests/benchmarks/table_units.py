"""DynamoDB's units of reads and writes, from the sizes of items.

DynamoDB developer guide, "Item sizes and formats" and "Read and write operations": a write is one
unit for each kilobyte begun, a strongly consistent read one for each four kilobytes begun. An index
is written when something changes that it shows. A changed key costs two writes there, for the old
entry and the new one.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from darkroom.aws.dynamodb_indexes import INDEXES, Index

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
    for name, index in INDEXES.items():
        old, new = _entry(before or {}, index), _entry(after, index)
        if old == new:
            continue
        moved = bool(old) and _keys_of(old, index) != _keys_of(new, index)
        units[name] = (write_units(old) if moved else 0) + (write_units(new) if new else 0)
    return units


def read_units(size: int, *, consistent: bool = True) -> float:
    """Units of reading so many bytes; reading nothing costs as much as one item."""
    units = max(1, math.ceil(size / READ_BYTES))
    return units if consistent else units / 2


def _entry(item: Mapping[str, Any], index: Index) -> Mapping[str, Any]:
    """What an index shows of an item; empty if it does not show it."""
    if index.partition not in item or index.sort not in item:
        return {}
    shown = ("pk", "sk", index.partition, index.sort, *index.shows)
    return {name: item[name] for name in shown if name in item}


def _keys_of(entry: Mapping[str, Any], index: Index) -> tuple[Any, Any]:
    return entry.get(index.partition), entry.get(index.sort)


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
