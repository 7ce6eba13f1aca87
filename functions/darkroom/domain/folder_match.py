"""Which photos a folder default is about: globs, and how long a photo waits for its own spec."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.domain.folder_default import (
    DEFAULT_EXCLUDE,
    DEFAULT_SETTLE_S,
    Chain,
    DefaultFile,
)
from darkroom.domain.merged_spec import labels_of, layers_of


@dataclass(frozen=True)
class Reason:
    """Why a photo is left alone: the file that says so, and a sentence."""

    key: str
    sentence: str


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


def _input_keys(fields: Mapping[str, Any]) -> list[str]:
    """The keys that `with_absolute_inputs` has written."""
    written = fields.get("inputs", {}).values()
    paths = (path for one in written for path in ([one] if isinstance(one, str) else one))
    return [path.removeprefix("/") for path in paths]
