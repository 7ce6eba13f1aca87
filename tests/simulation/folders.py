"""Folders with a `_darkroom.json`: what users do there, and which tasks there must be in the end.

What a photo gets depends on the folder default in force when INTAKE reads it, at any time after the
photo's upload. So the history of every folder is kept, and a task must follow one of its versions.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from darkroom.domain.object_keys import DEFAULT_NAME, default_keys, folder_of
from darkroom.domain.order import Trigger
from darkroom.domain.task import Task
from darkroom.ports import Current
from tests.fakes.routes import JOB_KEY, JOB_NONE, SYNC_KEY
from tests.simulation.stores import PlainInputs

BROKEN: Final = (b"{", b'{"opration": "x"}', b'{"operation": "upscal"}')
"""Folder defaults that are refused: at once, or when they are matched with the providers."""
LISTED: Final[Mapping[str, Any]] = {
    "specs": [{"label": "one", "operation": SYNC_KEY}, {"label": "two", "operation": JOB_KEY}]
}
BUDGET: Final = {"budget": {"credits": 3}}
"""One call a day, whether it costs what the price list says or what the provider reports."""
MANIFEST_NAME: Final = "_darkroom.manifest.json"
_BAD_ENDS: Final = ("superseded", "photo-deleted", "other-labels", "left-alone")
Labels = frozenset[str | None]


@dataclass(frozen=True)
class Version:
    """A version of a file, and since when it is in force; no id once the file is deleted."""

    since: float
    version_id: str | None
    body: bytes | None = None

    @property
    def broken(self) -> bool:
        """Whether it is a folder default that is refused."""
        return self.body in BROKEN


@dataclass
class Folders:
    """What happened in the folders with a default.

    Attributes:
        defaults: folder -> the versions of its default, oldest first.
        photos: key -> the versions of the photo, oldest first.
        own_since: photo -> when it got a spec of its own first.
    """

    defaults: dict[str, list[Version]] = field(default_factory=dict)
    photos: dict[str, list[Version]] = field(default_factory=dict)
    own_since: dict[str, float] = field(default_factory=dict)

    def in_force(self, photo: str, since: float) -> Sequence[Version]:
        """The versions of the photo's default that INTAKE may have read after this time."""
        history = [Version(0.0, None), *self.defaults.get(folder_of(photo), ())]
        after = [next_one.since for next_one in history[1:]] + [float("inf")]
        return [one for one, until in zip(history, after, strict=True) if until > since]

    def versions_of(self, task: Task) -> Sequence[Version]:
        """The versions of the default that a photo's task may follow."""
        photo = task.trigger.source or ""
        at = next(v for v in self.photos[photo] if v.version_id == task.trigger.version)
        return self.in_force(photo, at.since)


def labels_by(version: Version, photo: str) -> Labels:
    """The labels that a version of a folder default gives a photo; {None} for a broken one."""
    if version.body is None:
        return frozenset()
    if version.broken:
        return frozenset({None})
    document = json.loads(version.body)
    name = photo.removeprefix(folder_of(photo))
    if any(name.startswith(glob.removesuffix("*")) for glob in document.get("exclude", ())):
        return frozenset()
    specs = document.get("specs")
    return frozenset(spec["label"] for spec in specs) if specs else frozenset({None})


def awaits_correction(task: Task, inputs: PlainInputs) -> bool:
    """Whether a folder default that a task waits for is still broken."""
    about = task.source or task.trigger.key
    current = inputs.read_each(default_keys(about), 10**6)
    return any(isinstance(one, Current) and one.body in BROKEN for one in current)


def find_folder_violations(
    folders: Folders,
    tasks: Sequence[Task],
    manifests: Mapping[str, Mapping[str, Any]] | None,
    inputs: PlainInputs,
) -> Iterator[str]:
    """What is wrong when nothing is left to do.

    `manifests`: those of the folder defaults; None if they are not checked.
    """
    of_photos = [task for task in tasks if task.trigger.kind == "photo"]
    by_version: dict[tuple[str, str], list[Task]] = {}
    for task in of_photos:
        by_version.setdefault((task.trigger.source or "", task.trigger.version), []).append(task)
        yield from _task(folders, task)
    identities = Counter((t.trigger.source, t.trigger.version, t.trigger.label) for t in of_photos)
    for identity, times in identities.items():
        if times > 1:
            yield f"{identity} has {times} tasks"
    for photo, versions in folders.photos.items():
        for at in versions:
            if at.version_id is not None:
                made = by_version.get((photo, at.version_id), [])
                newest = at is versions[-1]
                yield from _photo(folders, photo, at, made, newest=newest)
    if manifests is not None:
        yield from _manifests(folders, manifests, inputs)


