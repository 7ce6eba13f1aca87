"""The spec: what a photographer writes, read strictly and answered in plain sentences.

Reading is in two steps: bytes to JSON (size, encoding, depth, duplicate names, NaN), JSON to a
`Spec` (unknown fields get the nearest known name). Whether an operation exists, and what its
parameters may be, is the providers' to say: see `darkroom.pipeline.resolve`.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NoReturn

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails

from darkroom.errors import SpecRefused

MAX_SPEC_BYTES = 256 * 1024
MAX_METADATA_BYTES = 16 * 1024
"""Metadata travels in every event of the task."""
MAX_PARAMS_BYTES = 64 * 1024
"""A task's item of at most 400 KB holds them, and for a while the request made of them."""
MAX_DEPTH = 28
"""DynamoDB keeps 32 levels, and the task's item puts a few around the spec's."""
MAX_EXPONENT = 100
"""DynamoDB keeps numbers from 1E-130 to 9.9E+125 (its "Data types" page)."""

Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
Path = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Spec(BaseModel):
    """What to do with a file. Only `operation` is required."""

    model_config = ConfigDict(extra="forbid", strict=True, title="Darkroom spec")

    schema_: str | None = Field(
        default=None, alias="$schema", description="For editors; Darkroom does not read it."
    )
    operation: Word = Field(description="What to do, for example 'upscale'.")
    provider: Word | Annotated[list[Word], Field(min_length=1, max_length=8)] | None = Field(
        default=None,
        description="Who does it: one name, or several in order of preference. Without it, the "
        "first provider that is set up and can.",
    )
    model: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="One of the provider's models for the operation."
    )
    inputs: dict[Word, Path | Annotated[list[Path], Field(min_length=1, max_length=30)]] = Field(
        default_factory=dict,
        max_length=20,
        description="Role to file, relative to the spec's folder; a leading '/' means the "
        "bucket's root. 'image' is the file that the spec's name implies.",
    )
    params: dict[str, Any] = Field(
        default_factory=dict, max_length=100, description="The operation's parameters."
    )
    metadata: dict[str, Any] = Field(
        default_factory=dict,
        max_length=100,
        description="Yours; copied into the manifest and the event.",
    )
    on_unknown: Literal["hold", "fail", "retry"] = Field(
        default="hold",
        description="What to do when a paid call's fate is unclear: wait for a person, fail, or "
        "pay again.",
    )

    @field_validator("metadata")
    @classmethod
    def _travels_in_events(cls, metadata: dict[str, Any]) -> dict[str, Any]:
        return _no_larger(metadata, "metadata", MAX_METADATA_BYTES)

    @field_validator("params")
    @classmethod
    def _fits_the_item_twice(cls, params: dict[str, Any]) -> dict[str, Any]:
        return _no_larger(params, "params", MAX_PARAMS_BYTES)

    @property
    def preferred(self) -> tuple[str, ...]:
        """The providers that the spec names, in its order; empty when it names none."""
        if self.provider is None:
            return ()
        return (self.provider,) if isinstance(self.provider, str) else tuple(self.provider)


def read_spec(body: bytes, name: str) -> Spec:
    """Read a spec's file.

    Args:
        body: the file's bytes.
        name: the file's name, for the messages.

    Raises:
        SpecRefused: with one of the codes `spec-too-large`, `spec-not-utf8`, `spec-not-json`,
            `not-a-spec`, `bad-spec`; the sentence names the file, the field, what was found and
            what is allowed.
    """
    document = read_json(body, name)
    if not isinstance(document, dict) or "operation" not in document:
        raise SpecRefused(
            "not-a-spec",
            f"{name} is JSON, but it has no 'operation', so it is not a spec.",
            'A spec is an object such as {"operation": "upscale"}.',
        )
    return parse_spec(document, name)


def parse_spec(document: Mapping[str, Any], name: str) -> Spec:
    """Check a spec that is already JSON, as it comes inside a message. Raises `SpecRefused`."""
    try:
        return Spec.model_validate(document)
    except ValidationError as error:
        raise SpecRefused("bad-spec", *explain(error, name, _FIELDS)) from error


