"""The patches for DynamoDB's speed give moto's own results, only sooner."""

import copy
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.core.model import StructureShape
from moto.core.parse import PROTOCOL_PARSERS, BaseJSONParser
from moto.core.serialize import BaseJSONSerializer, XFormedAttributePicker, get_serializer_class
from moto.core.utils import get_service_model
from moto.dynamodb import responses as dynamodb_responses
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from infra.local.emulator import ACCOUNT, REGION
from infra.local.moto_patches import faster_tables
from tests.local.sample_template import Stack

NUMBERS = st.sampled_from(["0", "-1", "1.50", "12345678901234567890"])
TEXTS = st.text(max_size=5)
NAMES = st.text(alphabet="abc-\N{BLACK SUN WITH RAYS}", min_size=1, max_size=5)
LEAVES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(lambda held: {"S": held}, TEXTS),
    st.builds(lambda held: {"N": held}, NUMBERS),
    st.builds(lambda held: {"BOOL": held}, st.booleans()),
    st.just({"NULL": True}),
    st.builds(lambda held: {"SS": held}, st.lists(TEXTS, min_size=1, max_size=3, unique=True)),
    st.builds(lambda held: {"NS": held}, st.lists(NUMBERS, min_size=1, max_size=3, unique=True)),
    st.just({"B": "YWI="}),
    st.just({"BS": ["YWI=", "YQ=="]}),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda held: {"L": held}, st.lists(inner, max_size=3)),
        st.builds(lambda held: {"M": held}, st.dictionaries(NAMES, inner, max_size=3)),
    ),
    max_leaves=12,
)
STRANGE = [
    {},
    {"S": None},
    {"S": 1},
    {"N": 1},
    {"S": "a", "N": "1"},
    {"X": "a"},
    {"BOOL": "true"},
    {"L": [{}]},
    {"L": [{"S": "a"}, {"B": b"ab"}]},
    {"M": {"a": {"X": "a"}, "b": {"S": "b"}}},
]


def shape_of_values() -> StructureShape:
    """The shape of a stored value."""
    shape: Any = get_service_model("dynamodb").shape_for("AttributeValue")
    assert isinstance(shape, StructureShape)
    return shape


def build_parser() -> BaseJSONParser:
    """A parser of DynamoDB's requests."""
    model = get_service_model("dynamodb").operation_model("PutItem")
    parser = PROTOCOL_PARSERS["json"](model)
    assert isinstance(parser, BaseJSONParser)
    return parser


def build_serializer() -> BaseJSONSerializer:
    """A serializer of DynamoDB's responses."""
    serializer = get_serializer_class("dynamodb", "json")(
        operation_model=get_service_model("dynamodb").operation_model("GetItem"),
        value_picker=XFormedAttributePicker(),
    )
    assert isinstance(serializer, BaseJSONSerializer)
    return serializer


