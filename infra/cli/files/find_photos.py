"""Finds the photos of folders on this disk, and says what it leaves out and why."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from darkroom.domain.media import BY_EXTENSION, extension_of
from darkroom.domain.object_keys import classify_key

MASK: Final = re.compile(r"\.mask\.", re.IGNORECASE)


@dataclass(frozen=True)
class FoundFile:
    """A file to upload; `below` is its sub-folder with a trailing slash, "" for none."""

    path: Path
    below: str = ""


@dataclass
class FolderSearch:
    """A search through files and folders.

    Attributes:
        accept: whether a photo of a folder is wanted; others are left out.
        refusal: why one is left out that is not accepted.
        message: what to say of a folder without any accepted photo.
        recursive: whether to look into sub-folders.
        defaults: whether folder defaults are taken along.
        left_out: the paths that were left out, and why.
    """

    accept: Callable[[Path], bool]
    refusal: str
    message: Callable[[Path], str]
    recursive: bool = False
    defaults: bool = False
    left_out: list[tuple[Path, str]] = field(default_factory=list)

    def expand(self, files: Sequence[Path]) -> Iterator[FoundFile]:
        """The files, and in place of each folder its accepted photos.

        Raises:
            click.UsageError: a folder has none; with the message for it.
        """
        for path in files:
            if not path.is_dir():
                yield FoundFile(path)
                continue
            found = list(self._walk(path, ""))
            if not found:
                raise click.UsageError(self.message(path))
            yield from found

    def _walk(self, folder: Path, below: str) -> Iterator[FoundFile]:
        photos = {path.name for path in folder.iterdir() if self._is_photo(path)}
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                if path.name.startswith(".") or path.is_symlink():
                    self.left_out.append((path, "a hidden folder or a link to one"))
                elif self.recursive:
                    yield from self._walk(path, f"{below}{path.name}/")
                else:
                    self.left_out.append((path, "a sub-folder; --recursive takes it along"))
            elif self._is_photo(path) or self._is_default(path):
                yield FoundFile(path, below)
            else:
                reason = self._why_not(path, photos)
                if reason:
                    self.left_out.append((path, reason))

    def _is_photo(self, path: Path) -> bool:
        return (
            path.is_file()
            and classify_key(path.name) == "file"
            and extension_of(path.name) in BY_EXTENSION
            and self.accept(path)
        )

    def _is_default(self, path: Path) -> bool:
        return self.defaults and classify_key(path.name) == "default"

    def _why_not(self, path: Path, photos: set[str]) -> str:
        kind = classify_key(path.name)
        if kind == "spec":
            # A spec beside its photo goes with it.
            return "" if any(path.name.startswith(f"{name}.") for name in photos) else "a spec"
        if kind == "default":
            return "a folder default"
        if kind == "ignored":
            return "its name begins with a dot"
        if not path.is_file():
            return "not a file"
        if extension_of(path.name) not in BY_EXTENSION:
            return "not a photo, by its extension"
        return self.refusal
