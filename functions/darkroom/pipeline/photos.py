"""Photos under folder defaults: what an uploaded photo becomes when it has no spec of its own.

    photo ──▶ find the defaults ──▶ errand, delayed by `settle_s` ──▶ an own spec? nothing
                    │                                            └──▶ one task for each label
                    └─ none, excluded: nothing

A repeated event is a repeated errand, and finds the tasks that exist. Whether the photo's version
is current and has no own spec is asked after the newest task of the same key was read, so of two
versions, or of a photo and its own spec, the later one replaces the earlier one.
"""

import functools
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from darkroom.domain.arrivals import PhotoErrand
from darkroom.domain.errors import DefaultRefused, InputRefused, InputWithheld
from darkroom.domain.folder_default import DEFAULT_SETTLE_S, Chain
from darkroom.domain.folder_match import settle_s, why_left_alone
from darkroom.domain.merged_spec import labels_of
from darkroom.domain.object_keys import SpecName, folder_of, is_source, spec_key
from darkroom.domain.order import Trigger
from darkroom.pipeline.cancel import cancel_unsubmitted
from darkroom.pipeline.orders.folder_defaults import (
    ResolvedSpec,
    find_chain,
    has_own_spec,
    spec_of_photo,
)
from darkroom.pipeline.orders.inputs import exists
from darkroom.pipeline.orders.near_misses import find_waiting_specs
from darkroom.pipeline.orders.new_task import SpecRequest
from darkroom.pipeline.orders.superseded import PHOTO_DELETED
from darkroom.ports import Ports

RECENT: Final = timedelta(minutes=15)
"""A folder default acts on photos that were uploaded at most so long before it."""


def requests_of_upload(ports: Ports, key: str, version_id: str | None) -> Sequence[SpecRequest]:
    """What is to be started at once for an uploaded file; usually an errand is sent."""
    if not is_source(key):
        return ()
    chain = _chain_or_refusal(ports, key)
    wait_s = DEFAULT_SETTLE_S
    if not isinstance(chain, DefaultRefused):
        if why_left_alone(chain, key):
            return ()
        wait_s = settle_s(chain)
    version_id = version_id or _current_version(ports, key)
    if version_id is None:
        return ()
    if wait_s == 0:
        return _requests(ports, key, version_id, chain)
    ports.errands.send([PhotoErrand(key, version_id).as_message()], wait_s)
    return ()


def requests_of_errand(ports: Ports, errand: PhotoErrand) -> Sequence[SpecRequest]:
    """What is to be started for a photo that had time to get a spec of its own."""
    if not is_source(errand.key):
        return ()
    version_id = errand.version_id or _current_version(ports, errand.key)
    if version_id is None:
        return ()
    return _requests(ports, errand.key, version_id, _chain_or_refusal(ports, errand.key))


def send_recent_photos(ports: Ports, key: str) -> None:
    """Send the errands of photos that were uploaded shortly before their folder default.

    Clients upload in parallel, or by name: `IMG_1.jpg` may be there first, and was left alone. A
    photo that has its task keeps it. Nothing is sent where there is no folder default any more.
    """
    if not exists(ports.inputs, key):
        return
    since = ports.clock.now() - RECENT
    photos = (at for at in ports.inputs.list_recent(folder_of(key), since) if is_source(at))
    bodies = [PhotoErrand(photo).as_message() for photo in photos]
    if bodies:
        ports.errands.send(bodies, DEFAULT_SETTLE_S)


def cancel_removed_photo(ports: Ports, key: str) -> None:
    """A deleted photo cancels what its folder defaults have begun and is not yet submitted.

    The tasks are read before the photo is looked for, so those of a new upload are not cancelled.
    """
    if not is_source(key):
        return
    chain = _chain_or_refusal(ports, key)
    labels = (None,) if isinstance(chain, DefaultRefused) else (None, *labels_of(chain))
    for label in dict.fromkeys(labels):
        task_id = ports.tasks.latest(spec_key(key, label))
        task = ports.tasks.get(task_id) if task_id else None
        if task is None or task.trigger.kind != "photo" or exists(ports.inputs, key):
            continue
        cancel_unsubmitted(ports, task.task_id, PHOTO_DELETED)


def _current_version(ports: Ports, key: str) -> str | None:
    found = ports.inputs.find(key)
    return found.version_id if found else None


def _chain_or_refusal(ports: Ports, key: str) -> Chain | DefaultRefused:
    try:
        return find_chain(ports.inputs, key)
    except DefaultRefused as refusal:
        return refusal


def _requests(
    ports: Ports, key: str, version_id: str, chain: Chain | DefaultRefused
) -> Sequence[SpecRequest]:
    labels: Sequence[str | None] = (None,)
    if not isinstance(chain, DefaultRefused):
        if why_left_alone(chain, key):
            return ()
        labels = labels_of(chain)
    return [_request(ports, key, version_id, chain, label) for label in labels]


def _request(
    ports: Ports, key: str, version_id: str, chain: Chain | DefaultRefused, label: str | None
) -> SpecRequest:
    trigger = Trigger.of_photo(ports.inputs.bucket, key, version_id, label)

    def read() -> ResolvedSpec:
        if isinstance(chain, DefaultRefused):
            raise chain
        return spec_of_photo(chain, label)

    return SpecRequest(
        trigger,
        lambda: SpecName(trigger.key, key, label),
        read,
        functools.partial(_is_wanted, ports, key, version_id),
    )


def _is_wanted(ports: Ports, key: str, version_id: str) -> bool:
    """Whether this version of the photo is current and has no spec of its own."""
    try:
        found = ports.inputs.find(key)
    except (InputRefused, InputWithheld):
        current = True  # its task will say what is wrong with it
    else:
        current = found is not None and found.version_id == version_id
    if not current or has_own_spec(ports.inputs, key):
        return False
    return next(find_waiting_specs(ports, key), None) is None
