"""What `put` uploads: photos, the files that specs name, and the specs, all checked.

Reads the disk only.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from darkroom.domain.media import BY_EXTENSION, extension_of
from darkroom.domain.object_keys import (
    DEFAULT_NAME,
    classify_key,
    folder_of,
    is_unicode,
    parse_spec_name,
)
from infra.cli.files.find_photos import FolderSearch, FoundFile
from infra.cli.offline_specs import AskedTask, CheckedSpec, check_spec

NOT_A_SPEC: Final = "not-a-spec"
"""The failure code of a spec without an operation."""
WITHOUT_SPEC: Final = "a photo without a spec beside it"
NO_SPECS: Final = (
    "there are no photos with specs in {}: name a spec for all with --spec, or use --operation"
)
IMAGES: Final = tuple(
    dict.fromkeys(media.extension for media in BY_EXTENSION.values() if media.kind == "image")
)


@dataclass
class UploadPlan:
    """Everything to upload, by key.

    Attributes:
        files: photos and other inputs.
        specs: uploaded last, so that their tasks need not wait.
        missing: keys that specs name and that are not on this disk.
        refused: the specs that are wrong; if there are any, nothing may be uploaded.
        unnamed: files whose names are not UTF-8 and so cannot be keys; they are not uploaded.
        left_out: what lies in the folders and is not uploaded, and why.
        inputs: a spec, or a photo under folder defaults -> the files that its tasks need.
        defaults: folder defaults, uploaded before everything else.
        bare: photos among `files` without a spec on this disk, for which `folder_plan` finds one.
        named: those of them that the user named one by one.
        roots: a folder's prefix in the bucket, and the folder.
        photos: photo -> the labels of the tasks that folder defaults make of it.
        settle_s: how long such a photo waits for a spec of its own, at most.
        asked: a spec's or such a photo's key -> what its tasks do, for a photo in the order of its
            labels.
        wishes: file -> what its uploader wants of its tasks, see `aws.s3.WISH`.
    """

    files: dict[str, Path] = field(default_factory=dict)
    specs: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    refused: list[CheckedSpec] = field(default_factory=list)
    unnamed: list[Path] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: dict[str, Path] = field(default_factory=dict)
    bare: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    roots: list[tuple[str, Path]] = field(default_factory=list)
    photos: dict[str, tuple[str | None, ...]] = field(default_factory=dict)
    settle_s: int = 0
    asked: dict[str, tuple[AskedTask, ...]] = field(default_factory=dict)
    wishes: dict[str, str] = field(default_factory=dict)

    def photo_of(self, key: str) -> str | None:
        """The photo that the tasks of a spec, or of a photo, are about, if it is to be uploaded.

        Of a spec without a photo it is the first file that it names.
        """
        if key in self.photos:
            return key
        source = parse_spec_name(key).source
        names = ((source,) if source else ()) + self.inputs.get(key, ())
        return next((name for name in names if name in self.files), None)

    def keep_needed(self) -> None:
        """Leave only files that a task needs: any other could become a task that nobody wants."""
        needed = {*self.photos}
        for key in (*self.specs, *self.photos):
            needed |= {*self.inputs.get(key, ())}
        needed |= {parse_spec_name(key).source or "" for key in self.specs}
        self.files = {key: path for key, path in self.files.items() if key in needed}
        self.missing = [key for key in self.missing if key in needed and key not in self.files]

    def leave_out(self, photos: Collection[str], reason: str) -> None:
        """Leave out these photos with all their tasks, except those that another task needs."""
        about = {key: self.photo_of(key) for key in (*self.specs, *self.photos)}
        kept = {
            name
            for key, photo in about.items()
            for name in self.inputs.get(key, ())
            if name != photo
        }
        gone = {photo for photo in photos if photo not in kept}
        for key, photo in about.items():
            if photo in gone:
                parts: tuple[dict[str, Any], ...] = (self.specs, self.photos, self.inputs)
                for part in (*parts, self.asked):
                    part.pop(key, None)
        self.left_out += [(self.files[photo], reason) for photo in photos if photo in gone]
        self.keep_needed()

    def search(self, files: Sequence[Path], search: FolderSearch) -> Iterator[FoundFile]:
        """The files whose names can be keys; the others go to `unnamed` and `left_out`."""
        for found in search.expand(files):
            if is_unicode(found.below + found.path.name):
                yield found
            else:
                self.unnamed.append(found.path)
        self.left_out += search.left_out

    def add_photo(self, path: Path, prefix: str) -> str:
        """Add a photo; its key.

        Raises:
            click.UsageError: a file of this name would not be treated as a photo.
        """
        kind = classify_key(path.name)
        if path.name == DEFAULT_NAME:
            raise click.UsageError(f"{path} cannot be uploaded: this name is reserved")
        if kind == "spec":
            raise click.UsageError(f"{path} is a spec by its name, not a photo")
        if kind == "ignored":
            raise click.UsageError(f"{path} would be ignored: its name begins with a dot")
        if extension_of(path.name) not in BY_EXTENSION:
            raise click.UsageError(
                f"{path} is not in a supported format; export it as one of: {', '.join(IMAGES)}"
            )
        return self.add_file(prefix + path.name, path)

    def add_file(self, key: str, path: Path) -> str:
        """Add a file under a key; the key.

        Raises:
            click.UsageError: another file has that key already.
        """
        other = self.files.setdefault(key, path)
        if other.resolve() != path.resolve():
            raise click.UsageError(f"{other} and {path} would both become '{key}'")
        return key

    def add_spec(
        self,
        key: str,
        body: bytes,
        name: str,
        folders: Sequence[Path],
        *,
        bare: bool = False,
    ) -> None:
        """Check and add a spec, and the files that it names, from the first folder that has them.

        Args:
            key: the spec's key.
            body: the spec's bytes.
            name: what messages call the spec.
            folders: where to look for the files that it names.
            bare: whether it may lack its operation, so that a folder default fills it.
        """
        checked = check_spec(body, name, key)
        unchecked = bare and checked.code == NOT_A_SPEC
        if checked.order is None and not unchecked:
            self.refused.append(checked)
            return
        if self.specs.setdefault(key, body) != body:
            raise click.UsageError(f"two specs would both become '{key}'")
        if checked.order is None:
            return
        self.inputs[key] = tuple(one for keys in checked.order.keys.values() for one in keys)
        self.add_inputs(self.inputs[key], [(folder_of(key), folder) for folder in folders])

    def add_inputs(self, keys: Iterable[str], roots: Sequence[tuple[str, Path]]) -> None:
        """Add the files with these keys from the first folder that has them, or to `missing`.

        Args:
            keys: of the files.
            roots: prefixes, and the folders for what lies below them.
        """
        for key in keys:
            if key in self.files:
                continue
            path = _find_input(key, roots)
            if path is not None:
                self.add_file(key, path)
            elif key not in self.missing:
                self.missing.append(key)

    def add_default(self, key: str, path: Path) -> None:
        """Add a folder default. Raises `click.UsageError` if there is another with that key."""
        if self.defaults.setdefault(key, path).resolve() != path.resolve():
            raise click.UsageError(f"two folder defaults would both become '{key}'")

    def forget_found(self) -> None:
        """Remove from `missing` what a later photo turned out to be."""
        self.missing = [key for key in self.missing if key not in self.files]


def no_spec(photo: object) -> click.UsageError:
    """The error of a photo without a spec."""
    name = str(photo).rpartition("/")[2]
    return click.UsageError(
        f"{photo} has no spec: name one with --spec, use --operation, or put one beside it "
        f"as {name}.json"
    )


def _find_input(key: str, roots: Sequence[tuple[str, Path]]) -> Path | None:
    """The file on this disk for a key; only a key below one of the prefixes can have one."""
    paths = (folder / key.removeprefix(below) for below, folder in roots if key.startswith(below))
    return next((path for path in paths if path.is_file()), None)