def _photo(
    folders: Folders, photo: str, at: Version, made: Sequence[Task], *, newest: bool
) -> Iterator[str]:
    """The photo's tasks are those that its folder asks for, and none is missing."""
    states = folders.in_force(photo, at.since)
    offered = [labels_by(state, photo) for state in states]
    labels: Labels = frozenset(task.trigger.label for task in made)
    for label in labels - frozenset(itertools.chain.from_iterable(offered)):
        yield f"{photo} in version {at.version_id} has a task '{label}' that nobody asked for"
    own_since = folders.own_since.get(photo)
    if own_since is not None and own_since < at.since and made:
        yield f"{photo} has a spec of its own and a task of its folder default"
    if own_since is not None or not newest:
        return
    good = [asked for asked, state in zip(offered, states, strict=True) if not state.broken]
    needed = offered[0] if not good else frozenset.intersection(*good)
    if good and states[-1].broken:
        needed &= {None}
    for label in needed - labels:
        yield f"{photo} in version {at.version_id} has no task '{label}'"
    for task in made:
        code = task.ending.failure.code if task.ending else ""
        if code in _BAD_ENDS and len(states) == 1:
            yield f"{task.task_id} is of the newest version of {photo} and ended as {code}"


def _task(folders: Folders, task: Task) -> Iterator[str]:
    """A photo's task does what one version of its folder default says, and names that version."""
    trigger = task.trigger
    again = Trigger.of_photo(trigger.bucket, trigger.source or "", trigger.version, trigger.label)
    if trigger != again or task.task_id != again.task_id:
        yield f"{task.task_id} is not named after its photo"
    if task.order is None:
        return
    bodies = {v.version_id: v.body for v in folders.versions_of(task)}
    used = [one for one in task.order.defaults if one.version_id in bodies]
    body = bodies[used[0].version_id] if len(used) == 1 else None
    if body is None or body in BROKEN:
        yield f"{task.task_id} follows no version of its folder default: {task.order.defaults}"
        return
    document = json.loads(body)
    spec = next((s for s in document.get("specs", ()) if s["label"] == trigger.label), document)
    if task.order.operation != spec["operation"] or task.order.output != document.get("output", {}):
        yield f"{task.task_id} does something else than {body.decode()}"


def _manifests(
    folders: Folders, manifests: Mapping[str, Mapping[str, Any]], inputs: PlainInputs
) -> Iterator[str]:
    """A broken folder default is reported, and its correction, too."""
    for folder, versions in folders.defaults.items():
        manifest = manifests.get(f"{folder}{MANIFEST_NAME}")
        current = inputs.find(f"{folder}{DEFAULT_NAME}")
        is_broken = current is not None and versions[-1].broken
        status = manifest["status"] if manifest else None
        if is_broken and status != "refused":
            yield f"the folder default of {folder} is broken, and its manifest says {status}"
        if not is_broken and status == "refused":
            yield f"the folder default of {folder} is right, and its manifest refuses it"
        if is_broken and manifest and current and manifest["version"] != current.version_id:
            yield f"the manifest of {folder} refuses another version than the current one"


def documents(folder: str, operation: str) -> Sequence[bytes]:
    """Folder defaults that are not refused."""
    single = {"operation": operation}
    named = single | {"output": {"name": "{stem}", "folder": f"/done/{folder.rstrip('/')}"}}
    return [
        json.dumps(one).encode()
        for one in (
            single,
            single | {"settle_s": 0},
            LISTED,
            named,
            {"operation": JOB_NONE, "metadata": {"version": 2}},
            single | {"exclude": ["a*"]},
            single | BUDGET,
            single | {"reuse": True},
            single | {"max_price": {"credits": 2}},
            single | {"fallback": "never"},
        )
    ]
