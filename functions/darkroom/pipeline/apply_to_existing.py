"""Give photos that lie in the input bucket already to INTAKE: by their folder defaults, or a spec.

The bucket is listed page by page. INTAKE does the rest: a photo's version and label are one task
however often it is sent, so a run that died between two pages repeats no payment. Where the last
run stopped is kept in the output bucket, and the next one goes on there.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from darkroom.domain.arrivals import PhotoErrand, Requested
from darkroom.domain.object_keys import (
    SpecName,
    digest_of,
    is_source,
    output_name,
    spec_key,
)
from darkroom.ports import Ports

PAGE: Final = 500
"""Keys that are listed at once; after each page it is stored how far the run came."""
CURSORS: Final = "_darkroom/existing/"
"""The prefix of the notes in the output bucket that say how far a run came."""
BACKFILL_PRIORITY: Final = 0


@dataclass(frozen=True)
class Backfill:
    """What is done with the photos below a prefix.

    Attributes:
        prefix: of their keys.
        spec: for all of them; None for what their folder defaults say.
        label: of the spec's results; by default its operation.
    """

    prefix: str
    spec: Mapping[str, Any] | None = None
    label: str | None = None

    @property
    def cursor_key(self) -> str:
        """Where it is noted how far this came."""
        what = json.dumps(self.spec, sort_keys=True) if self.spec else ""
        return f"{CURSORS}{digest_of(self.prefix, what, self.label or '')}.json"

    def request(self, photo: str) -> Requested:
        """The message for a photo; the same photo and spec are the same task for ever."""
        spec = {"priority": BACKFILL_PRIORITY, **(self.spec or {})}
        identity = digest_of("existing", json.dumps(spec, sort_keys=True), self.name_of(photo))
        return Requested(spec, identity, photo, self.label)

    def name_of(self, photo: str) -> str:
        """The name of the results beside their manifest."""
        operation = str((self.spec or {}).get("operation", ""))
        return output_name(SpecName(spec_key(photo, self.label), photo, self.label), operation)


@dataclass(frozen=True)
class Progress:
    """How far a run came.

    Attributes:
        sent: photos that were given to INTAKE.
        skipped: photos that have a task with such results.
        after: the last key that was looked at; "" when the prefix was done to its end.
    """

    sent: int = 0
    skipped: int = 0
    after: str = ""


def run_backfill(ports: Ports, work: Backfill, limit: int | None = None) -> Progress:
    """Send photos to INTAKE, from where the last run stopped to the end of the prefix.

    Args:
        ports: the outside.
        work: what is done with which photos.
        limit: after so many photos the run stops; None for all.
    """
    done = Progress(after=_read_cursor(ports, work))
    while keys := ports.inputs.list_keys(work.prefix, done.after, PAGE):
        bodies: list[str] = []
        for key in keys:
            done = replace(done, after=key)
            if not is_source(key):
                continue
            if _has_task(ports, work, key):
                done = replace(done, skipped=done.skipped + 1)
                continue
            bodies.append(_message(work, key))
            if limit is not None and done.sent + len(bodies) >= limit:
                break
        ports.errands.send(bodies)
        done = replace(done, sent=done.sent + len(bodies))
        _write_cursor(ports, work, done.after)
        if limit is not None and done.sent >= limit:
            return done
    _write_cursor(ports, work, "")
    return replace(done, after="")


def list_photos(ports: Ports, work: Backfill) -> Iterator[tuple[str, bool]]:
    """Each photo that a run would look at now, and whether it has a task with such results."""
    after = _read_cursor(ports, work)
    while keys := ports.inputs.list_keys(work.prefix, after, PAGE):
        after = keys[-1]
        for key in keys:
            if is_source(key):
                yield key, _has_task(ports, work, key)


def _has_task(ports: Ports, work: Backfill, key: str) -> bool:
    """Whether there is a task with such results; a folder default's task knows its own photo."""
    return work.spec is not None and ports.tasks.owner(work.name_of(key)) is not None


def _message(work: Backfill, key: str) -> str:
    if work.spec is None:
        return PhotoErrand(key).as_message()
    return work.request(key).as_message()


def _read_cursor(ports: Ports, work: Backfill) -> str:
    body = ports.outputs.get(work.cursor_key)
    return str(json.loads(body)["after"]) if body else ""


def _write_cursor(ports: Ports, work: Backfill, after: str) -> None:
    note = {"prefix": work.prefix, "after": after}
    ports.outputs.put(work.cursor_key, json.dumps(note).encode(), "application/json")
