"""What every input and output bucket promises: pinned versions, and None for a missing object."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from darkroom.domain.errors import Conflict, InputRefused
from darkroom.ports import Current
from tests.contract.ports.conftest import InputHarness, OutputHarness

ODD_KEYS = ("photos/cat.jpg", "a b/ü+%20😀.jpg", "x" * 1000 + ".png", "q?a=b&c#d;e.jpg")


@pytest.mark.parametrize("key", ODD_KEYS)
def test_find_returns_the_uploaded_file(input_harness: InputHarness, key: str) -> None:
    """Key, version, size and ETag, for every kind of key."""
    version = input_harness.put(key, b"twelve bytes")
    found = input_harness.inputs.find(key)

    assert found
    assert (found.key, found.version_id, found.size) == (key, version, 12)
    assert found.etag
    assert '"' not in found.etag


def test_missing_file_is_none(input_harness: InputHarness) -> None:
    """Neither `find` nor `read` raises."""
    assert input_harness.inputs.find("nothing.jpg") is None
    version = input_harness.put("something.json", b"{}")
    assert input_harness.inputs.read("nothing.json", version, 99) is None


def test_new_version_has_a_new_id(input_harness: InputHarness) -> None:
    """A version's id differs from every other."""
    first = input_harness.put("a.json", b"one")
    second = input_harness.put("a.json", b"two")
    found = input_harness.inputs.find("a.json")

    assert found
    assert first != second
    assert found.version_id == second


def test_deleted_file_is_not_found(input_harness: InputHarness) -> None:
    """The current version is gone."""
    input_harness.put("a.json", b"one")
    input_harness.delete("a.json")

    assert input_harness.inputs.find("a.json") is None


def test_read_returns_the_named_version(input_harness: InputHarness) -> None:
    """Here the newest one, by its id."""
    input_harness.put("a.json", b"one")
    version = input_harness.put("a.json", b"two")

    assert input_harness.inputs.read("a.json", version, 3) == b"two"


def test_pinned_version_is_readable_after_its_replacement(
    input_harness: InputHarness,
) -> None:
    """Without versioning it is gone, and is never confused with its replacement."""
    version = input_harness.put("a.json", b"one")
    input_harness.put("a.json", b"two")

    expected = None if version.startswith("etag:") else b"one"
    assert input_harness.inputs.read("a.json", version, 99) == expected


def test_unknown_version_is_gone(input_harness: InputHarness) -> None:
    """A late event may name a version that was removed permanently."""
    input_harness.put("a.json", b"one")

    assert input_harness.inputs.read("a.json", "no-such-version", 99) is None
    with (
        pytest.raises(InputRefused) as refusal,
        input_harness.inputs.open("a.json", "no-such-version"),
    ):
        pass
    assert refusal.value.failure.code == "input-gone"


def test_spec_over_the_limit_is_refused_before_it_is_read(input_harness: InputHarness) -> None:
    """At the limit it is still read."""
    version = input_harness.put("a.json", b"12345")

    assert input_harness.inputs.read("a.json", version, 5) == b"12345"
    with pytest.raises(InputRefused) as refusal:
        input_harness.inputs.read("a.json", version, 4)
    assert refusal.value.failure.code == "spec-too-large"
    assert refusal.value.failure.next_step


def test_current_object_is_read_with_its_version(input_harness: InputHarness) -> None:
    """The newest one; None where there is none, or none any more."""
    input_harness.put("_darkroom.json", b"one")
    version = input_harness.put("_darkroom.json", b"two")

    def read(key: str, limit: int) -> object:
        (answer,) = input_harness.inputs.read_each([key], limit)
        return answer

    assert read("_darkroom.json", 3) == Current(version, b"two")
    assert read("photos/_darkroom.json", 3) is None
    assert isinstance(read("_darkroom.json", 2), InputRefused)
    input_harness.delete("_darkroom.json")
    assert read("_darkroom.json", 3) is None


def test_several_objects_are_read_at_once(input_harness: InputHarness) -> None:
    """In the order of their keys; one that is refused does not hide the others."""
    one = input_harness.put("_darkroom.json", b"one")
    input_harness.put("a/b/_darkroom.json", b"too long")
    keys = ("a/b/_darkroom.json", "a/_darkroom.json", "_darkroom.json")
    refused, missing, found = input_harness.inputs.read_each(keys, 3)

    assert isinstance(refused, InputRefused)
    assert (missing, found) == (None, Current(one, b"one"))
    assert input_harness.inputs.read_each(keys[2:], 3) == [Current(one, b"one")]


