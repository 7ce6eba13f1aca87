"""Find the folder defaults of a photo, and the spec that they make, alone or with its own.

Every folder is asked, all at the same time: one GET each, and nothing is remembered, so a file
that was written a second ago is seen. A folder without a default costs the answer 404.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from darkroom.domain.budgets import Budget
from darkroom.domain.errors import (
    DefaultRefused,
    Failure,
    InputRefused,
    InputWithheld,
    SpecRefused,
)
from darkroom.domain.folder_default import (
    Chain,
    DefaultFile,
    as_default_refused,
    budgets_in,
    read_default,
)
from darkroom.domain.merged_spec import Merged, blame, check_merged, layers_of, merge, own_layer
from darkroom.domain.object_keys import (
    SpecName,
    default_keys,
    folder_of,
    is_spec_of,
    is_spec_of_almost,
    parse_spec_name,
    unicode_spellings,
)
from darkroom.domain.order import Order, Trigger, UsedDefault
from darkroom.domain.output_names import ResultsName, build_results_name, values_of
from darkroom.domain.price_limit import PriceLimit
from darkroom.domain.spec import (
    PartialSpec,
    Spec,
    about,
    check_fields,
    no_operation,
    parse_spec,
)
from darkroom.domain.strict_json import MAX_BYTES, read_json
from darkroom.pipeline.orders.near_misses import Nearby, takes_instead
from darkroom.pipeline.orders.resolve import resolve
from darkroom.ports import Current, Inputs, Providers


@dataclass(frozen=True)
class ResolvedSpec:
    """A spec with what folder defaults fill.

    Attributes:
        own: the key of the spec's own file; None if folder defaults alone make it.
        merged: where its values come from; None if no folder default is involved.
        defaults: the folder defaults from which something comes, the nearest first.
        budgets: those of the folders that the photo is in.
    """

    spec: Spec
    own: str | None
    merged: Merged | None = None
    defaults: tuple[UsedDefault, ...] = ()
    budgets: tuple[Budget, ...] = ()


def find_chain(inputs: Inputs, key: str) -> Chain:
    """The folder defaults of a file, the nearest one first; empty if there is none.

    Raises:
        DefaultRefused: one of them is broken, or cannot be read.
    """
    keys = default_keys(key)
    answers = zip(keys, inputs.read_each(keys, MAX_BYTES), strict=True)
    found = (_as_default(at, answer) for at, answer in answers)
    return [file for file in found if file is not None]


def read_default_file(inputs: Inputs, key: str) -> DefaultFile | None:
    """The folder default with this key, None if there is none. Raises `DefaultRefused`."""
    (answer,) = inputs.read_each((key,), MAX_BYTES)
    return _as_default(key, answer)


def _as_default(
    key: str, answer: Current | InputRefused | InputWithheld | None
) -> DefaultFile | None:
    """The folder default in an answer of `read_each`. Raises `DefaultRefused`."""
    if isinstance(answer, (InputRefused, InputWithheld)):
        why = answer.failure
        withheld = isinstance(answer, InputWithheld)
        refused = Failure(why.code, f"{key}: {why.sentence}", why.next_step)
        raise DefaultRefused(key, refused, "unread", recheck=withheld) from answer
    return read_default(answer.body, key, answer.version_id) if answer else None


def has_own_spec(inputs: Inputs, photo: str) -> bool:
    """Whether there is a spec of the photo's own; see `find_own_specs`."""
    return next(find_own_specs(inputs, photo), None) is not None


def find_own_specs(inputs: Inputs, photo: str) -> Iterator[str]:
    """The keys of the photo's own specs, with any label; one LIST for each spelling.

    A spec for the same name with another case of the extension (`cat.jpg.json` for `cat.JPG`) is
    the photo's own if it takes this photo for the one that it lacks.
    """
    almost: dict[str, None] = {}
    for spelling in unicode_spellings(photo):
        after = ""
        # The extension is left out, so that its other cases are listed, too.
        while keys := inputs.list_keys(f"{spelling.rpartition('.')[0]}.", after):
            yield from (key for key in keys if is_spec_of(key, spelling))
            almost |= dict.fromkeys(key for key in keys if is_spec_of_almost(key, photo))
            after = keys[-1]
    nearby = Nearby(inputs)
    yield from (key for key in almost if takes_instead(nearby, key, photo))


