"""Patches that make DynamoDB's calls faster and change none of their results.

moto looks up each part of a stored value under every possible name, sorts the whole table for each
query, and computes sizes again and again. Reading one task took longer than everything else that
its request does.
"""

# ruff: noqa: ANN401 - the arguments are moto's own objects, which have no types

import base64
import copy
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from moto.core.parse import BaseJSONParser
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb import responses as dynamodb_responses
from moto.dynamodb.comparisons import OpDefault, get_filter_expression
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import bytesize

from infra.local.moto_patches.patch import Patch, around

VALUE: Final = "AttributeValue"
MAX_ITEM_BYTES: Final = 405_000
"""moto's own limit, between the documented one and the one that AWS applies."""
_AS_THEY_ARE: Final = frozenset({"S", "N", "BOOL", "NULL", "SS", "NS"})


def patches() -> Iterator[Patch]:
    """The patches, in the order in which a request meets them."""
    yield around(BaseJSONParser, "_parse_structure", _parse_value)
    yield Patch(Item, "__init__", _make_item)
    yield Patch(DynamoType, "size", _size)
    yield Patch(DynamoType, "to_regular_json", _to_regular_json)
    yield Patch(DynamoType, "__deepcopy__", _copy)
    yield around(Table, "query", _query())
    yield around(dynamodb_responses, "dynamo_to_dict", _to_dict)
    yield around(BaseJSONSerializer, "_serialize_type_structure", _serialize_value)


def _parse_value(original: Callable[..., Any], parser: Any, shape: Any, value: Any) -> Any:
    """Moto asks each value of a request for all ten types."""
    if shape.name == VALUE and parser.MAP_TYPE is dict and type(value) is dict and len(value) == 1:
        [(kind, held)] = value.items()
        if kind in _AS_THEY_ARE and held is not None:
            return {kind: held}
        if kind == "L" and type(held) is list:
            return {kind: [parser._parse_structure(shape, one) for one in held]}  # noqa: SLF001
        if kind == "M" and type(held) is dict:
            return {
                kind: {
                    name: parser._parse_structure(shape, one)  # noqa: SLF001
                    for name, one in held.items()
                }
            }
    return original(parser, shape, value)


def _make_item(item: Any, hash_key: Any, range_key: Any, attrs: dict[str, Any]) -> None:
    """Moto computes the size of the whole item again for each attribute."""
    item.hash_key = hash_key
    item.range_key = range_key
    item.attrs = LimitedSizeDict()
    for name, value in attrs.items():
        dict.__setitem__(item.attrs, name, DynamoType(value))
    if item.size() > MAX_ITEM_BYTES:
        raise ItemSizeTooLarge


def _size(value: Any) -> int:
    """Moto makes a copy of each member of a map and of a set to compute its size."""
    held = value.value
    if value.is_map():
        return sum(bytesize(name) + _as_value(one).size() for name, one in held.items())
    if value.is_list():
        return sum(one.size() for one in held)
    if value.is_set():
        number = value.type[0] == "N"
        return sum(len(str(one)) if number else bytesize(one) for one in held)
    if value.is_number():
        return len(str(held))
    return 1 if isinstance(held, bool) else bytesize(held)


def _as_value(part: Any) -> Any:
    return part if isinstance(part, DynamoType) else DynamoType(part)


def _to_regular_json(value: Any) -> dict[str, Any]:
    """Moto copies a value as a whole, and then each of its parts again."""
    held = value.value
    if isinstance(held, dict):
        return {value.type: {name: _regular(one) for name, one in held.items()}}
    if isinstance(held, list):
        return {value.type: [_regular(one) for one in held]}
    if value.is_binary() and isinstance(held, str):
        held = base64.b64decode(held)
    return {value.type: held}


def _regular(part: Any) -> Any:
    return part.to_regular_json() if isinstance(part, DynamoType) else copy.deepcopy(part)


def _copy(value: Any, memo: dict[int, Any]) -> Any:
    """Moto looks for cycles in a value, which has none."""
    copied = DynamoType.__new__(DynamoType)
    copied.type = value.type
    held = value.value
    if value.is_map():
        copied.value = {name: _copy_part(one, memo) for name, one in held.items()}
    elif isinstance(held, list):
        copied.value = [_copy_part(one, memo) for one in held]
    else:
        copied.value = held
    return copied


def _copy_part(part: Any, memo: dict[int, Any]) -> Any:
    return _copy(part, memo) if type(part) is DynamoType else copy.deepcopy(part, memo)


