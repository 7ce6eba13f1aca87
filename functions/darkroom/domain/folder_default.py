"""The folder default: `_darkroom.json`, the spec of the photos in and below its folder.

    _darkroom.json              {"provider": "snapapi"}
    photos/_darkroom.json       {"operation": "upscale", "params": {"scale": 4}}
    photos/new/cat.jpg          upscaled by 4, by snapapi

It fills what a photo's own spec leaves out, and is the spec of a photo without one. The nearest
file wins, field by field; `params`, `inputs` and `output` are merged by name. What depends on an
operation (`params`, `inputs`, `model`, `task_type`) is not taken from a file that is about another
operation.

A list of specs gives every photo several results. The nearest file with a list says which labels
there are; the object of a file nearer to the photo overrides the list's entries, and what lies
farther away fills them.

Nothing here reads a bucket. Every value keeps the key of the file that it comes from.
"""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from darkroom.domain.errors import DefaultRefused, SpecRefused
from darkroom.domain.object_keys import folder_of, input_key, is_label
from darkroom.domain.spec import (
    Operation,
    PartialSpec,
    Spec,
    check_fields,
    names_of,
    no_operation,
    parse_spec,
)
from darkroom.domain.strict_json import read_json

DEFAULT_EXCLUDE: Final = ("*.mask.*", "_*")
"""What is left alone where no folder default says `exclude`: masks, and names that begin with an
underscore."""
DEFAULT_SETTLE_S: Final = 10
MAX_SETTLE_S: Final = 900
"""SQS delays a message by at most this."""
MAX_EXPECTED: Final = 100_000_000
MAX_QUIET_S: Final = 7 * 24 * 3600
MAX_SPECS: Final = 20
"""A photo has at most so many results by a folder default."""
FIELDS_OF_FOLDERS: Final = ("match", "exclude", "settle_s", "expect", "until", "quiet_s")
"""What a folder default says of its folder, and not of the spec of a photo."""

_OF_OPERATION: Final = frozenset({"params", "inputs", "model", "task_type"})
_OF_PROVIDER: Final = frozenset({"model", "task_type"})
_BY_NAME: Final = frozenset({"params", "inputs", "output"})
"""Fields that are merged by the names inside them."""


def _usable_glob(glob: str) -> str:
    if glob.startswith("/") or any(part in ("", ".", "..") for part in glob.split("/")):
        raise ValueError("a glob is relative to the folder of its file, without '.' or '..'")
    return glob


def _usable_label(label: str) -> str:
    if not is_label(label):
        raise ValueError(
            "1 to 40 lower-case letters, digits and hyphens, not ending in a hyphen and a number"
        )
    return label


def _different_labels(specs: "list[LabelledSpec] | None") -> "list[LabelledSpec] | None":
    labels = [spec.label for spec in specs or ()]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise ValueError(f"two specs have the label '{twice}'")
    return specs


Globs = Annotated[
    list[
        Annotated[
            str, StringConstraints(min_length=1, max_length=200), AfterValidator(_usable_glob)
        ]
    ],
    Field(max_length=50),
]


class LabelledSpec(PartialSpec):
    """One of several specs of a folder default."""

    label: Annotated[str, AfterValidator(_usable_label)] = Field(
        description="What the results are called, as in a spec's name: cat.jpg.<label>.json."
    )


class FolderDefault(PartialSpec):
    """The spec of the photos in and below a folder; a spec of a photo's own wins."""

    model_config = ConfigDict(title="Darkroom folder default")

    operation: Operation | None = Field(
        default=None,
        description="What to do, for example 'upscale'. Without it, here and in the folders above, "
        "a photo without a spec of its own is left alone.",
    )
    specs: (
        Annotated[
            list[LabelledSpec],
            Field(min_length=1, max_length=MAX_SPECS),
            AfterValidator(_different_labels),
        ]
        | None
    ) = Field(
        default=None,
        description="Several specs: each photo gets the results of all of them. A file may be "
        "just this list.",
    )
    match: Globs | None = Field(
        default=None,
        description="Only these files, as globs; without it, every media file. A glob without '/' "
        "is compared with the file's name, another one with the path from this folder; '**' is "
        "any number of folders. Upper and lower case are the same.",
    )
    exclude: Globs | None = Field(
        default=None,
        description="These files are left alone, as globs; by default "
        f"{' and '.join(DEFAULT_EXCLUDE)}.",
    )
    settle_s: Annotated[int, Field(ge=0, le=MAX_SETTLE_S)] | None = Field(
        default=None,
        description="How many seconds a photo waits for a spec of its own; by default "
        f"{DEFAULT_SETTLE_S}.",
    )
    expect: Annotated[int, Field(ge=1, le=MAX_EXPECTED)] | None = Field(
        default=None, description="How many photos there will be."
    )
    until: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        default=None, description="The name of an object that says that no photo follows."
    )
    quiet_s: Annotated[int, Field(ge=1, le=MAX_QUIET_S)] | None = Field(
        default=None, description="After so many seconds without a photo, none follows."
    )