def read_json(body: bytes, name: str) -> Any:  # noqa: ANN401 - JSON is whatever the file says
    """Parse JSON strictly: UTF-8, no duplicate names, no NaN, bounded size and depth."""
    if len(body) > MAX_SPEC_BYTES:
        raise SpecRefused(
            "spec-too-large",
            f"{name} has {len(body):,} bytes; a spec may have {MAX_SPEC_BYTES:,}.",
            "Put long texts into fewer fields, or images into files of their own.",
        )
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecRefused(
            "spec-not-utf8",
            f"{name} is not UTF-8 text (byte {error.start}).",
            "Save it as UTF-8.",
        ) from error
    try:
        document = _parse(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SpecRefused(
            "spec-not-json",
            f"{name} is not valid JSON: {error.msg.lower()} at {where}.",
            "Check commas, quotes and brackets there.",
        ) from error
    except _BadJsonError as error:
        raise SpecRefused(
            "spec-not-json",
            f"{name} is not valid JSON: {error}.",
            "Correct it and upload it again.",
        ) from error
    return document


def explain(error: ValidationError, name: str, known: Iterable[str]) -> tuple[str, str]:
    """What is wrong first, as (sentence, next step), with the nearest known name."""
    detail = _most_telling(error.errors(include_url=False))
    field = _short(".".join(str(part) for part in detail["loc"] if not _is_branch(part)))
    if detail["type"] == "extra_forbidden":
        known = sorted(known)
        last = str(detail["loc"][-1])
        return (
            f"{name} has the field '{field}', which is not known.{nearest(last, known)}",
            f"Known are: {', '.join(known)}." if known else "No fields are allowed there.",
        )
    if detail["type"] == "missing":
        return f"{name} lacks '{field}'.", f"Add '{field}'."
    if not field:
        return f"{name}: {_plain(detail)}.", "Correct it and upload the spec again."
    found = _short(json.dumps(detail["input"], default=str, ensure_ascii=False))
    return (
        f"{name} has {found} for '{field}': {_plain(detail)}.",
        f"Correct '{field}' and upload the spec again.",
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the known word that looks most like `word`, or ""."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


def _no_larger(value: dict[str, Any], name: str, limit: int) -> dict[str, Any]:
    if len(json.dumps(value)) > limit:
        raise ValueError(f"{name} may have {limit:,} bytes as JSON")
    return value


class _BadJsonError(Exception):
    """JSON that Python would accept and a spec may not hold."""


def _parse(text: str) -> Any:  # noqa: ANN401 - JSON is whatever the file says
    if _depth(text) > MAX_DEPTH:
        raise _BadJsonError(f"it is nested deeper than {MAX_DEPTH} levels")
    document = json.loads(
        text,
        object_pairs_hook=_no_duplicates,
        parse_constant=_no_constant,
        parse_float=_finite,
        parse_int=_bounded_int,
    )
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _BadJsonError("it has half of a two-part character (\\ud800 to \\udfff)") from error
    return document


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if not key:  # DynamoDB takes no empty names
            raise _BadJsonError("a name is empty")
        if key in found:
            raise _BadJsonError(f"the name '{_short(key)}' appears twice")
        found[key] = value
    return found


def _no_constant(word: str) -> NoReturn:
    raise _BadJsonError(f"{word} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if abs(number) > 10.0**MAX_EXPONENT:
        raise _BadJsonError(f"the number {digits[:20]} is too large")
    if 0 < abs(number) < 10.0**-MAX_EXPONENT:
        raise _BadJsonError(f"the number {digits[:20]} is too small")
    return number


def _bounded_int(digits: str) -> int:
    if len(digits) > 30:  # noqa: PLR2004 - far above any parameter, far below Python's limit
        raise _BadJsonError(f"the number {digits[:20]}... is too large")
    return int(digits)


def _depth(text: str) -> int:
    """How deep brackets nest outside of strings; counted before parsing, which recurses."""
    depth = deepest = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _most_telling(details: list[ErrorDetails]) -> ErrorDetails:
    """The error to report: of a union's branches, the one that got furthest into the value."""
    first = [part for part in details[0]["loc"] if not _is_branch(part)]
    same_field = [
        d for d in details if [p for p in d["loc"] if not _is_branch(p)][: len(first)] == first
    ]
    fitting = [d for d in same_field if not d["type"].endswith("_type")]
    lists = [d for d in same_field if d["type"] == "list_type"]
    return (fitting or lists or same_field)[0]


_PLAIN = {
    "string_type": "a text is expected",
    "list_type": "a text or a list of texts is expected",
    "dict_type": "an object in braces is expected",
    "string_pattern_mismatch": "lower-case letters, digits and hyphens are expected",
    "bool_type": "true or false is expected",
    "int_type": "a whole number is expected",
    "float_type": "a number is expected",
}
"""Pydantic's kinds of error in the words of a photographer; others keep pydantic's message."""


def _plain(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if message != detail["msg"] and detail["type"] not in _PLAIN:
        return f"{message} is expected" if detail["type"] != "value_error" else message.rstrip(".")
    return _PLAIN.get(detail["type"], message[0].lower() + message[1:].rstrip("."))


def _is_branch(part: int | str) -> bool:
    """Pydantic names the branch of a union in the path; people do not know those names."""
    return isinstance(part, str) and ("[" in part or part in {"str", "constrained-str", "literal"})


def _short(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


_FIELDS = tuple(field.alias or field_name for field_name, field in Spec.model_fields.items())
