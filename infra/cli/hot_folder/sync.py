"""A folder on this disk as the two buckets: what is dropped in goes up, what is made comes back.

Nothing is deleted, neither here nor there. `attend` alone knows about time; the rest is steps that
it takes again and again.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from darkroom.domain.object_keys import MAX_KEY_BYTES, WORK_PREFIX, classify_key, is_unicode
from infra.cli.hot_folder.done_list import MANIFEST, Ledger, digest_of, inputs_of
from infra.cli.hot_folder.file_ready import HELD_S, Pending, Signature, is_whole, signature_of

OUT: Final = "out"
LOOK_EVERY_MS: Final = 400
COLLECT_EVERY_S: Final = 1.0
WAITS_AFTER_S: Final = 5.0
"""How long a spec may be without a manifest before it is asked what it waits for."""
UNFINISHED: Final = ("~", ".tmp", ".part", ".partial", ".crdownload", ".download", ".swp")
"""Endings of files that programs write before they give them their real names."""


class Buckets(Protocol):
    """The input and the output bucket. Each call may raise `OSError` when it does not work."""

    def send(self, path: Path, key: str) -> str:
        """Put a file into the input bucket; the id of the task that it makes if it is a spec."""

    def missing(self, task_id: str) -> Sequence[str] | None:
        """The input keys that a task waits for; None while there is no such task."""

    def listing(self) -> Mapping[str, str]:
        """Every key of the output bucket, and what changes when the object does."""

    def bring(self, key: str, path: Path) -> None:
        """Save an object of the output bucket as a file."""


@dataclass
class _Awaited:
    """A spec that was sent and has no manifest yet."""

    key: str
    since: float
    asked: bool = False


class HotFolder:
    """The steps. `say` gets one line for each thing done, and for each that cannot be done."""

    def __init__(
        self,
        folder: Path,
        buckets: Buckets,
        say: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        whole: Callable[[Path], bool] = is_whole,
    ) -> None:
        self.folder = folder.resolve()
        self._buckets = buckets
        self._say = say
        self._clock = clock
        self._whole = whole
        self._ledger = Ledger(self.folder, self.folder / OUT)
        self._pending: dict[Path, Pending] = {}
        self._seen: dict[Path, Signature] = {}
        self._sent: dict[str, str] = {}
        self._awaited: dict[str, _Awaited] = {}
        self._brought: dict[str, str] = {}

    def notice(self, path: Path) -> None:
        """Something happened to this path, or below it: look at it when it has settled."""
        for file in self._walk(path) if path.is_dir() else (path,):
            if self.takes(file):
                self._pending.setdefault(file, Pending())

    def settle(self) -> None:
        """Upload what has been left alone for long enough."""
        for path, pending in list(self._pending.items()):
            signature = signature_of(path)
            if signature is None or signature == self._seen.get(path):
                del self._pending[path]
            elif pending.changed(signature, self._clock()) or not pending.steady(self._clock()):
                continue
            elif self._may_go(path, pending) and self._send(path):
                del self._pending[path]
                self._seen[path] = signature

    def collect(self) -> None:
        """Bring results and manifests that are new, each manifest after its results."""
        try:
            there = self._buckets.listing()
        except OSError as error:
            self._say(f"cannot list the results: {error}")
            return
        new = [key for key, version in there.items() if self._brought.get(key) != version]
        for key in sorted(new, key=lambda one: (one.endswith(MANIFEST), one)):
            if not key.startswith(WORK_PREFIX):
                self._bring(key)
            self._brought[key] = there[key]

    def tell_waiting(self) -> None:
        """Say once of each spec without a manifest which files it waits for, if it does."""
        for task_id, awaited in self._awaited.items():
            if awaited.asked or self._clock() - awaited.since < WAITS_AFTER_S:
                continue
            with suppress(OSError):
                missing = self._buckets.missing(task_id)
                awaited.asked = missing is not None
                if missing:
                    self._say(f"waits    {awaited.key}: for {', '.join(missing)}")

    def takes(self, path: Path) -> bool:
        """Whether a file here is meant for the input bucket, by its name alone."""
        try:
            parts = path.relative_to(self.folder).parts
        except ValueError:
            return False
        return (
            bool(parts)
            and parts[0] != OUT
            and not any(part.startswith(".") for part in parts)
            and not parts[-1].lower().endswith(UNFINISHED)
        )

    def _walk(self, top: Path) -> Iterator[Path]:
        for folder, folders, files in os.walk(top):
            here = Path(folder)
            folders[:] = [name for name in folders if self.takes(here / name)]
            yield from (here / name for name in sorted(files))

    def _may_go(self, path: Path, pending: Pending) -> bool:
        """Whether a steady file is a whole one, or was held back for long enough."""
        if self._whole(path):
            return True
        now, name = self._clock(), path.relative_to(self.folder).as_posix()
        if pending.held_since is None:
            self._say(f"holding  {name}: it cannot be read as an image yet")
            pending.held_since = now
        elif now - pending.held_since >= HELD_S:
            self._say(f"letting  {name} go as it is: it still cannot be read as an image")
            return True
        pending.since = now
        return False

    def _send(self, path: Path) -> bool:
        """Whether the file is done with: uploaded, or impossible to upload."""
        key = path.relative_to(self.folder).as_posix()
        if not is_unicode(key):
            self._say(f"left alone: {key}, whose name is not UTF-8; rename it")
            return True
        if len(key.encode()) > MAX_KEY_BYTES:
            self._say(f"left alone: {key[:60]}..., whose name has more than {MAX_KEY_BYTES} bytes")
            return True
        return self._send_as(key, path)

    def _send_as(self, key: str, path: Path) -> bool:
        digest = digest_of(path)
        if digest is None:
            self._say(f"cannot upload {key} yet: it cannot be read")
            return False
        if digest == self._sent.get(key):
            return True
        spec = classify_key(key) == "spec"
        done = self._ledger.answered(key) if spec and key not in self._sent else None
        if done is not None:
            manifest = done.relative_to(self.folder).as_posix()
            self._say(f"skipped  {key}: done before; to do it again, delete {manifest} and restart")
            self._sent[key] = digest
            return True
        try:
            task_id = self._buckets.send(path, key)
        except OSError as error:
            self._say(f"cannot upload {key} yet: {error}")
            return False
        self._sent[key] = digest
        if spec:
            self._awaited[task_id] = _Awaited(key, self._clock())
        self._say(f"sent     {key}")
        return True

    def _bring(self, key: str) -> None:
        if any(part in ("", ".", "..") for part in key.split("/")):
            self._say(f"not saved: {key}, which is no name for a file")
            return
        path = self.folder / OUT / key
        half = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._buckets.bring(key, half)
            half.replace(path)
        except (OSError, ValueError) as error:
            with suppress(OSError, ValueError):
                half.unlink()
            self._say(f"not saved: {key}: {error}")
            return
        manifest = _read_manifest(path) if key.endswith(MANIFEST) else {}
        self._say(f"brought  {OUT}/{key}{_ending(manifest)}")
        self._note(manifest, path)

    def _note(self, manifest: Mapping[str, Any], path: Path) -> None:
        """Write down that a spec has its manifest, so that no later start sends it again."""
        awaited = self._awaited.pop(str(manifest.get("task_id")), None)
        if awaited is None:
            return
        try:
            files = {key: self._sent.get(key) for key in (awaited.key, *inputs_of(manifest))}
            self._ledger.note(awaited.key, path, files)
        except (OSError, AttributeError, KeyError, TypeError) as error:
            self._say(f"not noted: {awaited.key}, which a restart will send again: {error}")


def attend(hot: HotFolder) -> None:
    """Keep the folder and the buckets alike until interrupted."""
    import watchfiles  # noqa: PLC0415 - only a running watch needs it

    hot.notice(hot.folder)
    collected = 0.0
    for changed in changes_of(
        lambda: watchfiles.watch(
            hot.folder,
            watch_filter=lambda _change, path: hot.takes(Path(path)),
            rust_timeout=LOOK_EVERY_MS,
            debounce=LOOK_EVERY_MS,
            yield_on_timeout=True,
            raise_interrupt=True,
        ),
        hot.folder,
    ):
        for place in changed:
            hot.notice(place)
        hot.settle()
        if time.monotonic() - collected >= COLLECT_EVERY_S:
            hot.collect()
            hot.tell_waiting()
            collected = time.monotonic()


def changes_of(
    watch: Callable[[], Iterable[Iterable[tuple[object, str]]]],
    folder: Path,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Sequence[Path]]:
    """What changes in a folder, again and again; nothing, when nothing did for a while.

    The watcher breaks down when a file comes whose name is not UTF-8. Then it is started anew, and
    the whole folder counts as changed: what it would have told of is not known.

    Args:
        watch: starts a watcher; may raise `OSError` or `RuntimeError`, now or later.
        folder: what it watches.
        pause: waits so many seconds.

    Raises:
        OSError, RuntimeError: it cannot even be started.
    """
    begun = False
    while True:
        try:
            for changes in watch():
                begun = True
                yield [Path(path) for _, path in changes]
        except RuntimeError:
            if not begun:
                raise
            pause(LOOK_EVERY_MS / 1000)
            yield [folder]
        else:
            return


def _read_manifest(path: Path) -> Mapping[str, Any]:
    try:
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _ending(manifest: Mapping[str, Any]) -> str:
    """What a manifest says when there are no results."""
    told = manifest.get("failure")
    if not isinstance(told, dict):
        return ""
    return f"  {manifest.get('status')}: {told.get('sentence')}"