@dataclass(frozen=True)
class DefaultFile:
    """A `_darkroom.json` as it was read.

    Attributes:
        fields: as they are written, the inputs from the bucket's root.
        specs: label -> the fields of its spec, the same; empty where there is no list.
    """

    key: str
    version_id: str
    fields: Mapping[str, Any]
    specs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Its folder with its trailing slash."""
        return folder_of(self.key)


Chain = Sequence[DefaultFile]
"""The folder defaults of a photo, the nearest one first."""


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


@dataclass(frozen=True)
class Reason:
    """Why a photo is left alone: the file that says so, and a sentence."""

    key: str
    sentence: str


def read_default(body: bytes, key: str, version_id: str) -> DefaultFile:
    """Read a folder default; `key` names it in the messages.

    Raises:
        DefaultRefused: with the codes of a spec, and `bad-default` for what is not allowed in it.
    """
    try:
        document = _checked(body, key)
        fields = {name: value for name, value in document.items() if name != "specs"}
        return DefaultFile(
            key,
            version_id,
            _with_absolute_inputs(fields, folder_of(key)),
            {
                spec["label"]: _with_absolute_inputs(
                    {name: value for name, value in spec.items() if name != "label"},
                    folder_of(key),
                )
                for spec in document.get("specs") or ()
            },
        )
    except SpecRefused as refusal:
        raise as_default_refused(refusal, key, version_id) from refusal


def as_default_refused(
    refusal: SpecRefused, key: str, version_id: str | None = None
) -> DefaultRefused:
    """The refusal of a folder default; its sentence begins with the file's key."""
    why = refusal.failure
    if not why.sentence.startswith(key):
        why = replace(why, sentence=f"{key}: {why.sentence}")
    return DefaultRefused(key, why, version_id, recheck=why.code in _NOT_SET_UP)


def _checked(body: bytes, key: str) -> dict[str, Any]:
    """The file's JSON; a list as the object that it is short for. Raises `SpecRefused`."""
    document = read_json(body, key)
    if isinstance(document, list):
        document = {"specs": document}
    if not isinstance(document, dict):
        raise SpecRefused(
            "bad-default",
            f"{key} is JSON, but neither an object nor a list of specs.",
            'A folder default is an object such as {"operation": "upscale"}.',
        )
    check_fields(FolderDefault, document, key, "bad-default", INSIDE)
    return document


INSIDE: Final = {"specs": names_of(LabelledSpec)}
"""Field -> the names that are known inside it."""


def own_layer(document: Mapping[str, Any], key: str) -> Layer:
    """A photo's own spec as the nearest layer. Raises `SpecRefused` (`bad-input-path`)."""
    return Layer(key, _with_absolute_inputs(document, folder_of(key)))


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


_NOT_SET_UP: Final = frozenset({"provider-not-set-up", "no-provider-set-up"})
"""Failure codes that end when a provider gets its credentials."""
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


def why_left_alone(chain: Chain, photo: str) -> Reason | None:
    """Why the folder defaults do not apply to a photo; None if they do."""
    if not chain:
        return Reason("", "There is no folder default.")
    matching = _nearest(chain, "match")
    if matching is not None and not any(
        is_match(glob, photo, matching.folder) for glob in matching.fields["match"]
    ):
        globs = ", ".join(f"'{glob}'" for glob in matching.fields["match"])
        return Reason(matching.key, f"It matches none of {globs}.")
    excluding = _nearest(chain, "exclude")
    folder = excluding.folder if excluding else ""
    for glob in excluding.fields["exclude"] if excluding else DEFAULT_EXCLUDE:
        if is_match(glob, photo, folder):
            by = excluding.key if excluding else chain[0].key
            return Reason(by, f"'{glob}' excludes it{'' if excluding else ', by default'}.")
    for label in labels_of(chain):
        for layer in layers_of(chain, label):
            if photo in _input_keys(layer.fields):
                return Reason(layer.key, "It is an input of the folder default itself.")
    if not has_operation(chain):
        return Reason(chain[0].key, "No folder default has an 'operation'.")
    return None


def has_operation(chain: Chain) -> bool:
    """Whether the files make specs: they have a list, or one of them has an operation."""
    return any(file.specs or file.fields.get("operation") for file in chain)


def settle_s(chain: Chain) -> int:
    """How long a photo waits for a spec of its own, seconds."""
    saying = _nearest(chain, "settle_s")
    return DEFAULT_SETTLE_S if saying is None else int(saying.fields["settle_s"])


def is_match(glob: str, key: str, folder: str) -> bool:
    """Whether a glob of a file in `folder` is about this key."""
    path = key.removeprefix(folder).lower()
    glob = glob.lower()
    if "/" not in glob:
        return fnmatch.fnmatchcase(path.rpartition("/")[2], glob)
    return _matches(tuple(glob.split("/")), tuple(path.split("/")))


def _matches(globs: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Whether a path matches part by part; `**` is any number of parts."""
    reached = {0}  # how many parts of the path the globs so far may have used
    for glob in globs:
        if glob == "**":
            reached = set(range(min(reached), len(parts) + 1)) if reached else set()
        else:
            reached = {
                at + 1 for at in reached if at < len(parts) and fnmatch.fnmatchcase(parts[at], glob)
            }
    return len(parts) in reached


def _nearest(chain: Chain, name: str) -> DefaultFile | None:
    """The nearest file that says something in this field."""
    return next((file for file in chain if file.fields.get(name) is not None), None)


def _first(layers: Iterable[Layer], name: str) -> Any:  # noqa: ANN401 - a value of JSON
    return next(
        (layer.fields[name] for layer in layers if layer.fields.get(name) is not None), None
    )


def _input_keys(fields: Mapping[str, Any]) -> list[str]:
    """The keys that `_with_absolute_inputs` has written."""
    written = fields.get("inputs", {}).values()
    paths = (path for one in written for path in ([one] if isinstance(one, str) else one))
    return [path.removeprefix("/") for path in paths]


def _with_absolute_inputs(fields: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """The fields with every input from the bucket's root, so that the folder does not matter."""
    if "inputs" not in fields:
        return dict(fields)
    inputs = {
        role: f"/{input_key(folder, paths)}"
        if isinstance(paths, str)
        else [f"/{input_key(folder, path)}" for path in paths]
        for role, paths in fields["inputs"].items()
    }
    return {**fields, "inputs": inputs}
