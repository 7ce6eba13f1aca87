"""What became of an uploaded photo whose task does not come: a newer version, a spec of its own."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.domain.errors import DefaultRefused, InputRefused, InputWithheld
from darkroom.domain.folder_match import why_left_alone
from darkroom.domain.merged_spec import labels_of
from darkroom.domain.order import Trigger
from darkroom.pipeline.orders.folder_defaults import find_chain, find_own_specs
from darkroom.pipeline.orders.near_misses import find_waiting_specs
from infra.cli.files.upload import UploadedSpec

if TYPE_CHECKING:
    from darkroom.ports import Inputs, Ports


@dataclass(frozen=True)
class Newer:
    """What is followed instead of a photo's upload; `specs` is empty if nothing comes of it."""

    sentence: str
    specs: tuple[UploadedSpec, ...] = ()


def find_newer(ports: "Ports", spec: UploadedSpec) -> Newer | None:
    """What comes instead of the task of this photo; None if it may still come.

    A HEAD, and if that finds the same version what INTAKE asks, too.
    """
    trigger = spec.trigger
    if trigger is None or trigger.source is None:
        return None
    photo, inputs = trigger.source, ports.inputs
    try:
        found = inputs.find(photo)
        if found is None:
            return Newer(f"{photo} was deleted before it began")
        if found.version_id == trigger.version:
            return _of_same_version(ports, photo, trigger)
    except (InputRefused, InputWithheld, DefaultRefused):
        return None  # a task says what is wrong
    newest = _of_photo(inputs, photo, found.version_id, trigger.label)
    return Newer(f"{photo} was replaced; its newest version is followed", (newest,))


def _of_same_version(ports: "Ports", photo: str, trigger: Trigger) -> Newer | None:
    """What its own specs and its folder defaults make of the photo now; None if it is the same."""
    inputs = ports.inputs
    keys_of_own = [*find_own_specs(inputs, photo), *find_waiting_specs(ports, photo)]
    own = [_of_spec(inputs, key) for key in dict.fromkeys(keys_of_own)]
    if own:
        keys = ", ".join(each.key for each in own)
        return Newer(f"{photo} has a spec of its own now; {keys} is followed", tuple(own))
    chain = find_chain(inputs, photo)
    alone = why_left_alone(chain, photo)
    if alone is not None:
        by = f" by {alone.key}" if alone.key else ""
        return Newer(f"{photo} is left alone{by} now: {alone.sentence}")
    labels = labels_of(chain)
    if trigger.label in labels:
        return None
    return Newer(
        f"the folder default of {photo} was changed; its results are followed",
        tuple(_of_photo(inputs, photo, trigger.version, label) for label in labels),
    )


def _of_photo(inputs: "Inputs", photo: str, version: str, label: str | None) -> UploadedSpec:
    trigger = Trigger.of_photo(inputs.bucket, photo, version, label)
    return UploadedSpec(trigger.key, trigger.task_id, trigger)


def _of_spec(inputs: "Inputs", key: str) -> UploadedSpec:
    found = inputs.find(key)
    version = found.version_id if found else ""
    return UploadedSpec(key, Trigger("upload", inputs.bucket, key, version).task_id)
