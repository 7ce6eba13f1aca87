"""Look for files with almost the name that a task waits for, and take one if only its case differs.

    a minute after the task was created   one LIST of the folder
    a file with almost the name arrives   its name is stored; no LIST, but one a minute later
    the deadline, or a retry by a user    one LIST of the folder

A file is taken a minute after its upload, so the one with the exact name has the time to arrive,
whatever becomes of the events; at the deadline and in a retry at once. An arrival concerns only the
tasks that wait for almost its name (`normalize_key`), so a folder with thousands of waiting tasks
costs no more than one with a single one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from darkroom.domain.near_names import OTHER_CASE, difference, exact_variants
from darkroom.domain.object_keys import (
    folder_of,
    is_spec_of,
    is_spec_of_almost,
    normalize_key,
    parse_spec_name,
)
from darkroom.domain.order import Order
from darkroom.pipeline.orders.inputs import absent, exists, find_input, find_inputs, missing
from darkroom.ports import Found, Inputs, Ports

LOOK_AFTER: Final = timedelta(minutes=1)
"""How long the file with the exact name has time to arrive, after the task or a near miss."""
MAX_LOOKED: Final = 3
"""So many missing files of a task are looked for."""
MAX_NAMED: Final = 3
"""So many near misses of a file are named."""
PAGE: Final = 1000
"""Keys of one LIST."""
MAX_WAITING: Final = 64
"""So many tasks that wait for one file are looked at."""
MAX_FOLDERS: Final = 32
"""LISTs that one `Nearby` remembers: about 100 KB each."""
THERE_IS: Final = "; there is "
"""Begins what a wait reason says of near misses."""
_TAKEN_SOON: Final = "in a minute it is taken, if it is the only one in other case then"


@dataclass
class Nearby:
    """The names beside wanted files; of each folder one LIST is made, and remembered.

    It lives as long as one call of a function. A file that arrives later has an event of its own.
    """

    inputs: Inputs
    _listed: dict[str, Sequence[str]] = field(default_factory=dict)

    def names(self, key: str) -> Sequence[str]:
        """The keys in the folder of a wanted one; of a larger folder those with its stem.

        One LIST for a folder of up to 1,000 keys, and a second one for a larger one.
        """
        folder = folder_of(key)
        names = self._list(folder)
        if len(names) < PAGE:
            return names
        stem, dot, _ = key.rpartition(".")
        return self._list(stem if dot and "/" not in key[len(stem) :] else key)

    def _list(self, prefix: str) -> Sequence[str]:
        if prefix not in self._listed:
            if len(self._listed) >= MAX_FOLDERS:
                self._listed.clear()
            self._listed[prefix] = self.inputs.list_keys(prefix, most=PAGE)
        return self._listed[prefix]


@dataclass(frozen=True)
class Looked:
    """What a look has found.

    Attributes:
        found: as `find_inputs`, with the files that are taken for missing ones.
        instead: wanted key -> the key of the file that is taken for it.
        hint: what else is there, for users; "" if nothing, else it begins with `THERE_IS`.
        soon: whether one of them will be taken, if no other one arrives.
    """

    found: Mapping[str, Found | None]
    instead: Mapping[str, str]
    hint: str = ""
    soon: bool = False


def find_or_look(inputs: Inputs, order: Order, spec_key: str) -> Looked:
    """Find an order's files as they are now, and look for near misses of those that are missing.

    Raises:
        InputRefused: a file can never be read.
    """
    return look_nearby(Nearby(inputs), find_inputs(inputs, order), spec_key)


def look_nearby(
    nearby: Nearby,
    found: Mapping[str, Found | None],
    spec_key: str,
    until: datetime | None = None,
) -> Looked:
    """Look for near misses of missing files, and of the task's own spec.

    Args:
        nearby: lists the folders.
        found: the result of `find_inputs`.
        spec_key: of the task's spec, or where its photo's own spec would be.
        until: files that were uploaded later are not taken yet; None to take any.

    Raises:
        InputRefused: a file that is taken can never be read.
    """
    taken: dict[str, Found | None] = {}
    hints: list[str] = []
    listed: dict[str, None] = {}
    soon = False
    for key in absent(found)[:MAX_LOOKED]:
        names = nearby.names(key)
        listed.update(dict.fromkeys(names))
        near = _near(nearby.inputs, key, names)
        same = [other for other, what in near if what == OTHER_CASE]
        if len(same) == 1 and same[0] not in found and not _has_spec(same[0], names):
            other = find_input(nearby.inputs, same[0])
            if other is not None and not _later(other, until):
                taken[key] = other
                continue
            soon = soon or other is not None
        hints += [f"{other}, {what}" for other, what in near[:MAX_NAMED]]
    now = {**found, **taken}
    if missing(now):
        specs = [name for name in listed if difference(spec_key, name)]
        hints += [f"{name}, which is not read as this spec" for name in specs[:MAX_NAMED]]
    return Looked(
        now,
        {key: file.key for key, file in taken.items() if file is not None},
        describe(hints, soon=soon),
        soon,
    )


def takes_instead(nearby: Nearby, spec_key: str, photo: str) -> bool:
    """Whether the task of this spec takes the photo for its own source, which is not there.

    It does if the photo is the only file whose name differs in case alone, and has no spec of its
    own under its exact name. A few HEADs, and the LISTs of `Nearby`.
    """
    source = parse_spec_name(spec_key).source
    if source is None:
        return False
    found = {source: find_input(nearby.inputs, source)}
    return look_nearby(nearby, found, spec_key).instead.get(source) == photo


def find_waiting_specs(ports: Ports, photo: str) -> Iterator[str]:
    """The keys of specs for this name in any other case whose tasks wait, and take the photo.

    One query, strongly consistent. A spec that INTAKE has not read yet is not seen, nor one whose
    task has taken the photo: it does so a minute after both are there.
    """
    waiting = ports.tasks.wanting(normalize_key(photo), most=MAX_WAITING)
    nearby = Nearby(ports.inputs)
    for task in ports.tasks.get_many(waiting):
        key = task.trigger.key
        if task.trigger.kind != "upload" or not task.awaits_inputs:
            continue
        if is_spec_of_almost(key, photo) and takes_instead(nearby, key, photo):
            yield key


def describe(near: Sequence[str], *, soon: bool = False) -> str:
    """What a wait reason says of near misses; "" of none."""
    if not near:
        return ""
    then = _TAKEN_SOON if soon else "upload it under the right name"
    return f"{THERE_IS}{'; '.join(dict.fromkeys(near))}: {then}"


def describe_arrival(found: Mapping[str, Found | None], arrived: str) -> str:
    """What a wait reason says of a file that has just arrived; "" if none of them is near it."""
    for key, file in found.items():
        what = difference(key, arrived) if file is None else None
        if what:
            return describe([f"{arrived}, {what}"], soon=what == OTHER_CASE)
    return ""


def _near(inputs: Inputs, key: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """The near misses of a key, each with its difference; other case first."""
    near = [(name, what) for name in names if (what := difference(key, name))]
    for variant in exact_variants(key):
        if all(variant != name for name, _ in near) and exists(inputs, variant):
            near.append((variant, difference(key, variant) or ""))
    return sorted(near, key=lambda one: (one[1] != OTHER_CASE, one[0]))


def _later(file: Found, until: datetime | None) -> bool:
    """Whether it was uploaded after this time; not if that is not known."""
    return until is not None and file.modified_at is not None and file.modified_at > until


def _has_spec(photo: str, names: Iterable[str]) -> bool:
    """Whether one of the names is that of a spec of the photo: then it was not meant for others."""
    return any(is_spec_of(name, photo) for name in names)
