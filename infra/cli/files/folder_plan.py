"""Plans photos that have no spec on this disk: their folder defaults say what becomes of them.

The folder defaults are those of the plan and, where it has none, those in the bucket. What they
make is found by the code of INTAKE, before anything is uploaded.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import click

from darkroom.domain.errors import DefaultRefused, Failure, SpecRefused
from darkroom.domain.object_keys import results_stem
from darkroom.pipeline.orders.folder_defaults import read_default_file
from darkroom.pipeline.orders.output_owner import find_live_owner
from infra.cli.explain.explanation import ExplainedSpec, Explanation, explain_key
from infra.cli.explain.planned_inputs import PlannedInputs
from infra.cli.files.upload_plan import NO_SPECS, WITHOUT_SPEC, UploadPlan, no_spec
from infra.cli.offline_specs import CheckedSpec, offline_providers

if TYPE_CHECKING:
    from darkroom.domain.order import Trigger
    from darkroom.ports import Ports

THREADS: Final = 8
OWN_SPEC: Final = "left alone by folder defaults, for a spec of its own in the bucket"
NEXT_STEP: Final = (
    "Put {stem}, {folder} or {label} into 'output.name', or another folder into 'output.folder'."
)


def apply_defaults(plan: UploadPlan, open_ports: "Callable[[], Ports]") -> None:
    """Find the tasks of the plan's photos without specs, and check all names of results.

    What is wrong goes to the plan's `refused`, and what folder defaults leave alone to its
    `left_out`. Afterwards its `files` are only those that a task needs.

    Args:
        plan: as `plan_upload` makes it with `bare`; it is changed.
        open_ports: makes ports of the environment, for each thread its own.

    Raises:
        click.UsageError: nothing is left, or a photo that the user named has no spec.
    """
    inputs: Any = PlannedInputs({**plan.files, **plan.defaults, **plan.specs}, open_ports().inputs)
    for key in list(plan.defaults):
        try:
            read_default_file(inputs, key)
        except DefaultRefused as refusal:
            plan.refused.append(_refused("", refusal.failure))
            del plan.defaults[key]
    keys = [*plan.specs, *plan.bare]
    owners: dict[str, str] = {}
    for key, found in zip(keys, _explain_all(inputs, keys, open_ports), strict=True):
        if isinstance(found, Failure):
            plan.refused.append(_refused(key, found))
            plan.specs.pop(key, None)
        elif found.broken is not None:
            plan.refused.append(_refused("", found.broken))
            plan.specs.pop(key, None)
        elif key in plan.specs or found.by_default:
            _add(plan, key, found, owners)
        elif found.specs:
            plan.photos[key] = ()
            plan.left_out.append((plan.files[key], OWN_SPEC))
        else:
            _leave_alone(plan, key, found)
    _keep_needed(plan)


def _explain_all(
    inputs: Any,  # noqa: ANN401 - the part of `ports.Inputs` that `explain_key` uses
    keys: Sequence[str],
    open_ports: "Callable[[], Ports]",
) -> "Iterator[Explanation | Failure]":
    """What each photo or spec becomes, in this order."""
    own = threading.local()
    providers = offline_providers()

    def owner_of(name: str, trigger: "Trigger") -> str | None:
        ports: Ports = own.ports
        return find_live_owner(ports, ports.tasks.owner(name), trigger)

    def explain(key: str) -> Explanation | Failure:
        try:
            return explain_key(inputs, providers, key, owner_of)
        except SpecRefused as refusal:
            return refusal.failure

    def prepare() -> None:
        own.ports = open_ports()

    with ThreadPoolExecutor(min(THREADS, len(keys)) or 1, initializer=prepare) as pool:
        yield from pool.map(explain, keys)


def _add(plan: UploadPlan, key: str, found: Explanation, owners: dict[str, str]) -> None:
    """Add what becomes of a photo or of its own spec; `owners` has the names of the others."""
    wrong = [*_wrong(key, found, owners)]
    plan.refused += wrong
    if wrong:
        plan.specs.pop(key, None)
        return
    plan.inputs[key] = tuple(name for spec in found.specs for name in spec.inputs)
    if key not in plan.specs:
        plan.photos[key] = tuple(spec.label for spec in found.specs)
        plan.settle_s = max(plan.settle_s, found.settle_s or 0)
    plan.asked[key] = tuple(spec.asked for spec in found.specs if spec.asked is not None)
    for spec in found.specs:
        plan.add_inputs(spec.inputs, plan.roots)


def _wrong(key: str, found: Explanation, owners: dict[str, str]) -> Iterator[CheckedSpec]:
    for spec in found.specs:
        if spec.failure is not None:
            # The sentence about a folder default names it.
            yield _refused("" if spec.made_by != key else key, spec.failure)
            continue
        for conflict in (*spec.conflicts, *_conflicts(key, spec, owners)):
            yield _refused(key, Failure("name-taken", f"The name {conflict}.", NEXT_STEP))


def _conflicts(key: str, spec: ExplainedSpec, owners: dict[str, str]) -> Iterator[str]:
    """The names that another photo of the plan has."""
    for name in dict.fromkeys((results_stem(spec.manifest), spec.results)):
        owner = owners.setdefault(name, key)
        if owner != key:
            yield f"'{name}' belongs to '{owner}'"


def _leave_alone(plan: UploadPlan, key: str, found: Explanation) -> None:
    """Leave out a photo that no spec and no folder default is about."""
    path = plan.files[key]
    if found.defaults:
        reason = f"left alone by {found.left_alone_by}: {found.left_alone}"
        plan.left_out.append((path, reason))
    elif key in plan.named:
        raise no_spec(path)
    else:
        plan.left_out.append((path, WITHOUT_SPEC))


def _keep_needed(plan: UploadPlan) -> None:
    """Leave only files that a task needs.

    Raises:
        click.UsageError: there is nothing to upload, and nothing to correct.
    """
    plan.keep_needed()
    without = any(reason == WITHOUT_SPEC for _, reason in plan.left_out)
    if without and not (plan.files or plan.specs or plan.defaults or plan.refused):
        folders = ", ".join(dict.fromkeys(str(folder) for _, folder in plan.roots))
        raise click.UsageError(
            f"{NO_SPECS.format(folders)}, or put a _darkroom.json into the folder, for all of them"
        )


def _refused(name: str, failure: Failure) -> CheckedSpec:
    return CheckedSpec(name, None, failure.code, failure.sentence, failure.next_step)
