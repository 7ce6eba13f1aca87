"""A folder on this disk as the two buckets: what is dropped in goes up, what is made comes back.

Nothing is deleted, neither here nor there. `attend` alone knows about time; the rest is steps that
it takes again and again.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from darkroom.naming import MAX_KEY_BYTES

OUT: Final = "out"
LOOK_EVERY_MS: Final = 400
"""How often a file must keep its size and time before it counts as written."""
COLLECT_EVERY_S: Final = 1.0
UNFINISHED: Final = ("~", ".tmp", ".part", ".partial", ".crdownload", ".download", ".swp")
"""Endings of files that programs write before they give them their real names."""
WORK: Final = "_darkroom/work/"

Signature = tuple[int, int]


class Buckets(Protocol):
    """The input and the output bucket. Each call may raise `OSError` when it does not work."""

    def send(self, path: Path, key: str) -> None:
        """Put a file into the input bucket."""

    def listing(self) -> Mapping[str, str]:
        """Every key of the output bucket, and what changes when the object does."""

    def bring(self, key: str, path: Path) -> None:
        """Save an object of the output bucket as a file."""


class HotFolder:
    """The steps. `say` gets one line for each thing done, and for each that cannot be done."""

    def __init__(self, folder: Path, buckets: Buckets, say: Callable[[str], None]) -> None:
        self.folder = folder.resolve()
        self._buckets = buckets
        self._say = say
        self._pending: dict[Path, Signature | None] = {}
        self._sent: dict[Path, Signature] = {}
        self._brought: dict[str, str] = {}

    def notice(self, path: Path) -> None:
        """Something happened to this path, or below it: look at it when it has settled."""
        for file in self._walk(path) if path.is_dir() else (path,):
            if self.takes(file):
                self._pending.setdefault(file, None)

    def settle(self) -> None:
        """Upload what has not changed since the last time this was asked."""
        for path, before in list(self._pending.items()):
            now = _signature(path)
            if now is None or now == self._sent.get(path):
                del self._pending[path]
            elif now != before:
                self._pending[path] = now
            elif self._send(path):
                del self._pending[path]
                self._sent[path] = now

    def collect(self) -> None:
        """Bring results and manifests that are new, each manifest after its results."""
        try:
            there = self._buckets.listing()
        except OSError as error:
            self._say(f"cannot list the results: {error}")
            return
        new = [key for key, version in there.items() if self._brought.get(key) != version]
        for key in sorted(new, key=lambda one: (one.endswith(".manifest.json"), one)):
            if not key.startswith(WORK):
                self._bring(key)
            self._brought[key] = there[key]

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

    def _send(self, path: Path) -> bool:
        """Whether the file is done with: uploaded, or impossible to upload."""
        key = path.relative_to(self.folder).as_posix()
        try:
            length = len(key.encode())
        except UnicodeEncodeError:
            self._say(f"left alone: {key!a}, whose name is not UTF-8")
            return True
        if length > MAX_KEY_BYTES:
            self._say(f"left alone: {key[:60]}..., whose name has more than {MAX_KEY_BYTES} bytes")
            return True
        try:
            self._buckets.send(path, key)
        except OSError as error:
            self._say(f"cannot upload {key} yet: {error}")
            return False
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
        except OSError as error:
            with suppress(OSError):
                half.unlink()
            self._say(f"not saved: {key}: {error}")
            return
        self._say(f"brought  {OUT}/{key}{_ending(path)}")


def attend(hot: HotFolder) -> None:
    """Keep the folder and the buckets alike until interrupted."""
    import watchfiles  # noqa: PLC0415 - only a running watch needs it

    hot.notice(hot.folder)
    collected = 0.0
    for changes in watchfiles.watch(
        hot.folder,
        watch_filter=lambda _change, path: hot.takes(Path(path)),
        rust_timeout=LOOK_EVERY_MS,
        debounce=LOOK_EVERY_MS,
        yield_on_timeout=True,
        raise_interrupt=True,
    ):
        _notice(hot, (Path(path) for _, path in changes))
        hot.settle()
        if time.monotonic() - collected >= COLLECT_EVERY_S:
            hot.collect()
            collected = time.monotonic()


def _notice(hot: HotFolder, paths: Iterable[Path]) -> None:
    for path in paths:
        hot.notice(path)


def _signature(path: Path) -> Signature | None:
    """What changes while a file is written; None when there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if path.is_file() else None


def _ending(path: Path) -> str:
    """What a manifest says when there are no results."""
    if not path.name.endswith(".manifest.json"):
        return ""
    try:
        manifest = json.loads(path.read_bytes())
        told = manifest.get("failure") or {}
        return f"  {manifest['status']}: {told['sentence']}" if told else ""
    except (OSError, ValueError, KeyError, AttributeError):
        return ""