def as_bytes(value: Any) -> Any:
    """The value as moto gives it to its serializer: binary values are bytes."""
    if isinstance(value, list):
        return [as_bytes(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: b"ab" if name == "B" else [b"ab"] if name == "BS" else as_bytes(held)
        for name, held in value.items()
    }


def check_parsed(value: Any) -> None:
    """Both ways give the same, or both fail."""
    original: Any = BaseJSONParser._parse_structure
    parser, shape = build_parser(), shape_of_values()
    expected = original(parser, shape, copy.deepcopy(value))
    assert faster_tables._parse_value(original, parser, shape, value) == expected


def check_serialized(value: Any) -> None:
    """Both ways give the same."""
    original = BaseJSONSerializer._serialize_type_structure
    shape = shape_of_values()
    expected: dict[str, Any] = {}
    original(build_serializer(), expected, copy.deepcopy(value), shape, "x")
    found: dict[str, Any] = {}
    faster_tables._serialize_value(original, build_serializer(), found, value, shape, "x")
    assert found == expected


@given(VALUES)
@settings(deadline=None)
def test_value_is_parsed_as_before(value: dict[str, Any]) -> None:
    """Of a request."""
    check_parsed(value)


@given(VALUES)
@settings(deadline=None)
def test_value_is_serialized_as_before(value: dict[str, Any]) -> None:
    """Into a response."""
    check_serialized(as_bytes(value))


@pytest.mark.parametrize("value", STRANGE, ids=str)
def test_strange_value_is_left_to_moto(value: dict[str, Any]) -> None:
    """Also inside a list or a map."""
    for one in (value, {"L": [value]}, {"M": {"a": value}}):
        check_serialized(one)
        if "B" not in str(one):
            check_parsed(one)


@given(VALUES)
@settings(deadline=None)
def test_size_and_json_of_a_value_are_as_before(value: dict[str, Any]) -> None:
    """Both leave the value as it is."""
    held = DynamoType(value)
    assert faster_tables._size(held) == held.size()
    expected = held.to_regular_json()
    assert faster_tables._to_regular_json(held) == expected
    assert held == DynamoType(value)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
@settings(deadline=None)
def test_item_is_converted_as_before(attrs: dict[str, Any]) -> None:
    """As part of a result, with everything in it."""
    original = dynamodb_responses.dynamo_to_dict  # type: ignore[attr-defined]
    item = Item(DynamoType({"S": "a"}), None, attrs)
    at = datetime.now(UTC)
    result = {"Item": item.attrs, "Items": [item], "Count": 1, "At": at, "None": None}
    assert faster_tables._to_dict(original, result) == original(result)


def parts_of(value: Any) -> list[Any]:
    """All objects of a value that can be changed."""
    held = value.value if isinstance(value, DynamoType) else value
    inner = held.values() if isinstance(held, dict) else held if isinstance(held, list) else ()
    own = [one for one in (value, held) if isinstance(one, DynamoType | dict | list)]
    return [*own, *(part for one in inner for part in parts_of(one))]


@given(VALUES)
@settings(deadline=None)
def test_copy_of_a_value_is_equal_and_shares_nothing(value: dict[str, Any]) -> None:
    """Moto changes stored values in place."""
    held = DynamoType(value)
    copied = faster_tables._copy(held, {})
    assert copied == held == DynamoType(value)
    assert copied.to_regular_json() == held.to_regular_json()
    assert not {id(one) for one in parts_of(held)} & {id(one) for one in parts_of(copied)}


@given(st.dictionaries(NAMES, VALUES, max_size=4))
@settings(deadline=None)
def test_item_is_made_as_before(attrs: dict[str, Any]) -> None:
    """With all its attributes."""
    expected = Item(DynamoType({"S": "a"}), None, attrs)
    found: Any = Item.__new__(Item)
    faster_tables._make_item(found, DynamoType({"S": "a"}), None, attrs)
    assert found.attrs == expected.attrs
    assert type(found.attrs) is type(expected.attrs)
    assert (found.hash_key, found.range_key) == (expected.hash_key, None)


@pytest.mark.parametrize("size", [404_980, 404_981, 404_999, 405_000, 405_001, 500_000])
def test_item_is_too_large_at_the_same_size(size: int) -> None:
    """In two attributes, whose names count too."""
    attrs = {"first": {"S": "x" * 12}, "second": {"S": "x" * (size - 12 - 11)}}
    try:
        Item(DynamoType({"S": "a"}), None, attrs)
    except ItemSizeTooLarge:
        with pytest.raises(ItemSizeTooLarge):
            faster_tables._make_item(
                Item.__new__(Item), DynamoType({"S": "a"}), DynamoType({"S": "b"}), attrs
            )
    else:
        faster_tables._make_item(Item.__new__(Item), DynamoType({"S": "a"}), None, attrs)
        assert size <= 405_000


SHOWS = {
    "everything": {"ProjectionType": "ALL"},
    "keys": {"ProjectionType": "KEYS_ONLY"},
    "summaries": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["summary", "pk"]},
}
"""What an index may show."""


