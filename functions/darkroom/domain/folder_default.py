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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from darkroom.domain.budgets import Budget
from darkroom.domain.errors import DefaultRefused, SpecRefused
from darkroom.domain.object_keys import folder_of, input_key, is_label
from darkroom.domain.spec import (
    Operation,
    PartialSpec,
    SpendingLimit,
    check_fields,
    names_of,
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
    budget: SpendingLimit | None = Field(
        default=None,
        description="What may be spent on these photos. What exceeds it is held, and goes on by "
        "itself when there is room again.",
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
            with_absolute_inputs(fields, folder_of(key)),
            {
                spec["label"]: with_absolute_inputs(
                    {name: value for name, value in spec.items() if name != "label"},
                    folder_of(key),
                )
                for spec in document.get("specs") or ()
            },
        )
    except SpecRefused as refusal:
        raise as_default_refused(refusal, key, version_id) from refusal


_NOT_SET_UP: Final = frozenset({"provider-not-set-up", "no-provider-set-up"})
"""Failure codes that end when a provider gets its credentials."""


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


INSIDE: Final = {"specs": names_of(LabelledSpec), "budget": names_of(SpendingLimit)}
"""Field -> the names that are known inside it."""


def with_absolute_inputs(fields: Mapping[str, Any], folder: str) -> dict[str, Any]:
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


def budgets_in(chain: Chain) -> tuple[Budget, ...]:
    """The budgets of the folders that a photo is in; each of them counts."""
    found = (budget_of(file) for file in chain)
    return tuple(budget for budget in found if budget is not None)


def budget_of(file: DefaultFile) -> Budget | None:
    """The budget that a folder default has."""
    document: Mapping[str, Any] | None = file.fields.get("budget")
    if document is None:
        return None
    return Budget(
        file.key, document.get("usd"), document.get("credits"), document.get("per", "day")
    )
