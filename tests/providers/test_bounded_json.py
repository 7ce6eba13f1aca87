"""A provider's JSON within bounds: what exceeds depth, count or size loses no paid response."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.providers.parse_json import MAX_DEPTH, MAX_MEMBERS, MAX_VALUES, parse_json

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**29), 10**29)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(['"', "\\", '\\"', "[", "]}", "{,", "\n"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1), inner, max_size=4
        )
    ),
    max_leaves=30,
)


def levels(value: Any) -> int:
    """The number of lists and objects around the innermost value."""
    deepest = 0
    while isinstance(value, list | dict):
        inner = list(value.values()) if isinstance(value, dict) else value
        value = inner[0] if inner else None
        deepest += 1
    return deepest


def values(value: Any) -> int:
    """The number of values at all levels."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + sum(map(values, value)) if isinstance(value, list) else 1


@given(PLAIN, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_usual_document_is_read_unchanged(value: Any, plain: bool, indent: Any) -> None:  # noqa: FBT001 - hypothesis gives it
    """Whatever brackets, quotes and escapes its strings have."""
    body = json.dumps(value, ensure_ascii=plain, indent=indent).encode()
    assert parse_json(body) == value


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_too_deep_values_are_dropped_and_the_id_is_read(brackets: str) -> None:
    """Before them and behind them."""
    opening = "[" if brackets == "[]" else '{"a":'
    deep = opening * 100_000 + "1" + brackets[1] * 100_000
    found = parse_json(f'{{"jobId": "j", "debug": {deep}, "status": "QUEUED"}}'.encode())
    assert (found["jobId"], found["status"]) == ("j", "QUEUED")
    assert levels(found["debug"]) == MAX_DEPTH - 1


def test_too_many_values_are_dropped_and_the_id_is_read() -> None:
    """In one list, in one object, and in total."""
    long = ",".join(["1"] * 50_000)
    assert parse_json(f'{{"l": [{long}], "id": "j"}}'.encode()) == {
        "l": [1] * MAX_MEMBERS,
        "id": "j",
    }
    wide = ",".join(f'"n{number}": [1, 2]' for number in range(50_000))
    assert len(parse_json(f"{{{wide}}}".encode())) == MAX_MEMBERS
    bushy = [[[[1] * 40] * 40] * 40] * 3
    found = parse_json(json.dumps({"logs": bushy, "data": {"task_id": "j"}}).encode())
    assert found["data"] == {"task_id": "j"}
    assert values(found) <= MAX_VALUES + 3 * MAX_MEMBERS


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1e400", None),
        ("-1e400", None),
        ("1e31", None),
        ("NaN", None),
        ("-Infinity", None),
        ("1e-300", 0),
        ("-1e-300", 0),
        ("0.0", 0),
        ("9" * 30, int("9" * 30)),
        ("9" * 39, "9" * 39),
        ("9" * 401, None),
        ("0." + "3" * 500, None),
        ("1" * 5000, None),
    ],
)
def test_number_that_dynamodb_cannot_store_is_replaced(written: str, read: object) -> None:
    """A long whole number may be an id, and becomes a text; the rest is read."""
    assert parse_json(f'{{"n": {written}, "id": 1}}'.encode()) == {"n": read, "id": 1}


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"": 1}', {"_": 1}),
        (b'{"a": "\\ud800b"}', {"a": "?b"}),
        (b'{"a": "two\nlines"}', {"a": "two\nlines"}),
        (b'{"a": "\xff", "id": 1}', {"a": "\ufffd", "id": 1}),
        (b'\xef\xbb\xbf{"id": 1}', {"id": 1}),
        ('{"id": "ü"}'.encode("utf-16"), {"id": "ü"}),
        (b" \n[1]\n", [1]),
    ],
)
def test_malformed_json_is_accepted_where_it_is_harmless(body: bytes, read: object) -> None:
    """Empty names, lone surrogates, line breaks in strings, byte order marks."""
    assert parse_json(body) == read


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff\xfe", b'{"data": [', b"[" * 100_000, b'{"a": "b}', b"{}]", b"[1] [2]"],
)
def test_other_bodies_are_refused(body: bytes) -> None:
    """Half a document is not JSON."""
    with pytest.raises(ValueError, match=r"."):
        parse_json(body)
