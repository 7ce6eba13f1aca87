"""A spec is read strictly: whatever the bytes, the answer is a spec or one plain sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import Failure, SpecRefused
from darkroom.domain.spec import Spec, parse_spec, read_spec
from darkroom.domain.strict_json import MAX_BYTES, MAX_DEPTH, read_json
from tests.domain.strategies import DOCUMENTS

SAMPLES = sorted((Path(__file__).parents[2] / "events" / "specs").glob("*.json"))
CODES = {"spec-too-large", "spec-not-utf8", "spec-not-json", "not-a-spec", "bad-spec"}


def _answer(body: bytes) -> Spec | Failure:
    try:
        return read_spec(body, "cat.jpg.json")
    except SpecRefused as refusal:
        return refusal.failure


def _refusal(body: bytes) -> SpecRefused:
    with pytest.raises(SpecRefused) as refusal:
        read_spec(body, "cat.jpg.json")
    return refusal.value


@settings(deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode()))
@example(b"\xef\xbb\xbf{}")
@example(b"\xed\xa0\x80")
@example(b'{"operation": "\\ud800"}')
@example(b'{"operation": 1e999}')
@example(b'{"operation": -1e-999}')
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"9" * 10_000)
@example(b'"' + b"\\" * 1001)
def test_any_bytes_are_a_spec_or_refused(body: bytes) -> None:
    """No other error is raised, and a refusal has a sentence."""
    answer = _answer(body)
    if isinstance(answer, Failure):
        assert answer.code in CODES
        assert answer.sentence.startswith("cat.jpg.json")
        assert answer.sentence.endswith((".", "?"))
        assert answer.next_step


@settings(deadline=None)
@given(DOCUMENTS)
def test_any_fields_are_a_spec_or_refused(document: dict[str, Any]) -> None:
    """Well-formed JSON with the right names and wrong values."""
    body = json.dumps(document).encode()
    answer = _answer(body)
    if isinstance(answer, Failure):
        assert len(answer.sentence) < 1000
        answer.sentence.encode()
    else:
        assert answer.operation == document["operation"]
        answer.model_dump_json().encode()


@settings(deadline=None)
@given(st.integers(1, 60), st.sampled_from(["[]", "{}"]))
def test_depth_is_limited_and_brackets_in_strings_do_not_count(depth: int, kind: str) -> None:
    """The limit is exact."""
    opening = "[" if kind == "[]" else '{"a":'
    text = opening * depth + '"[[[{{{\\"[[["' + kind[1] * depth
    if depth <= MAX_DEPTH:
        assert read_json(text.encode(), "x")
    else:
        with pytest.raises(SpecRefused, match="nested deeper"):
            read_json(text.encode(), "x")


def test_smallest_spec_has_only_an_operation() -> None:
    """Everything else has a default."""
    spec = read_spec(b'{"operation": "upscale"}', "x")

    assert (spec.preferred, spec.model, spec.inputs, spec.params) == ((), None, {}, {})
    assert spec.on_unknown == "hold"


def test_byte_order_mark_is_accepted() -> None:
    """Windows editors write one."""
    assert read_spec(b'\xef\xbb\xbf{"operation": "upscale"}', "x").operation == "upscale"


@pytest.mark.parametrize(
    ("written", "preferred"), [("beta", ("beta",)), (["b", "a"], ("b", "a")), (None, ())]
)
def test_provider_may_be_one_several_or_none(written: Any, preferred: tuple[str, ...]) -> None:
    """In the order of the spec."""
    assert parse_spec({"operation": "x", "provider": written}, "x").preferred == preferred


def test_spec_at_the_size_limit_is_read() -> None:
    """One byte more is refused."""
    body = b'{"operation": "upscale"}'
    assert read_spec(body.ljust(MAX_BYTES), "x").operation == "upscale"
    assert _refusal(body.ljust(MAX_BYTES + 1)).failure.code == "spec-too-large"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"operation": "up", "provder": "x"}', ["'provder'", "Did you mean 'provider'?"]),
        ('{"operation": "up", "operation": "up"}', ["'operation'", "twice"]),
        (
            '{"operation": "upscale", "provider": ""}',
            ["'provider'", '""', "at least one character"],
        ),
        ('{"operation": 7}', ["'operation'", "7", "a text is expected"]),
        ('{"operation": "up", "provider": {}}', ["'provider'", "a text or a list of texts"]),
        ('{"operation": "up", "params": []}', ["'params'", "[]", "an object in braces"]),
        ('{"operation": "up", "inputs": {"mask": 3}}', ["'inputs.mask'", "3"]),
        ('{"operation": "up", "inputs": {"mask": []}}', ["'inputs.mask'", "[]"]),
        ('{"operation": "up", "on_unknown": "x"}', ["'on_unknown'", "hold", "retry"]),
        ('{"operation": "up",}', ["line 1", "column"]),
        ('{\n"operation" "up"}', ["line 2"]),
        ('{"operation": NaN}', ["NaN"]),
        ('{"operation": "up", "metadata": {"a": "%s"}}' % ("x" * 17_000), ["metadata", "16,384"]),
        ("[]", ["no 'operation'"]),
    ],
)
def test_refusal_says_where_and_what_is_allowed(body: str, words: list[str]) -> None:
    """In plain words, not in a validator's."""
    sentence = _refusal(body.encode()).failure.sentence

    for word in words:
        assert word in sentence
    assert "pydantic" not in sentence.lower()
    assert "str" not in sentence.split()


def test_json_schema_helps_editors() -> None:
    """Every field is described, unknown ones are refused, and the operation is required."""
    schema = Spec.model_json_schema()

    assert schema["required"] == ["operation"]
    assert schema["additionalProperties"] is False
    assert "$schema" in schema["properties"]
    assert all(field.get("description") for field in schema["properties"].values())
    json.dumps(schema)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_sample_spec_is_valid(path: Path) -> None:
    """Users copy from the samples."""
    assert read_spec(path.read_bytes(), path.name).operation == path.name.split(".")[0]


def test_sample_specs_exist() -> None:
    """An empty folder would prove nothing."""
    assert len(SAMPLES) > 20


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "it is empty"),
        (b'{"operation": "upscale",}', "one comma too many"),
        (b'{"provider": ["a", ], "operation": "x"}', "one comma too many"),
        (b'{// what to do\n"operation": "upscale"}', "comments are not allowed"),
        ('{\u201coperation\u201d: "upscale"}'.encode(), "straight double quotes"),
        (b"{'operation': 'upscale'}", "straight double quotes"),
    ],
)
def test_usual_json_mistakes_are_named(body: bytes, words: str) -> None:
    """Users do not know what a parser expects."""
    assert words in _refusal(body).failure.sentence