def build_table(
    *,
    ranged: bool,
    items: list[tuple[str, str, str]],
    kind: str = "S",
    shows: str = "everything",
) -> Table:
    """A table with these items: the hash key, the range key, and the key of its index."""
    schema = [{"AttributeName": "pk", "KeyType": "HASH"}]
    if ranged:
        schema.append({"AttributeName": "sk", "KeyType": "RANGE"})
    index = [
        {"AttributeName": "due", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ]
    make: Any = Table
    table: Table = make(
        "t",
        ACCOUNT,
        REGION,
        schema=schema,
        attr=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "due", "at")],
        global_indexes=[{"IndexName": "i", "KeySchema": index, "Projection": SHOWS[shows]}],
        billing_mode="PAY_PER_REQUEST",
    )
    for pk, sk, due in items:
        attrs = {"pk": {"S": pk}, "sk": {"S": sk}, "at": {"S": sk}, "task": {"M": {}}}
        attrs |= {"summary": {"S": f"{pk}{sk}"}} if sk != "1" else {}
        table.put_item(attrs | ({"due": {kind: due}} if due else {}))
    return table


@pytest.mark.parametrize("ranged", [True, False])
@pytest.mark.parametrize("index", [None, "i"])
@pytest.mark.parametrize("shows", SHOWS)
@pytest.mark.parametrize("kind", ["S", "N"])
@given(
    items=st.lists(st.tuples(*[st.sampled_from("123")] * 2, st.sampled_from(["", "1", "2"]))),
    forward=st.booleans(),
    limit=st.sampled_from([1, 2, 100]),
)
@settings(deadline=None, max_examples=30)
def test_query_finds_the_same_items_in_the_same_order(
    ranged: bool,  # noqa: FBT001 - a parameter of the test
    index: str | None,
    shows: str,
    kind: str,
    items: list[tuple[str, str, str]],
    forward: bool,  # noqa: FBT001 - a parameter of the test
    limit: int,
) -> None:
    """By the table's own key and by an index's, page by page; also for a key that is not there."""
    table = build_table(ranged=ranged, items=items, kind=kind, shows=shows)
    query, original = faster_tables._query(), cast("Any", Table.query)
    for key in ("1", "2", "4"):
        hash_key = DynamoType({kind if index else "S": key})
        conditions = [("due" if index else "pk", hash_key)]
        start: Any = None
        for _ in range(len(items) + 1):
            given_: Any = (hash_key, None, [], limit, start, forward, None, index)
            expected = original(table, *given_, hash_key_conditions=conditions)
            found = query(original, table, *given_, hash_key_conditions=conditions)
            assert found == expected
            start = expected[2]
            if start is None:
                break
        assert start is None
    assert "4" not in [held.value for held in table.items]


def test_page_of_an_index_is_as_large_as_what_it_shows() -> None:
    """As on AWS; moto counts whole items, so that a list takes many more requests there."""
    table = build_table(ranged=True, items=[], shows="summaries")
    for number in range(4):
        attrs = {"pk": {"S": str(number)}, "sk": {"S": "1"}, "at": {"S": "1"}, "due": {"S": "1"}}
        table.put_item(attrs | {"summary": {"S": "x"}, "task": {"S": "x" * 400_000}})
    key = DynamoType({"S": "1"})
    given_: Any = (key, None, [], None, None, True, None, "i")
    original = cast("Any", Table.query)
    found = faster_tables._query()(original, table, *given_, hash_key_conditions=[("due", key)])
    assert len(found[0]) == 4
    assert found[2] is None
    assert {name for item in found[0] for name in item.attrs} == {
        "pk",
        "sk",
        "due",
        "at",
        "summary",
    }


def test_stored_value_comes_back(stack: Stack) -> None:
    """Of each type, through the whole stack."""
    client = stack.client("dynamodb")
    value = {
        "S": {"S": "text"},
        "N": {"N": "1.5"},
        "B": {"B": b"\x00\xff"},
        "BOOL": {"BOOL": False},
        "NULL": {"NULL": True},
        "SS": {"SS": ["a", "b"]},
        "NS": {"NS": ["1", "2"]},
        "BS": {"BS": [b"\x00", b"\xff"]},
        "L": {"L": [{"S": ""}, {"B": b"\xfe"}, {"M": {}}, {"L": []}]},
        "M": {"M": {"a": {"S": "a"}, "b": {"M": {"c": {"N": "0"}}}}},
    }
    item = {"pk": {"S": "all-types"}, **value}
    client.put_item(TableName=stack.outputs["Table"], Item=item)
    key = {"pk": {"S": "all-types"}}
    assert client.get_item(TableName=stack.outputs["Table"], Key=key)["Item"] == item