def spec_of_photo(chain: Chain, label: str | None) -> ResolvedSpec:
    """The spec of a photo without one of its own. Raises `DefaultRefused`."""
    merged = merge(layers_of(chain, label))
    with about(merged.document):
        try:
            spec = check_merged(merged, f"The spec '{label}'" if label else chain[0].key)
        except SpecRefused as refusal:
            raise as_default_refused(refusal, chain[0].key) from refusal
    return ResolvedSpec(spec, None, merged, _used(chain, merged), budgets_in(chain))


def read_document(inputs: Inputs, trigger: Trigger) -> object:
    """The JSON of an uploaded spec, whatever its name; None if it is gone. Raises `Refused`."""
    body = inputs.read(trigger.key, trigger.version, MAX_BYTES)
    return None if body is None else read_json(body, trigger.key)


def read_uploaded_spec(inputs: Inputs, trigger: Trigger) -> ResolvedSpec:
    """The spec of an upload, with what folder defaults fill. Raises as `read_own_spec`."""
    name = parse_spec_name(trigger.key)
    body = inputs.read(trigger.key, trigger.version, MAX_BYTES)
    if body is None:
        file_name = trigger.key.removeprefix(folder_of(trigger.key))
        raise SpecRefused("spec-gone", f"{file_name} was deleted before it could be read.")
    return read_own_spec(inputs, body, name)


def read_own_spec(inputs: Inputs, body: bytes, name: SpecName) -> ResolvedSpec:
    """The spec of a file, and what the folder defaults of its photo fill.

    A spec without a source is complete in itself.

    Raises:
        SpecRefused: the spec is refused.
        DefaultRefused: a folder default is.
    """
    file_name = name.key.removeprefix(folder_of(name.key))
    document = read_json(body, file_name)
    if not isinstance(document, dict):
        raise no_operation(file_name, document)
    with about(document):
        complete = parse_spec(document, file_name) if "operation" in document else None
        chain = find_chain(inputs, name.source) if name.source else ()
        return own_with_defaults(document, complete, name, chain)


def own_with_defaults(
    document: Mapping[str, Any], complete: Spec | None, name: SpecName, chain: Chain
) -> ResolvedSpec:
    """A photo's own spec and its folder defaults as one.

    Args:
        document: the spec's JSON.
        complete: the spec, if it has an operation.
        name: of the spec.
        chain: the folder defaults of its photo.

    Raises:
        SpecRefused: the spec is refused.
    """
    file_name = name.key.removeprefix(folder_of(name.key))
    layers = layers_of(chain, name.label)
    if complete is None:
        if not any(layer.fields.get("operation") for layer in layers):
            raise no_operation(file_name, document)
        check_fields(PartialSpec, document, file_name)
    if not chain:
        return ResolvedSpec(complete or parse_spec(document, file_name), name.key)
    merged = merge([own_layer(document, name.key), *layers])
    spec = check_merged(merged, file_name)
    return ResolvedSpec(spec, name.key, merged, _used(chain, merged), budgets_in(chain))


def order_of(
    resolved: ResolvedSpec, name: SpecName, providers: Providers, most: PriceLimit | None = None
) -> tuple[Order, ResultsName]:
    """The order of a spec, and what its results are called elsewhere than beside the manifest.

    `most` is what a call may cost in this environment.

    Raises:
        SpecRefused: as `resolve`; the sentence names the folder default to blame, if one is.
        DefaultRefused: the same, where folder defaults alone make the spec.
    """
    spec = resolved.spec
    try:
        order = resolve(spec, name, providers, most)
        results_name = build_results_name(
            spec.output.name,
            spec.output.folder,
            values_of(name, spec.operation, spec.metadata),
        )
    except SpecRefused as refusal:
        raise _blamed(refusal, resolved) from refusal
    output = spec.output.model_dump(exclude_none=True)
    order = replace(order, output=output, defaults=resolved.defaults, budgets=resolved.budgets)
    return order, results_name


def _blamed(refusal: SpecRefused, resolved: ResolvedSpec) -> SpecRefused:
    if resolved.merged is None:
        return refusal
    key = blame(refusal, resolved.merged)
    if resolved.own is None:
        return as_default_refused(refusal, key or resolved.defaults[0].key)
    if key in (None, resolved.own):
        return refusal
    why = refusal.failure
    return SpecRefused(why.code, f"{key}: {why.sentence}", why.next_step)


def _used(chain: Chain, merged: Merged) -> tuple[UsedDefault, ...]:
    used = set(merged.origins.values())
    return tuple(UsedDefault(file.key, file.version_id) for file in chain if file.key in used)
