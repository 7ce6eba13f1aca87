"""A provider's JSON within bounds: what is too deep, too much or too large costs no paid answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.providers.bounded_json import MAX_DEPTH, MAX_MEMBERS, MAX_VALUES, read_document

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
    """How many lists or objects stand around the innermost value."""
    deepest = 0
    while isinstance(value, list | dict):
        inner = list(value.values()) if isinstance(value, dict) else value
        value = inner[0] if inner else None
        deepest += 1
    return deepest


def values(value: Any) -> int:
    """How many values a document has, at all levels."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + sum(map(values, value)) if isinstance(value, list) else 1


@given(PLAIN, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_a_usual_document_is_read_as_it_is(value: Any, plain: bool, indent: Any) -> None:  # noqa: FBT001 - hypothesis gives it
    """Whatever brackets, quotes and escapes stand in its texts."""
    body = json.dumps(value, ensure_ascii=plain, indent=indent).encode()
    assert read_document(body) == value


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_what_is_too_deep_is_left_out_and_the_name_is_read(brackets: str) -> None:
    """Before it and behind it."""
    opening = "[" if brackets == "[]" else '{"a":'
    deep = opening * 100_000 + "1" + brackets[1] * 100_000
    found = read_document(f'{{"jobId": "j", "debug": {deep}, "status": "QUEUED"}}'.encode())
    assert (found["jobId"], found["status"]) == ("j", "QUEUED")
    assert levels(found["debug"]) == MAX_DEPTH - 1


def test_what_is_too_much_is_left_out_and_the_name_is_read() -> None:
    """Of one list, of one object, and of all together."""
    long = ",".join(["1"] * 50_000)
    assert read_document(f'{{"l": [{long}], "id": "j"}}'.encode()) == {
        "l": [1] * MAX_MEMBERS,
        "id": "j",
    }
    wide = ",".join(f'"n{number}": [1, 2]' for number in range(50_000))
    assert len(read_document(f"{{{wide}}}".encode())) == MAX_MEMBERS
    bushy = [[[[1] * 40] * 40] * 40] * 3
    found = read_document(json.dumps({"logs": bushy, "data": {"task_id": "j"}}).encode())
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
def test_a_number_that_the_table_cannot_hold_becomes_nothing(written: str, read: object) -> None:
    """A long whole number, which may be a name, becomes a text; the rest is read all the same."""
    assert read_document(f'{{"n": {written}, "id": 1}}'.encode()) == {"n": read, "id": 1}


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
def test_slips_of_form_are_let_pass(body: bytes, read: object) -> None:
    """Empty names, halves of characters, line breaks inside of texts, marks at the beginning."""
    assert read_document(body) == read


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff\xfe", b'{"data": [', b"[" * 100_000, b'{"a": "b}', b"{}]", b"[1] [2]"],
)
def test_what_is_no_json_is_told(body: bytes) -> None:
    """Half a document is none."""
    with pytest.raises(ValueError, match=r"."):
        read_document(body)
