"""What lies in the input bucket and has no task yet: unread specs, and photos that still settle.

    the listing of the bucket ──▶ uploaded lately, no task since then
            │                          ├─ a spec: not read yet
            │                          └─ a photo without one: what do its folder defaults say?
            └──▶ which folder defaults there are at all; each is read once

So it costs one LIST for each 1,000 objects, and a GET for each folder default.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from darkroom.domain.errors import DefaultRefused, InputRefused, InputWithheld
from darkroom.domain.folder_default import DEFAULT_SETTLE_S
from darkroom.domain.folder_match import settle_s, why_left_alone
from darkroom.domain.object_keys import classify_key, is_source, normalize_key
from darkroom.domain.task_summary import TaskSummary, source_of
from darkroom.pipeline.orders.folder_defaults import find_chain
from infra.cli.tasks.find import candidate_keys, covers, is_task_id

if TYPE_CHECKING:
    from darkroom.ports import Current
    from infra.cli.target import Target

READ_WITHIN: Final = timedelta(minutes=15)
"""What was uploaded longer ago and has no task is not expected to become one by itself."""
LIST_EVERY: Final = timedelta(seconds=10)
"""While tasks run, the bucket is listed at most so often."""
MAX_PAGES: Final = 20
"""Of so many thousand objects below a name it is checked whether they have a task."""


@dataclass(frozen=True)
class Unread:
    """Keys without a task.

    Attributes:
        late: specs, and photos whose time to settle is over, that INTAKE has not read yet.
        settling: photos under a folder default that still wait for a spec of their own.
    """

    late: Sequence[str] = ()
    settling: Sequence[str] = ()

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.late) + len(self.settling)


@dataclass(frozen=True)
class _Uploaded:
    """A file that was uploaded lately; `settles_s` is None of a spec."""

    key: str
    at: datetime
    settles_s: int | None = None


class UnreadFinder:
    """Finds what has no task below one name, again and again.

    Args:
        target: the environment.
        name: a task id, key or folder, as `find_summaries` takes it.
        now: the time, UTC.
    """

    def __init__(
        self, target: "Target", name: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._target, self._now = target, now
        self._keys = () if is_task_id(name) else candidate_keys(name)
        self._known: dict[tuple[str, datetime], Current | InputRefused | InputWithheld | None] = {}
        self._listed: list[_Uploaded] = []
        self._listed_at: datetime | None = None

    def find(self, below: Iterable[TaskSummary]) -> Unread:
        """What has no task; `below` are the tasks, read before."""
        tasks = list(below)
        newest = functools.cache(lambda: _newest(tasks))
        now = self._now()
        recent = self._listed_at is not None and now - self._listed_at < LIST_EVERY
        if not (recent and any(not each.finished for each in tasks)):
            self._listed_at = now
            self._list(newest, now)
        unread = [one for one in self._listed if _is_new(one, newest())]
        settling = tuple(one.key for one in unread if _settles(one, now))
        late = tuple(one.key for one in unread if not _settles(one, now))
        return Unread(late, settling)

    def _list(self, newest: Callable[[], Mapping[str, datetime]], now: datetime) -> None:
        """Remember what was uploaded lately and has, or needs, a task."""
        self._listed = []
        for key in self._keys:
            self._listed = list(self._wanted(key, newest, now))
            if self._listed:
                return

    def _wanted(
        self, prefix: str, newest: Callable[[], Mapping[str, datetime]], now: datetime
    ) -> Iterator[_Uploaded]:
        """The specs, and the photos that folder defaults are about."""
        since = now - READ_WITHIN
        photos: list[_Uploaded] = []
        specified: set[str] = set()
        defaults = _Defaults(self._target, self._known, prefix, now)
        for key, at in self._objects(prefix):
            kind = classify_key(key)
            source = source_of(key) if kind == "spec" else None
            if source is not None:
                specified.add(normalize_key(source))
            if kind == "default":
                defaults.listed[key] = at
            elif at <= since or not covers(prefix, (key, source)):
                continue
            elif kind == "spec":
                yield _Uploaded(key, at)
            elif kind == "file" and is_source(key):
                photos.append(_Uploaded(key, at, 0))
        for photo in photos:
            if normalize_key(photo.key) not in specified and _is_new(photo, newest()):
                wait_s = _settle_s(defaults, photo.key)
                if wait_s is not None:
                    yield _Uploaded(photo.key, photo.at, wait_s)

    def _objects(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        pages = self._target.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._target.input_bucket, Prefix=prefix
        )
        for _, page in zip(range(MAX_PAGES), pages, strict=False):
            for each in page.get("Contents", []):
                yield each["Key"], each["LastModified"]


@dataclass
class _Defaults:
    """The part of `ports.Inputs` that finds folder defaults.

    Of those below the listed prefix only the ones that exist are read, and only if they are new.
    Those above it are read anew for each listing.
    """

    target: "Target"
    known: "dict[tuple[str, datetime], Current | InputRefused | InputWithheld | None]"
    prefix: str
    listed_at: datetime
    listed: dict[str, datetime] = field(default_factory=dict)

    def read_each(
        self, keys: Sequence[str], limit: int
    ) -> "Sequence[Current | InputRefused | InputWithheld | None]":
        """See `ports.Inputs.read_each`."""
        there = [key for key in keys if key in self.listed or not key.startswith(self.prefix)]
        stamped = {key: (key, self.listed.get(key, self.listed_at)) for key in there}
        unknown = [key for key in there if stamped[key] not in self.known]
        if unknown:
            answers = self.target.ports.inputs.read_each(unknown, limit)
            self.known.update(zip((stamped[key] for key in unknown), answers, strict=True))
        return [self.known[stamped[key]] if key in stamped else None for key in keys]


def _settle_s(inputs: Any, photo: str) -> int | None:  # noqa: ANN401 - a part of `ports.Inputs`
    """How long the photo waits for a spec of its own; None if no folder default is about it."""
    try:
        chain = find_chain(inputs, photo)
    except DefaultRefused:
        return DEFAULT_SETTLE_S  # its task waits for the correction
    return None if why_left_alone(chain, photo) else settle_s(chain)


def _newest(tasks: Iterable[TaskSummary]) -> Mapping[str, datetime]:
    """Spec or photo -> when its newest task was created."""
    newest: dict[str, datetime] = {}
    for each in tasks:
        for key in (each.key, each.source):
            if key is not None:
                newest[key] = max(each.created_at, newest.get(key, each.created_at))
    return newest


def _is_new(one: _Uploaded, newest: Mapping[str, datetime]) -> bool:
    """Whether it has no task: a spec none at all, a photo none since its upload."""
    task = newest.get(one.key)
    return task is None or (one.settles_s is not None and task < one.at)


def _settles(one: _Uploaded, now: datetime) -> bool:
    return one.settles_s is not None and now < one.at + timedelta(seconds=one.settles_s)
