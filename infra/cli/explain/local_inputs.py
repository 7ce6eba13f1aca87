"""A folder on disk as the input bucket: the part of `ports.Inputs` that finds specs."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from darkroom.domain.errors import InputRefused
from darkroom.domain.object_keys import folder_of
from darkroom.ports import Current, Found


class LocalInputs:
    """The files of a folder; their keys are their paths in it. A version is a file's digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def bucket(self) -> str:
        """What messages call it."""
        return str(self._folder)

    def find(self, key: str) -> Found | None:
        """The file, or None."""
        path = self._folder / key
        return Found(key, "", "", path.stat().st_size) if path.is_file() else None

    def read_each(self, keys: Sequence[str], limit: int) -> Sequence[Current | InputRefused | None]:
        """The whole files; one above `limit` bytes is refused."""
        return [self._read(key, limit) for key in keys]

    def _read(self, key: str, limit: int) -> Current | InputRefused | None:
        path = self._folder / key
        if not path.is_file():
            return None
        body = path.read_bytes()
        if len(body) > limit:
            return InputRefused(
                "spec-too-large", f"{key} has {len(body):,} bytes; a spec may have {limit:,}."
            )
        return Current(hashlib.sha256(body).hexdigest(), body)

    def list_keys(self, prefix: str, after: str = "", most: int = 1000) -> Sequence[str]:
        """The files of one folder whose keys begin with this prefix."""
        folder = folder_of(prefix)
        there = self._folder / folder
        names = (path.name for path in there.iterdir()) if there.is_dir() else ()
        keys = sorted((folder + name for name in names), key=str.encode)
        found = [k for k in keys if k.startswith(prefix) and k.encode() > after.encode()]
        return found[:most]

    def walk(self) -> Iterator[str]:
        """The keys of all files, hidden ones left out."""
        for path in sorted(self._folder.rglob("*")):
            key = path.relative_to(self._folder).as_posix()
            if path.is_file() and not any(part.startswith(".") for part in key.split("/")):
                yield key
