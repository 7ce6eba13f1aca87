"""What a photo becomes: its specs as INTAKE resolves them, and where each value comes from.

It runs the code of INTAKE over whatever `Inputs` it is given: the bucket, or a folder on disk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from darkroom.domain.errors import (
    DarkroomError,
    DefaultRefused,
    Failure,
    InputRefused,
    InputWithheld,
    SpecRefused,
)
from darkroom.domain.folder_default import Chain
from darkroom.domain.folder_match import settle_s, why_left_alone
from darkroom.domain.merged_spec import labels_of
from darkroom.domain.near_names import intended_spec, read_spec_name, why_not_a_photo
from darkroom.domain.object_keys import (
    SpecName,
    classify_key,
    is_source,
    manifest_key,
    parse_spec_name,
    spec_key,
)
from darkroom.domain.order import Choice, Order, Trigger
from darkroom.domain.output_names import ResultsName, numbered
from darkroom.domain.price_limit import PriceLimit
from darkroom.domain.strict_json import MAX_BYTES
from darkroom.pipeline.orders.folder_defaults import (
    ResolvedSpec,
    find_chain,
    find_own_specs,
    order_of,
    read_own_spec,
    spec_of_photo,
)
from darkroom.pipeline.orders.new_task import default_output, elsewhere
from darkroom.ports import Inputs, Providers
from infra.cli.offline_specs import AskedTask

BY_DEFAULT = "folder defaults"


class Owners(Protocol):
    """Whose an output name is."""

    def __call__(self, name: str, trigger: Trigger) -> str | None:
        """The key of another spec or photo that has it; None if it is free."""


@dataclass(frozen=True)
class ExplainedSpec:
    """One spec of a photo.

    Attributes:
        made_by: the key of the photo's own spec, or `BY_DEFAULT`.
        label: that tells it from the photo's other specs.
        values: field, such as `params.scale` -> its value.
        origins: field -> the key of the file that it comes from.
        choices: providers and models, in order of preference.
        manifest: its key in the output bucket; "" where there will be none.
        results: the key of the results without their extension.
        failure: why it is refused.
        conflicts: whose names these are already.
        inputs: the keys of all files that it names.
        asked: the whole of it; None if it is refused.
    """

    made_by: str
    label: str | None
    values: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    choices: Sequence[Choice] = ()
    manifest: str = ""
    results: str = ""
    failure: Failure | None = None
    conflicts: Sequence[str] = ()
    inputs: Sequence[str] = ()
    asked: AskedTask | None = None

    def as_dict(self) -> dict[str, Any]:
        """The spec as `--json` prints it."""
        why = self.failure
        return {
            "made_by": self.made_by,
            "label": self.label,
            "values": dict(self.values),
            "origins": dict(self.origins),
            "choices": [{"provider": c.provider, "model": c.model} for c in self.choices],
            "manifest": self.manifest or None,
            "results": self.results or None,
            "conflicts": list(self.conflicts),
            "failure": {"code": why.code, "sentence": why.sentence, "next_step": why.next_step}
            if why
            else None,
        }


@dataclass(frozen=True)
class Explanation:
    """What a photo becomes.

    Attributes:
        key: the photo's, or that of a spec without a photo.
        defaults: the folder defaults that were found, the nearest first.
        specs: its specs; none if it is left alone.
        settle_s: how long it waits for a spec of its own, seconds; None if it does not.
        left_alone: why no task is made of it.
        left_alone_by: the key of the file that says so.
        broken: why a folder default is refused, for which the photo waits.
    """

    key: str
    defaults: Sequence[str] = ()
    specs: Sequence[ExplainedSpec] = ()
    settle_s: int | None = None
    left_alone: str | None = None
    left_alone_by: str | None = None
    broken: Failure | None = None

    @property
    def by_default(self) -> bool:
        """Whether folder defaults alone make its specs."""
        return any(spec.made_by == BY_DEFAULT for spec in self.specs)

    @property
    def right(self) -> bool:
        """Whether nothing has to be corrected."""
        wrong = any(spec.failure or spec.conflicts for spec in self.specs)
        return self.broken is None and not wrong

    def as_dict(self) -> dict[str, Any]:
        """The explanation as `--json` prints it."""
        why = self.broken
        return {
            "key": self.key,
            "defaults": list(self.defaults),
            "specs": [spec.as_dict() for spec in self.specs],
            "settle_s": self.settle_s,
            "left_alone": {"by": self.left_alone_by, "sentence": self.left_alone}
            if self.left_alone
            else None,
            "broken": {"code": why.code, "sentence": why.sentence, "next_step": why.next_step}
            if why
            else None,
        }


def explain_key(
    inputs: Inputs,
    providers: Providers,
    key: str,
    owner_of: Owners,
    most: PriceLimit | None = None,
) -> Explanation:
    """What the photo or spec with this key becomes; it need not exist yet.

    `most` is what a call may cost in the environment.

    Raises:
        SpecRefused: the key is that of neither.
    """
    names: Sequence[SpecName]
    if classify_key(key) == "spec":
        name = read_spec_name(key)
        photo, names = name.source or key, [name]
    elif classify_key(key) == "file" and is_source(key):
        photo, names = key, _own_specs(inputs, key)
    else:
        if intended_spec(key):
            read_spec_name(key)  # says what it was meant to be called
        raise SpecRefused(
            "not-a-photo",
            f"'{key}' is neither a photo nor a spec. {why_not_a_photo(key)}",
            "Name a file such as photos/cat.jpg, or its spec.",
        )
    try:
        chain: Chain = find_chain(inputs, photo) if is_source(photo) else ()
    except DefaultRefused as refusal:
        return Explanation(photo, broken=refusal.failure)
    files = [file.key for file in chain]
    if names:
        specs = [_explain_own(inputs, providers, name, owner_of, most) for name in names]
        return Explanation(photo, files, _with_own_conflicts(specs))
    alone = why_left_alone(chain, photo)
    if alone is not None:
        return Explanation(photo, files, left_alone=alone.sentence, left_alone_by=alone.key or None)
    made = [
        _explain_default(providers, chain, photo, label, owner_of, most)
        for label in labels_of(chain)
    ]
    return Explanation(photo, files, _with_own_conflicts(made), settle_s(chain))


def _with_own_conflicts(specs: Sequence[ExplainedSpec]) -> list[ExplainedSpec]:
    """The specs of one photo, with a conflict where two of them have the same name."""
    first: dict[str, ExplainedSpec] = {}
    found = []
    for spec in specs:
        other = first.setdefault(spec.results, spec) if spec.results else spec
        taken = f"'{spec.results}' belongs to this photo's label '{other.label}'"
        found.append(spec if other is spec else replace(spec, conflicts=(*spec.conflicts, taken)))
    return found


def _own_specs(inputs: Inputs, photo: str) -> list[SpecName]:
    return [parse_spec_name(key) for key in find_own_specs(inputs, photo)]


def _explain_own(
    inputs: Inputs,
    providers: Providers,
    name: SpecName,
    owner_of: Owners,
    most: PriceLimit | None,
) -> ExplainedSpec:
    (current,) = inputs.read_each((name.key,), MAX_BYTES)
    if isinstance(current, InputRefused | InputWithheld):
        raise current
    if current is None:
        raise SpecRefused("no-such-spec", f"There is no spec '{name.key}'.")
    resolved: ResolvedSpec | SpecRefused
    try:
        resolved = read_own_spec(inputs, current.body, name)
    except SpecRefused as refusal:
        resolved = refusal
    trigger = Trigger("upload", inputs.bucket, name.key, current.version_id)
    return _explain(providers, name, resolved, trigger, owner_of, most)


def _explain_default(
    providers: Providers,
    chain: Chain,
    photo: str,
    label: str | None,
    owner_of: Owners,
    most: PriceLimit | None,
) -> ExplainedSpec:
    resolved: ResolvedSpec | SpecRefused
    try:
        resolved = spec_of_photo(chain, label)
    except SpecRefused as refusal:
        resolved = refusal
    name = SpecName(spec_key(photo, label), photo, label)
    trigger = Trigger.of_photo("", photo, "", label)
    return _explain(providers, name, resolved, trigger, owner_of, most)


def _explain(
    providers: Providers,
    name: SpecName,
    resolved: ResolvedSpec | SpecRefused,
    trigger: Trigger,
    owner_of: Owners,
    most: PriceLimit | None,
) -> ExplainedSpec:
    made_by = name.key if trigger.kind == "upload" else BY_DEFAULT
    if isinstance(resolved, SpecRefused):
        return ExplainedSpec(made_by, name.label, failure=resolved.failure)
    values, origins = _values(resolved, name)
    output = default_output(name, resolved)
    order: Order | None = None
    results: ResultsName = ()
    failure: Failure | None = None
    try:
        order, results = order_of(resolved, name, providers, most)
    except SpecRefused as refusal:
        failure = refusal.failure
    first = numbered(elsewhere(results, output) or (output,), 1)
    owners = [(taken, owner_of(taken, trigger)) for taken in dict.fromkeys((output, first))]
    return ExplainedSpec(
        made_by,
        name.label,
        values,
        origins,
        order.choices if order else (),
        manifest_key(output),
        first,
        failure,
        [f"'{taken}' belongs to '{owner}'" for taken, owner in owners if owner],
        [key for keys in order.keys.values() for key in keys] if order else (),
        AskedTask(resolved.spec, name) if order else None,
    )


def _values(resolved: ResolvedSpec, name: SpecName) -> tuple[dict[str, Any], dict[str, str]]:
    """Field -> value, and field -> file, for everything that some file says."""
    if resolved.merged is None:
        said = resolved.spec.model_dump(exclude_unset=True, by_alias=True)
        flat = _flat(said)
        return flat, dict.fromkeys(flat, name.key)
    origins = dict(resolved.merged.origins)
    flat = _flat(cast("dict[str, Any]", resolved.merged.document))
    return flat, origins


def _flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields; those that are merged by name one by one."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if key in ("params", "inputs", "output"):
            flat |= {f"{key}.{name}": inner for name, inner in value.items()}
        elif key != "$schema":
            flat[key] = value
    return flat


def owners_on_disk(
    inputs: Inputs, providers: Providers, photos: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    """Output name -> the photos on disk whose results would have it.

    What cannot be resolved is left out; `explain` of that photo says why.
    """
    names: dict[str, list[str]] = {}
    for photo in photos:
        try:
            found = explain_key(inputs, providers, photo, lambda _name, _trigger: None)
        except DarkroomError:
            continue
        for spec in found.specs:
            taken = dict.fromkeys((spec.manifest.removesuffix(".manifest.json"), spec.results))
            for name in taken:
                names.setdefault(name, []).append(photo)
    return names