def _query() -> Callable[..., Any]:
    """Moto sorts all items of the table, and then takes those that have the key.

    Of an index that does not show whole items it copies and converts whole items too, and
    ends a page by their sizes. Here a page ends by the sizes of what the index shows, as on AWS.
    """
    signature = inspect.signature(Table.query)

    def query(original: Callable[..., Any], table: Any, *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(table, *args, **kwargs).arguments
        if given.get("index_name"):
            conditions = dict(given.get("hash_key_conditions") or ())
            items = _find_by_attributes(table, conditions)
            shown = _shown_attributes(table, given)
            if shown:
                entries = [_make_entry(item, shown) for item in items]
                return original(_PartOfIndex(table, entries), *args, **kwargs)
        else:
            items = _find_by_key(table, given["hash_key"])
        return original(_PartOfTable(table, items), *args, **kwargs)

    return query


class _PartOfTable:
    """A table of some items; a query sorts its results itself."""

    def __init__(self, table: Any, items: list[Any]) -> None:
        self._table = table
        self._items = items

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def all_items(self) -> list[Any]:
        return self._items


class _PartOfIndex(_PartOfTable):
    """The same of an index; the items have only what it shows."""

    def get_index(self, _name: str) -> Any:
        return _SHOWS_ALL


class _ShowsAll:
    """An index whose items need not be projected."""

    def project(self, item: Any) -> Any:
        return item


_SHOWS_ALL: Final = _ShowsAll()
_NO_FILTER: Final = get_filter_expression(None, None, None)


def _shown_attributes(table: Any, given: dict[str, Any]) -> list[str]:
    """What the index shows; empty if it is everything, or if something else is filtered by."""
    index = table.get_index(given["index_name"]) if _has_index(table, given) else None
    unfiltered = isinstance(given.get("filter_expression") or _NO_FILTER, OpDefault)
    if index is None or not unfiltered or given.get("filter_kwargs"):
        return []
    kind = (index.projection or {}).get("ProjectionType")
    keys = [*index.table_key_attrs, *index.schema_key_attrs]
    if kind == "INCLUDE":
        return [*keys, *index.projection.get("NonKeyAttributes", [])]
    return keys if kind == "KEYS_ONLY" else []


def _has_index(table: Any, given: dict[str, Any]) -> bool:
    return any(index.name == given["index_name"] for index in table.all_indexes())


class _Entry(Item):
    """What an index shows of an item. It is made for one query, so moto need not copy it.

    Its values are those of the item, and nothing that answers a query changes one.
    """

    def __deepcopy__(self, _memo: dict[int, Any]) -> "_Entry":
        return self


def _make_entry(item: Any, shown: list[str]) -> Any:
    entry: Any = _Entry.__new__(_Entry)
    entry.hash_key, entry.range_key = item.hash_key, item.range_key
    entry.attrs = LimitedSizeDict()
    for name in shown:
        if name in item.attrs:
            dict.__setitem__(entry.attrs, name, item.attrs[name])
    return entry


def _find_by_key(table: Any, hash_key: Any) -> list[Any]:
    # Not with []: the table's items are a dict that adds what it lacks.
    found = table.items.get(hash_key)
    if found is None:
        return []
    return list(found.values()) if table.range_key_attr else [found]


def _find_by_attributes(table: Any, conditions: dict[str, Any]) -> list[Any]:
    wanted = [(name, value.type, value.value) for name, value in conditions.items()]
    if any(kind != "S" for _, kind, _ in wanted):
        return list(table.all_items())
    sets = table.items.values()
    items: Iterable[Any] = sets
    if table.range_key_attr:
        items = itertools.chain.from_iterable(held.values() for held in sets)
    if len(wanted) == 1:
        # Each query of an index looks at every item, so this is most of its time.
        [(name, _, text)] = wanted
        return [
            item
            for item in items
            if (held := item.attrs.get(name)) is not None
            and held.value == text
            and held.type == "S"
        ]
    return [
        item
        for item in items
        if all(
            (held := item.attrs.get(name)) is not None and held.type == kind and held.value == value
            for name, kind, value in wanted
        )
    ]


def _to_dict(original: Callable[[Any], Any], part: Any) -> Any:
    """Moto tries to convert every text and every number too."""
    if type(part) is DynamoType:
        if part.type in _AS_THEY_ARE:
            return {part.type: part.value}
        if part.type == "M":
            return {"M": {name: _to_dict(original, one) for name, one in part.value.items()}}
        if part.type == "L":
            return {"L": [_to_dict(original, one) for one in part.value]}
        return original(part)
    if isinstance(part, dict):
        return {name: _to_dict(original, one) for name, one in part.items()}
    return original(part)


def _serialize_value(
    original: Callable[..., Any],
    serializer: Any,
    serialized: Any,
    value: Any,
    shape: Any,
    key: str,
) -> None:
    """Moto looks for each of the ten types under up to five names in every part of a value."""
    if key and shape.name == VALUE and serializer.service_model.service_name == "dynamodb":
        plain = _as_plain(value)
        if plain is not None:
            serializer._default_serialize(serialized, plain, shape, key)  # noqa: SLF001
            return
    original(serializer, serialized, value, shape, key)


def _as_plain(value: Any) -> dict[str, Any] | None:
    """The value as JSON; None if moto must do it."""
    if type(value) is not dict or len(value) != 1:
        return None
    [(kind, held)] = value.items()
    if kind in {"S", "N"}:
        return value if type(held) is str else None
    if kind in {"BOOL", "NULL"}:
        return value if type(held) is bool else None
    if kind == "M" and type(held) is dict:
        parts = {name: _as_plain(one) for name, one in held.items()}
        return None if None in parts.values() else {kind: parts}
    if kind == "L" and type(held) is list:
        listed = [_as_plain(one) for one in held]
        return None if None in listed else {kind: listed}
    return None
