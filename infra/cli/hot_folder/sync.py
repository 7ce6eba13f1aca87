"""Uploads what is put into a folder, and downloads results into its `out` folder.

Nothing is deleted, neither on the disk nor in the buckets. The steps are called again and again by
`watch.run`.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from darkroom.domain.object_keys import (
    MAX_KEY_BYTES,
    WORK_PREFIX,
    classify_key,
    default_keys,
    is_unicode,
    spec_key,
)
from infra.cli.files.fetch import path_below
from infra.cli.hot_folder.defaults import LocalDefaults, is_default
from infra.cli.hot_folder.done_list import MANIFEST, DoneList, digest_of, inputs_of
from infra.cli.hot_folder.file_ready import (
    MAX_HOLD_S,
    ChangingFile,
    Signature,
    is_complete,
    signature_of,
)

OUT: Final = "out"
REPORT_WAITING_AFTER_S: Final = 5.0
"""How long a spec may be without a manifest before its missing inputs are reported."""
NO_TASK_AFTER_S: Final = 60.0
"""After this no task comes any more: a photo has got a spec of its own in the meantime."""
UNFINISHED: Final = ("~", ".tmp", ".part", ".partial", ".crdownload", ".download", ".swp")
"""Endings of files that programs write before they rename them."""


class Buckets(Protocol):
    """The input and the output bucket. Every call may raise `OSError`."""

    def upload(self, path: Path, key: str) -> str:
        """Put a file into the input bucket; the id of the task that it makes if it is a spec."""

    def upload_photo(self, path: Path, key: str, labels: Sequence[str | None]) -> Sequence[str]:
        """Put a photo into the input bucket; the ids of the tasks of folder defaults, by label."""

    def missing_inputs(self, task_id: str) -> Sequence[str] | None:
        """The input keys that a task waits for; None if the task does not exist yet."""

    def list_results(self) -> Mapping[str, str]:
        """Every key of the output bucket -> a version that changes with the object."""

    def download(self, key: str, path: Path) -> None:
        """Save an object of the output bucket as a file."""


@dataclass
class _Pending:
    """A spec that was uploaded and has no manifest yet; or a photo, as the spec that it lacks."""

    key: str
    since: float
    reported: bool = False


class HotFolder:
    """The steps of the synchronization.

    Args:
        folder: the folder; its subfolder `out` gets the results.
        buckets: the buckets.
        say: gets one line for each thing that was done or failed.
        clock: seconds, monotonic.
        is_complete: whether a file that no longer changes is complete.
    """

    def __init__(
        self,
        folder: Path,
        buckets: Buckets,
        say: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        is_complete: Callable[[Path], bool] = is_complete,
    ) -> None:
        self.folder = folder.resolve()
        self._buckets = buckets
        self._say = say
        self._clock = clock
        self._is_complete = is_complete
        self._done = DoneList(self.folder, self.folder / OUT)
        self._defaults = LocalDefaults(self.folder)
        self._changing: dict[Path, ChangingFile] = {}
        self._processed: dict[Path, Signature] = {}
        self._uploaded: dict[str, str] = {}
        self._pending: dict[str, _Pending] = {}
        self._downloaded: dict[str, str] = {}

    def add_changed(self, path: Path) -> None:
        """Note that a file, or something in a folder, may have changed."""
        for file in self._walk(path) if path.is_dir() else (path,):
            if self.accepts(file):
                self._changing.setdefault(file, ChangingFile())

    def upload_stable(self) -> None:
        """Upload the changed files that no longer change; those below a folder default after it."""
        for path, file in sorted(self._changing.items(), key=lambda item: not is_default(item[0])):
            signature = signature_of(path)
            if signature is None or signature == self._processed.get(path):
                del self._changing[path]
            elif file.has_changed(signature, self._clock()) or not file.is_stable(self._clock()):
                continue
            elif self._is_ready(path, file) and self._upload(path):
                del self._changing[path]
                self._processed[path] = signature

    def download_new(self) -> None:
        """Download new results and manifests, each manifest after its results."""
        try:
            versions = self._buckets.list_results()
        except OSError as error:
            self._say(f"cannot list the results: {error}")
            return
        new = [key for key, version in versions.items() if self._downloaded.get(key) != version]
        for key in sorted(new, key=lambda one: (one.endswith(MANIFEST), one)):
            if not key.startswith(WORK_PREFIX):
                self._download(key)
            self._downloaded[key] = versions[key]

    def report_waiting(self) -> None:
        """Say once for each spec without a manifest which inputs are missing, if any are."""
        for task_id, spec in self._pending.items():
            waited_s = self._clock() - spec.since
            if spec.reported or waited_s < REPORT_WAITING_AFTER_S:
                continue
            with suppress(OSError):
                missing = self._buckets.missing_inputs(task_id)
                spec.reported = missing is not None or waited_s > NO_TASK_AFTER_S
                if missing:
                    self._say(f"waiting     {spec.key}: for {', '.join(missing)}")

    def accepts(self, path: Path) -> bool:
        """Whether a file is to be uploaded, by its name alone."""
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

    def _waits_for_default(self, path: Path) -> bool:
        """Whether a folder default of this file is not uploaded yet.

        INTAKE looks for it when the photo arrives.
        """
        key = path.relative_to(self.folder).as_posix()
        return not is_default(path) and any(
            self.folder / default in self._changing for default in default_keys(key)
        )

    def _walk(self, top: Path) -> Iterator[Path]:
        for name, folders, files in os.walk(top):
            folder = Path(name)
            folders[:] = [one for one in folders if self.accepts(folder / one)]
            yield from (folder / one for one in sorted(files))

    def _is_ready(self, path: Path, file: ChangingFile) -> bool:
        """Whether a stable file is complete, or was held back for long enough."""
        if self._waits_for_default(path):
            return False
        if self._is_complete(path):
            return True
        now, name = self._clock(), path.relative_to(self.folder).as_posix()
        if file.held_since is None:
            self._say(f"holding     {name}: it cannot be decoded as an image yet")
            file.held_since = now
        elif now - file.held_since >= MAX_HOLD_S:
            self._say(f"uploading   {name} anyway: it still cannot be decoded as an image")
            return True
        file.since = now
        return False

    def _upload(self, path: Path) -> bool:
        """Whether the file needs no further attempt: it is uploaded, or never can be."""
        key = path.relative_to(self.folder).as_posix()
        if not is_unicode(key):
            self._say(f"skipped     {key}: the name is not UTF-8; rename the file")
            return True
        if len(key.encode()) > MAX_KEY_BYTES:
            self._say(f"skipped     {key[:60]}...: the name has more than {MAX_KEY_BYTES} bytes")
            return True
        digest = digest_of(path)
        if digest is None:
            self._say(f"cannot upload {key} yet: it cannot be read")
            return False
        if digest == self._uploaded.get(key) or self._is_done(key):
            self._uploaded[key] = digest
            return True
        labels = self._defaults.labels_of(key)
        try:
            if labels:
                specs = [spec_key(key, label) for label in labels]
                ids = self._buckets.upload_photo(path, key, labels)
                begins = self._clock() + self._defaults.settle_s(key)
            else:
                specs = [key] if classify_key(key) == "spec" else []
                ids = [self._buckets.upload(path, key)]
                begins = self._clock()
        except OSError as error:
            self._say(f"cannot upload {key} yet: {error}")
            return False
        self._uploaded[key] = digest
        for spec, task_id in zip(specs, ids, strict=False):
            self._pending[task_id] = _Pending(spec, begins)
        self._say(f"uploaded    {key}")
        return True

    def _is_done(self, key: str) -> bool:
        """Whether an earlier start got the manifest of this spec, or all of this photo's.

        A photo that lacks a spec of its own is not uploaded again then: that would be a new
        version, and so new tasks of its folder defaults.
        """
        if key in self._uploaded:
            return False
        if classify_key(key) == "spec":
            specs = [key]
        else:
            specs = [spec_key(key, label) for label in self._defaults.labels_of(key)]
        manifests = [self._done.find_manifest(spec) for spec in specs]
        found = [path.relative_to(self.folder).as_posix() for path in manifests if path]
        if not found or len(found) < len(manifests):
            return False
        names = " and ".join(found)
        self._say(f"skipped     {key}: done before; to repeat it, delete {names} and restart")
        return True

    def _download(self, key: str) -> None:
        try:
            path = path_below(self.folder / OUT, key)
        except ValueError as error:
            self._say(f"not saved   {key}: {error}")
            return
        part = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._buckets.download(key, part)
            part.replace(path)
        except (OSError, ValueError) as error:
            with suppress(OSError, ValueError):
                part.unlink()
            self._say(f"not saved   {key}: {error}")
            return
        manifest = _read_manifest(path) if key.endswith(MANIFEST) else {}
        self._say(f"downloaded  {OUT}/{key}{_failure_of(manifest)}")
        self._record_done(manifest, path)

    def _record_done(self, manifest: Mapping[str, Any], path: Path) -> None:
        """Add the manifest's spec to the done list, so that no later start uploads it again."""
        spec = self._pending.pop(str(manifest.get("task_id")), None)
        if spec is None:
            return
        try:
            files = {key: self._uploaded.get(key) for key in (spec.key, *inputs_of(manifest))}
            self._done.add(spec.key, path, files)
        except (OSError, AttributeError, KeyError, TypeError) as error:
            self._say(f"not recorded as done: {spec.key}; a restart uploads it again: {error}")


def _read_manifest(path: Path) -> Mapping[str, Any]:
    try:
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _failure_of(manifest: Mapping[str, Any]) -> str:
    """The failure of a manifest that has one, as the end of a line."""
    failure = manifest.get("failure")
    if not isinstance(failure, dict):
        return ""
    return f"  {manifest.get('status')}: {failure.get('sentence')}"