def test_keys_are_listed_page_by_page(input_harness: InputHarness) -> None:
    """In the order of their bytes, without what was deleted; a page begins after a key."""
    keys = ["a/1.jpg", "a/1.jpg.json", "a/ü+%20😀.jpg", "a/é", "b/1.jpg", "a/gone"]
    for key in keys:
        input_harness.put(key, b"x")
    input_harness.delete("a/gone")
    listed = sorted((key for key in keys[:4]), key=str.encode)

    assert list(input_harness.inputs.list_keys("a/")) == listed
    assert list(input_harness.inputs.list_keys("a/", most=2)) == listed[:2]
    assert list(input_harness.inputs.list_keys("a/", listed[1], 1)) == listed[2:3]
    assert list(input_harness.inputs.list_keys("a/", listed[-1])) == []
    recently = datetime.now(UTC) - timedelta(minutes=1)
    assert list(input_harness.inputs.list_recent("a/", recently)) == listed


def test_opened_file_can_be_read_twice(input_harness: InputHarness) -> None:
    """A request that is sent again starts at the first byte."""
    body = bytes(range(256)) * 8192
    version = input_harness.put("a.jpg", body)
    with input_harness.inputs.open("a.jpg", version) as file:
        assert file.read() == body
        file.seek(0)
        assert file.read(3) == body[:3]


def test_bucket_knows_its_name(input_harness: InputHarness) -> None:
    """Events of another bucket are refused by it."""
    assert input_harness.inputs.bucket == "darkroom-input"


@pytest.mark.parametrize("key", ODD_KEYS)
def test_written_object_can_be_read(output_harness: OutputHarness, key: str) -> None:
    """Bytes or a file, with its content type."""
    output_harness.outputs.put(key, b"bytes", "image/png")
    output_harness.outputs.put(key, io.BytesIO(b"a file"), "text/plain; charset=utf-8")

    assert output_harness.outputs.get(key) == b"a file"
    assert output_harness.versions(key) == [
        ("image/png", b"bytes"),
        ("text/plain; charset=utf-8", b"a file"),
    ]


def test_conditional_write_refuses_an_unexpected_object(output_harness: OutputHarness) -> None:
    """An object where none is expected, another version, or none where one is expected."""
    outputs = output_harness.outputs
    outputs.put_over("a/b.png", b"one", "image/png", None)
    one = outputs.find("a/b.png")
    with pytest.raises(Conflict):
        outputs.put_over("a/b.png", b"two", "image/png", None)
    outputs.put_over("a/b.png", io.BytesIO(b"three"), "image/png", one)
    with pytest.raises(Conflict):
        outputs.put_over("a/b.png", b"four", "image/png", one)
    with pytest.raises(Conflict):
        outputs.put_over("a/c.png", b"five", "image/png", one)

    assert outputs.get("a/b.png") == b"three"
    assert outputs.find("a/c.png") is None
    assert [body for _, body in output_harness.versions("a/b.png")] == [b"one", b"three"]


def test_object_knows_the_task_that_wrote_it(output_harness: OutputHarness) -> None:
    """The last one, if it was given."""
    outputs = output_harness.outputs
    assert outputs.writer("a.png") == ""
    outputs.put_over("a.png", b"one", "image/png", None, "ab" * 16)
    assert outputs.writer("a.png") == "ab" * 16
    outputs.put_over("a.png", b"two", "image/png", outputs.find("a.png"), "cd" * 16)
    assert outputs.writer("a.png") == "cd" * 16
    outputs.put("a.png", b"three", "image/png")
    assert outputs.writer("a.png") == ""


def test_object_that_was_never_written_is_none(output_harness: OutputHarness) -> None:
    """No error: there may be no response to find."""
    assert output_harness.outputs.get("_darkroom/work/x/1") is None


def test_etags_are_listed_in_the_order_of_keys(output_harness: OutputHarness) -> None:
    """Of a prefix, after a key that need not exist, so many at most."""
    outputs = output_harness.outputs
    for key in ("a/1", "a/2", "a/\u00e9", "a/z", "b/1"):
        outputs.put(key, key.encode(), "text/plain")

    every = outputs.list_etags("a/", "", 1000)
    assert [key for key, _ in every] == ["a/1", "a/2", "a/z", "a/\u00e9"]
    assert outputs.list_etags("a/", "a/1", 2) == every[1:3]
    assert outputs.list_etags("a/", "a/10", 1) == every[1:2]
    assert outputs.list_etags("c/", "", 9) == []
    assert dict(every)["a/2"] == (outputs.find("a/2") or "").strip('"')
