"""A photo's spec, merged from its own and from its folder defaults, field by field.

The nearest file wins; `params`, `inputs` and `output` are merged by name. Every value keeps the key
of the file that it comes from. What is merged is checked as any other spec.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from darkroom.domain.errors import SpecRefused
from darkroom.domain.folder_default import Chain, with_absolute_inputs
from darkroom.domain.object_keys import folder_of
from darkroom.domain.spec import Spec, no_operation, parse_spec

FIELDS_OF_FOLDERS: Final = ("match", "exclude", "settle_s", "expect", "until", "quiet_s", "budget")
"""What a folder default says of its folder, and not of the spec of a photo."""

_OF_OPERATION: Final = frozenset({"params", "inputs", "model", "task_type"})
_OF_PROVIDER: Final = frozenset({"model", "task_type"})
_BY_NAME: Final = frozenset({"params", "inputs", "output"})
"""Fields that are merged by the names inside them."""


@dataclass(frozen=True)
class Layer:
    """Some fields, and the key of the file that they come from."""

    key: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Merged:
    """The spec of a photo, merged and not yet checked.

    Attributes:
        document: the spec; its inputs from the bucket's root.
        origins: field, or `field.name` where fields are merged by name -> the file it comes from.
    """

    document: Mapping[str, Any]
    origins: Mapping[str, str]


def own_layer(document: Mapping[str, Any], key: str) -> Layer:
    """A photo's own spec as the nearest layer. Raises `SpecRefused` (`bad-input-path`)."""
    return Layer(key, with_absolute_inputs(document, folder_of(key)))


def labels_of(chain: Chain) -> tuple[str | None, ...]:
    """The labels of a photo's specs; (None,) where no file has a list."""
    for file in chain:
        if file.specs:
            return tuple(file.specs)
    return (None,)


def layers_of(chain: Chain, label: str | None) -> list[Layer]:
    """What says something of the spec with this label, the nearest first."""
    layers: list[Layer] = []
    listed = False
    for file in chain:
        if file.specs and not listed:
            listed = True
            if label is not None and label in file.specs:
                layers.append(Layer(file.key, file.specs[label]))
        layers.append(Layer(file.key, file.fields))
    return layers


def merge(layers: Iterable[Layer]) -> Merged:
    """The layers as one spec; the first that says something wins."""
    layers = list(layers)
    operation = _first(layers, "operation")
    provider = _first(layers, "provider")
    document: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        own = layer.fields
        left_out = set(FIELDS_OF_FOLDERS) | {"$schema"}
        if own.get("operation") not in (None, operation):
            left_out |= _OF_OPERATION
        if own.get("provider") not in (None, provider):
            left_out |= _OF_PROVIDER
        for name, value in own.items():
            if name in left_out or (name == "operation" and value is None):
                continue
            if name in _BY_NAME:
                inner = document.setdefault(name, {})
                for part, given in value.items():
                    if part not in inner:
                        inner[part] = given
                        origins[f"{name}.{part}"] = layer.key
            elif name not in document:
                document[name] = value
                origins[name] = layer.key
    return Merged(document, origins)


def check_merged(merged: Merged, name: str) -> Spec:
    """The merged spec, checked. Raises `SpecRefused`; every file was checked before."""
    if merged.document.get("operation") is None:
        raise no_operation(name, merged.document)
    return parse_spec(merged.document, name)


def blame(refusal: SpecRefused, merged: Merged) -> str | None:
    """The key of the file that a refusal is about; None if it is about no file's field."""
    origins = merged.origins
    quoted = refusal.failure.sentence.split("'")[1::2]
    for part in ("params", "inputs", "output"):
        for word in quoted:
            if f"{part}.{word.removeprefix(f'{part}.')}" in origins:
                return origins[f"{part}.{word.removeprefix(f'{part}.')}"]
    fields = (*_FIELDS_OF_CODE.get(refusal.failure.code, ()), *quoted, "operation")
    for name in fields:
        found = origins.get(name) or next(
            (key for at, key in origins.items() if at.startswith(f"{name}.")), None
        )
        if found is not None:
            return found
    return None


_FIELDS_OF_CODE: Final[Mapping[str, Sequence[str]]] = {
    "unknown-provider": ("provider",),
    "operation-not-offered": ("provider",),
    "provider-not-set-up": ("provider",),
    "unknown-model": ("model",),
    "missing-model": ("provider",),
    "unknown-task-type": ("task_type", "model"),
    "unknown-role": ("inputs",),
    "too-many-files": ("inputs",),
    "bad-params": ("params",),
    "bad-output": ("output",),
}
"""Failure code -> the fields that it may be about, the likeliest first."""


def _first(layers: Iterable[Layer], name: str) -> Any:  # noqa: ANN401 - a value of JSON
    return next(
        (layer.fields[name] for layer in layers if layer.fields.get(name) is not None), None
    )
