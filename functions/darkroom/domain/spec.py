"""The spec: the JSON that a user writes, read strictly, with plain error messages.

Reading is in two steps: bytes to JSON (size, encoding, depth, duplicate names, NaN), JSON to a
`Spec` (unknown fields get the nearest known name). The providers define which operations exist and
which parameters they take: see `darkroom.pipeline.orders.match`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from darkroom.domain.budgets import MAX_AMOUNT, Period
from darkroom.domain.errors import SpecRefused
from darkroom.domain.object_keys import TASK_TYPE_SEPARATOR
from darkroom.domain.order import SpecFacts
from darkroom.domain.output_names import check_template
from darkroom.domain.strict_json import read_json
from darkroom.domain.turns import DEFAULT_PRIORITY
from darkroom.domain.validation_messages import explain, nearest_word

MAX_METADATA_BYTES = 16 * 1024
"""Metadata travels in every event of the task."""
MAX_PARAMS_BYTES = 64 * 1024
"""A task's item of at most 400 KB holds them, and at times the request that is built of them."""
MAX_NAME = 100
"""Characters of a name that a spec may have which was refused."""

MAX_FIELDS = 100
"""So many fields of a document without an operation are looked through for a misspelt one."""

_Model = TypeVar("_Model", bound=BaseModel)

