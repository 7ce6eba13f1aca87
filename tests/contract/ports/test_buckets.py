"""What every input and output bucket promises: pinned versions, and None for what is gone."""

import io

import pytest

from darkroom.domain.errors import Conflict, InputRefused
from tests.contract.ports.conftest import InputBench, OutputBench

ODD_KEYS = ("photos/cat.jpg", "a b/ü+%20😀.jpg", "x" * 1000 + ".png", "q?a=b&c#d;e.jpg")


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_file_is_found_as_it_was_uploaded(input_bench: InputBench, key: str) -> None:
    """Key, version, size and ETag, whatever the key looks like."""
    version = input_bench.put(key, b"twelve bytes")
    found = input_bench.inputs.find(key)

    assert found
    assert (found.key, found.version_id, found.size) == (key, version, 12)
    assert found.etag
    assert '"' not in found.etag


def test_what_is_not_there_is_none(input_bench: InputBench) -> None:
    """Neither found nor read."""
    assert input_bench.inputs.find("nothing.jpg") is None
    version = input_bench.put("something.json", b"{}")
    assert input_bench.inputs.read("nothing.json", version, 99) is None


def test_a_new_version_is_found_under_a_new_name(input_bench: InputBench) -> None:
    """A version's name tells it from every other."""
    first = input_bench.put("a.json", b"one")
    second = input_bench.put("a.json", b"two")
    found = input_bench.inputs.find("a.json")

    assert found
    assert first != second
    assert found.version_id == second


def test_a_deleted_file_is_not_found(input_bench: InputBench) -> None:
    """The current version is gone."""
    input_bench.put("a.json", b"one")
    input_bench.delete("a.json")

    assert input_bench.inputs.find("a.json") is None


def test_the_named_version_is_read(input_bench: InputBench) -> None:
    """The newest one, by its name."""
    input_bench.put("a.json", b"one")
    version = input_bench.put("a.json", b"two")

    assert input_bench.inputs.read("a.json", version, 3) == b"two"


def test_a_pinned_version_outlives_its_replacement_where_there_are_versions(
    input_bench: InputBench,
) -> None:
    """Without versions it is gone, and never mistaken for what replaced it."""
    version = input_bench.put("a.json", b"one")
    input_bench.put("a.json", b"two")

    expected = None if version.startswith("etag:") else b"one"
    assert input_bench.inputs.read("a.json", version, 99) == expected


def test_a_version_that_never_was_is_gone(input_bench: InputBench) -> None:
    """A late event may name one that was removed for good."""
    input_bench.put("a.json", b"one")

    assert input_bench.inputs.read("a.json", "no-such-version", 99) is None
    with (
        pytest.raises(InputRefused) as refusal,
        input_bench.inputs.open("a.json", "no-such-version"),
    ):
        pass
    assert refusal.value.failure.code == "input-gone"


def test_a_spec_that_is_too_large_is_refused_before_it_is_read(input_bench: InputBench) -> None:
    """At the limit it is still read."""
    version = input_bench.put("a.json", b"12345")

    assert input_bench.inputs.read("a.json", version, 5) == b"12345"
    with pytest.raises(InputRefused) as refusal:
        input_bench.inputs.read("a.json", version, 4)
    assert refusal.value.failure.code == "spec-too-large"
    assert refusal.value.failure.next_step


def test_an_opened_file_can_be_read_twice(input_bench: InputBench) -> None:
    """A request that is sent again starts from the beginning."""
    body = bytes(range(256)) * 8192
    version = input_bench.put("a.jpg", body)
    with input_bench.inputs.open("a.jpg", version) as file:
        assert file.read() == body
        file.seek(0)
        assert file.read(3) == body[:3]


def test_the_bucket_knows_its_name(input_bench: InputBench) -> None:
    """Events of another bucket are refused by it."""
    assert input_bench.inputs.bucket == "darkroom-input"


@pytest.mark.parametrize("key", ODD_KEYS)
def test_what_is_written_can_be_got(output_bench: OutputBench, key: str) -> None:
    """Bytes or a file, with its content type."""
    output_bench.outputs.put(key, b"bytes", "image/png")
    output_bench.outputs.put(key, io.BytesIO(b"a file"), "text/plain; charset=utf-8")

    assert output_bench.outputs.get(key) == b"a file"
    assert output_bench.versions(key) == [
        ("image/png", b"bytes"),
        ("text/plain; charset=utf-8", b"a file"),
    ]


def test_nothing_is_written_over_what_was_not_expected(output_bench: OutputBench) -> None:
    """Neither where nothing should be, nor over another version, nor where it is gone."""
    outputs = output_bench.outputs
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
    assert [body for _, body in output_bench.versions("a/b.png")] == [b"one", b"three"]


def test_what_was_never_written_is_none(output_bench: OutputBench) -> None:
    """No error: there may be no answer to find."""
    assert output_bench.outputs.get("_darkroom/work/x/1") is None
