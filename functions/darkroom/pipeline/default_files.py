"""A `_darkroom.json` has arrived or is gone: report once whether it is refused, in its manifest.

The manifest is `<folder>/_darkroom.manifest.json` in the output bucket. There is none before the
first refusal; a corrected file changes its status.
"""

from typing import Any

from pydantic_core import to_json

from darkroom.domain.errors import Busy, DefaultRefused, Failure
from darkroom.domain.folder_default import Chain
from darkroom.domain.folder_match import has_operation
from darkroom.domain.merged_spec import labels_of
from darkroom.domain.object_keys import SpecName, folder_of, spec_key
from darkroom.pipeline.endings.manifest import VERSION
from darkroom.pipeline.orders.folder_defaults import (
    find_chain,
    order_of,
    read_default_file,
    spec_of_photo,
)
from darkroom.ports import Ports

MANIFEST_NAME = "_darkroom.manifest.json"
MAX_TRIES = 10
"""How often in a row a file may change while its manifest is written."""
_SAMPLE = "photo.jpg"


def report_default(ports: Ports, key: str) -> None:
    """Write the manifest of a folder default, if there is something to report. Safe to repeat.

    Events may come late and in any order, so it is always about the file as it is now; it is read
    again after the manifest was written, until the manifest says what was read.

    Raises:
        Busy: the file changes all the time.
    """
    manifest_key = folder_of(key) + MANIFEST_NAME
    for _ in range(MAX_TRIES):
        version, failure = _look_at(ports, key)
        there = ports.outputs.get(manifest_key)
        if there is None and failure is None:
            return
        body = to_json(_describe(key, version, failure), indent=2)
        if there == body:
            return
        ports.outputs.put(manifest_key, body, "application/json")
    raise Busy("default-changes", f"{key} changes all the time.")


def _look_at(ports: Ports, key: str) -> tuple[str | None, Failure | None]:
    """The file's version, None if it is gone, and why it is refused."""
    try:
        file = read_default_file(ports.inputs, key)
        if file is None:
            return None, None
    except DefaultRefused as refusal:
        return refusal.version_id, refusal.failure
    sample = folder_of(key) + _SAMPLE
    try:
        chain = find_chain(ports.inputs, sample)
        _check_specs(ports, chain, sample)
    except DefaultRefused as refusal:
        # Another file's refusal is reported beside that file.
        return file.version_id, refusal.failure if refusal.key == key else None
    return file.version_id, None


def _check_specs(ports: Ports, chain: Chain, sample: str) -> None:
    """Check the specs that the files make for a photo. Raises `DefaultRefused`."""
    if not has_operation(chain):
        return
    for label in labels_of(chain):
        name = SpecName(spec_key(sample, label), sample, label)
        order_of(spec_of_photo(chain, label), name, ports.providers, ports.money.max_price)


def _describe(key: str, version: str | None, failure: Failure | None) -> dict[str, Any]:
    status = "deleted" if version is None else "refused" if failure else "accepted"
    document: dict[str, Any] = {
        "manifest": VERSION,
        "status": status,
        "key": key,
        "version": version,
    }
    if failure:
        document["failure"] = {
            "code": failure.code,
            "sentence": failure.sentence,
            "next_step": failure.next_step,
        }
    return document