Name = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Operation = Name
Role = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Path = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Output(BaseModel):
    """What the results are called and where they go; without it, beside the manifest."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = Field(
        default=None,
        description="The results' name without its extension: a template with {stem}, {ext}, "
        "{label}, {folder}, {n} and {metadata.FIELD}.",
    )
    folder: Annotated[str, StringConstraints(min_length=1, max_length=600)] | None = Field(
        default=None,
        description="The folder of the results in the output bucket, relative to the source's; "
        "a leading '/' means the bucket's root. A template, too.",
    )

    @field_validator("name", "folder")
    @classmethod
    def _has_known_placeholders(cls, template: str | None) -> str | None:
        if template is not None:
            check_template(template)
        return template


Amount = Annotated[float, Field(gt=0, le=MAX_AMOUNT, allow_inf_nan=False)]
Fallback = Literal["same-or-cheaper", "any", "never"]


class Ceiling(BaseModel):
    """What one call may cost; at least one of the amounts."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    credits: Amount | None = Field(default=None, description="Credits of its provider.")
    usd: Amount | None = Field(
        default=None, description="Dollars; for providers whose credits have a known price."
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.credits is None and self.usd is None:
            raise ValueError("a price has 'credits', 'usd' or both")
        return self


class SpendingLimit(BaseModel):
    """A budget: what may be spent; at least one of the amounts."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    credits: Amount | None = Field(
        default=None, description="Credits of each provider, which are counted apart."
    )
    usd: Amount | None = Field(
        default=None, description="Dollars; for providers whose credits have a known price."
    )
    per: Period = Field(
        default="day",
        description="A 'day' in UTC, or 'ever': all that is ever spent here.",
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.credits is None and self.usd is None:
            raise ValueError("a budget has 'credits', 'usd' or both")
        return self


class PartialSpec(BaseModel):
    """A spec that may leave out its operation, to be filled by folder defaults."""

    model_config = ConfigDict(extra="forbid", strict=True, title="Darkroom spec", defer_build=True)

    schema_: str | None = Field(
        default=None, alias="$schema", description="For editors; Darkroom does not read it."
    )
    operation: Operation | None = Field(
        default=None, description="What to do, for example 'upscale'."
    )
    provider: Name | Annotated[list[Name], Field(min_length=1, max_length=8)] | None = Field(
        default=None,
        description="Who does it: one name, or several in order of preference. Without it, the "
        "first provider that is set up and can.",
    )
    model: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="One of the provider's models for the operation."
    )
    task_type: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="The model's kind of work; for the operation 'task' alone."
    )
    inputs: dict[Role, Path | Annotated[list[Path], Field(min_length=1, max_length=30)]] = Field(
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
    priority: Annotated[int, Field(ge=0, le=9)] = Field(
        default=DEFAULT_PRIORITY,
        description="Higher ones are called first; 0 is for backfills. A task counts one step "
        "higher for every hour that it waits.",
    )
    on_unknown: Literal["hold", "fail", "retry"] = Field(
        default="hold",
        description="What to do when a paid call's fate is unclear: wait for a person, fail, or "
        "pay again.",
    )
    output: Output = Field(
        default_factory=Output, description="What the results are called and where they go."
    )

    max_price: Ceiling | None = Field(
        default=None,
        description="What one call may cost, whichever provider makes it; nothing is paid above.",
    )
    fallback: Fallback | None = Field(
        default=None,
        description="Whether another provider may do it when one refused: one that costs as much "
        "or less ('same-or-cheaper', which is the default; an unknown price counts as dearer), "
        "'any', or 'never'. Providers that 'provider' lists are agreed to, unless this says "
        "otherwise.",
    )

    reuse: bool = Field(
        default=False,
        description="Whether the results of an earlier task are copied, at no charge, if it was of "
        "the same bytes, parameters and provider, and this was set for it, too.",
    )

    @field_validator("metadata")
    @classmethod
    def _travels_in_events(cls, metadata: dict[str, Any]) -> dict[str, Any]:
        return _no_larger(metadata, "metadata", MAX_METADATA_BYTES)

    @field_validator("params")
    @classmethod
    def _fits_the_item_twice(cls, params: dict[str, Any]) -> dict[str, Any]:
        return _no_larger(params, "params", MAX_PARAMS_BYTES)


class Spec(PartialSpec):
    """What to do with a file. Only `operation` is required."""

    operation: Operation = Field(description="What to do, for example 'upscale'.")

    @property
    def preferred(self) -> tuple[str, ...]:
        """The providers that the spec names, in its order; empty when it names none."""
        if self.provider is None:
            return ()
        return (self.provider,) if isinstance(self.provider, str) else tuple(self.provider)

    @property
    def pinned(self) -> str | None:
        """The name of the route that the spec pins: `model`, or `model:task_type`."""
        return (
            self.model
            if self.task_type is None
            else f"{self.model}{TASK_TYPE_SEPARATOR}{self.task_type}"
        )


def read_spec(body: bytes, name: str) -> Spec:
    """Read a spec's file that no folder default fills.

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
        raise no_operation(name, document)
    return parse_spec(document, name)


def no_operation(name: str, document: object = None) -> SpecRefused:
    """The error for JSON that has no operation, so that it is not a spec."""
    known = names_of(PartialSpec)
    fields = list(document)[:MAX_FIELDS] if isinstance(document, dict) else []
    meant = [
        field
        for field in fields
        if field not in known and nearest_word(field, known) == "operation"
    ]
    hint = f" It has '{meant[0][:60]}'. Did you mean 'operation'?" if meant else ""
    return SpecRefused(
        "not-a-spec",
        f"{name} is JSON, but it has no 'operation', so it is not a spec.{hint}",
        'A spec is an object such as {"operation": "upscale"}.',
    )


def parse_spec(document: Mapping[str, Any], name: str) -> Spec:
    """Check a spec that is already JSON, as it comes inside a message. Raises `SpecRefused`."""
    return check_fields(Spec, document, name)


def check_fields(
    model: type[_Model],
    document: Mapping[str, Any],
    name: str,
    code: str = "bad-spec",
    inside: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> _Model:
    """Check a document against a model of specs. Raises `SpecRefused` with this code.

    `inside`: field -> the names that are known inside it.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise SpecRefused(
            code, *explain(error, name, names_of(model), {**_INSIDE, **inside})
        ) from error


@contextmanager
def about(document: object) -> Iterator[None]:
    """Whatever refuses the spec in this block knows its JSON."""
    try:
        yield
    except SpecRefused as refusal:
        refusal.document = document
        raise


def facts_of(document: object) -> SpecFacts | None:
    """What a spec's JSON says of itself, whether it is right or not; None if it is no object."""
    if not isinstance(document, Mapping):
        return None
    named = document.get("provider")
    provider = named[0] if isinstance(named, list) and named else named
    return SpecFacts(
        _short_text(document.get("operation")),
        _short_text(provider),
        _readable_metadata(document.get("metadata")),
    )


def _short_text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_NAME else None


def _readable_metadata(value: object) -> dict[str, Any]:
    """The metadata, if a spec that is right could have it."""
    try:
        return PartialSpec.model_validate({"metadata": value}).metadata
    except ValidationError:
        return {}


def names_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The names of a model's fields, as they are written."""
    return tuple(field.alias or field_name for field_name, field in model.model_fields.items())


def _no_larger(value: dict[str, Any], name: str, limit: int) -> dict[str, Any]:
    if len(json.dumps(value)) > limit:
        raise ValueError(f"{name} may have {limit:,} bytes as JSON")
    return value


_INSIDE = {"output": names_of(Output), "max_price": names_of(Ceiling)}
"""Field -> the names that are known inside it."""
