"""Downloads objects of the output bucket: only what is missing here, and whole or not at all.

A file is written under a temporary name beside its own, checked, and renamed. What an earlier run
has left under such a name is written over.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

from infra.cli.errors import as_click_errors

if TYPE_CHECKING:
    from infra.cli.target import Target

THREADS: Final = 8
CHUNK: Final = 1024 * 1024


@dataclass(frozen=True)
class Wanted:
    """A file to have on this disk.

    Attributes:
        sha256: of a result, hex; None of a manifest.
        run: the run that a manifest must be of; None of a result.
        task_id: the task that a manifest must be of.
    """

    key: str
    path: Path
    size: int | None = None
    sha256: str | None = None
    run: int | None = None
    task_id: str = ""


@dataclass(frozen=True)
class Fetched:
    """What was done for a file; `error` is empty unless it failed."""

    wanted: Wanted
    outcome: Literal["saved", "there already", "failed"]
    error: str = ""


class Fetcher:
    """Downloads in several threads; a context manager that waits for all of them.

    Each file is reported once it is done, in the order in which they end.
    """

    def __init__(self, target: "Target", report: Callable[[Fetched], None]) -> None:
        self._s3, self._bucket = target.s3, target.output_bucket
        self._report = report
        self._pool = ThreadPoolExecutor(THREADS)
        self._futures: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            for future in self._futures:
                future.result()

    def fetch(self, wanted: Iterable[Sequence[Wanted]]) -> None:
        """Begin to download; the files of each sequence one after the other."""
        for files in wanted:
            self._futures.append(self._pool.submit(self._fetch_all, files))

    def _fetch_all(self, files: Sequence[Wanted]) -> None:
        for each in files:
            self._report(self._fetch_one(each))

    def _fetch_one(self, wanted: Wanted) -> Fetched:
        import click  # noqa: PLC0415 - the exception that every error becomes

        try:
            with as_click_errors():
                if is_whole(wanted):
                    return Fetched(wanted, "there already")
                return self._download(wanted)
        except click.ClickException as error:
            return Fetched(wanted, "failed", f"{wanted.key}: {error.message}")

    def _download(self, wanted: Wanted) -> Fetched:
        wanted.path.parent.mkdir(parents=True, exist_ok=True)
        part = wanted.path.with_name(f".{wanted.path.name[:200]}.part")
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=wanted.key)["Body"]
            with part.open("wb") as file:
                file.writelines(body.iter_chunks(CHUNK))
            if not is_whole(wanted, part):
                return Fetched(
                    wanted,
                    "failed",
                    f"{wanted.key}: its content is not what its manifest says; it may be about to "
                    "be replaced: run the same command again",
                )
            part.replace(wanted.path)
        finally:
            part.unlink(missing_ok=True)
        return Fetched(wanted, "saved")


def is_whole(wanted: Wanted, path: Path | None = None) -> bool:
    """Whether the file (or the one at `path`) is there with everything in it."""
    path = path or wanted.path
    try:
        if wanted.size is not None and path.stat().st_size != wanted.size:
            return False
        with path.open("rb") as file:
            if wanted.sha256 is not None:
                return hashlib.file_digest(file, "sha256").hexdigest() == wanted.sha256
            if wanted.run is None:
                return True
            manifest = json.load(file)
            return (manifest["task_id"], manifest["run"]) == (wanted.task_id, wanted.run)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def path_below(folder: Path, key: str) -> Path:
    """The file for a key, always below the folder.

    Raises:
        ValueError: a part of the key is empty, '.' or '..', so that it could lead elsewhere.
    """
    parts = key.split("/")
    separators = {os.sep, os.altsep} - {"/", None}
    if any(part in ("", ".", "..") or separators.intersection(part) for part in parts):
        raise ValueError(f"'{key}' is not a file name below {folder}")
    return folder.joinpath(*parts)
