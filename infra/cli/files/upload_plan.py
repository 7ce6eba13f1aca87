"""What `put` will upload: photos, the files that specs name, and the specs, checked beforehand.

Reads the disk only; nothing is uploaded here.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import click

from darkroom.domain.errors import SpecRefused
from darkroom.domain.media import BY_EXTENSION, extension_of
from darkroom.domain.object_keys import (
    RESERVED_NAME,
    classify_key,
    folder_of,
    is_unicode,
    parse_spec_name,
)
from infra.cli.offline_specs import Found, check_spec

IMAGES: Final = tuple(
    dict.fromkeys(media.extension for media in BY_EXTENSION.values() if media.kind == "image")
)
_MASK: Final = re.compile(r"\.mask\.", re.IGNORECASE)


@dataclass
class UploadPlan:
    """Everything to upload, by key.

    Attributes:
        files: photos and other inputs.
        specs: go last, so that their tasks need not wait.
        missing: keys that specs name and that are not on this disk.
        refused: what is wrong with specs; such a parcel is not to be sent.
        unnamed: files whose names are not UTF-8, and so can be no keys; they stay behind.
    """

    files: dict[str, Path] = field(default_factory=dict)
    specs: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    refused: list[Found] = field(default_factory=list)
    unnamed: list[Path] = field(default_factory=list)

    def named(self, files: Iterable[Path]) -> Iterator[Path]:
        """Those of the files that have names which a key can have."""
        for path in files:
            if is_unicode(path.name):
                yield path
            else:
                self.unnamed.append(path)

    def add_photo(self, path: Path, prefix: str) -> str:
        """Add a photo; its key.

        Raises:
            click.UsageError: a file of this name would not be taken for a photo.
        """
        kind = classify_key(path.name)
        if path.name == RESERVED_NAME:
            raise click.UsageError(f"{path} cannot be uploaded: this name is reserved")
        if kind == "spec":
            raise click.UsageError(f"{path} is a spec by its name, not a photo")
        if kind == "ignored":
            raise click.UsageError(f"{path} would be ignored: its name begins with a dot")
        if extension_of(path.name) not in BY_EXTENSION:
            raise click.UsageError(
                f"{path} is not a kind of photo that is taken ({', '.join(IMAGES)}); "
                "export it as one of these."
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

    def add_spec(self, key: str, body: bytes, name: str, folders: Sequence[Path]) -> None:
        """Add a spec and, from the first of `folders` that has them, the files that it names."""
        found = check_spec(body, name, key)
        if found.order is None:
            self.refused.append(found)
            return
        if self.specs.setdefault(key, body) != body:
            raise click.UsageError(f"two specs would both become '{key}'")
        for wanted in (one for keys in found.order.keys.values() for one in keys):
            path = None if wanted in self.files else _find(wanted, folder_of(key), folders)
            if path is not None:
                self.add_file(wanted, path)
            elif wanted not in self.files and wanted not in self.missing:
                self.missing.append(wanted)


def pack_written(
    files: Sequence[Path], document: Mapping[str, Any], prefix: str, label: str | None = None
) -> UploadPlan:
    """Photos with one spec for all, as written on the command line; its operation is the label."""
    body = json.dumps(document, indent=2, ensure_ascii=False).encode()
    parcel = UploadPlan()
    for photo in parcel.named(_photos_of(files)):
        key = parcel.add_photo(photo, prefix)
        own = f".{label}" if label else _label_by(document)
        parcel.add_spec(f"{key}{own}.json", body, "the spec", [photo.parent])
    parcel.refused = [
        replace(found, name="--param NAME=...") if found.code == "bad-params" else found
        for found in parcel.refused
    ]
    return parcel


def pack(
    files: Sequence[Path], spec: Path | None, prefix: str, label: str | None = None
) -> UploadPlan:
    """Photos with a spec for all or with the specs beside them, and specs that are named.

    Raises:
        click.UsageError: a photo has no spec.
    """
    return _pack_beside(files, prefix) if spec is None else _pack_all(files, spec, prefix, label)


def _pack_all(files: Sequence[Path], spec: Path, prefix: str, label: str | None) -> UploadPlan:
    parcel, body = UploadPlan(), spec.read_bytes()
    own = f".{label}" if label else _label_of(spec, body)
    for photo in parcel.named(_photos_of(files)):
        key = parcel.add_photo(photo, prefix)
        parcel.add_spec(f"{key}{own}.json", body, str(spec), [spec.parent, photo.parent])
    parcel.missing = [key for key in parcel.missing if key not in parcel.files]
    return parcel


def _pack_beside(files: Sequence[Path], prefix: str) -> UploadPlan:
    parcel = UploadPlan()
    for path in parcel.named(_with_specs(files)):
        if classify_key(path.name) == "spec":
            parcel.add_spec(prefix + path.name, path.read_bytes(), str(path), [path.parent])
            continue
        parcel.add_photo(path, prefix)
        own = _beside(path)
        if not own and not any(_source_of(one) == path.name for one in files):
            raise click.UsageError(
                f"there is no spec for {path}: name one with --spec, say what to do with "
                f"--operation, or put one beside it as {path.name}.json"
            )
        for one in own:
            parcel.add_spec(prefix + one.name, one.read_bytes(), str(one), [one.parent])
    parcel.missing = [key for key in parcel.missing if key not in parcel.files]
    return parcel


def _photos_of(files: Sequence[Path]) -> Iterator[Path]:
    """The files, and of each folder its photos; a mask is no photo to work on."""
    return _unfolded(
        files,
        lambda one: not _MASK.search(one.name),
        lambda folder: f"there are no photos in {folder}",
    )


def _with_specs(files: Sequence[Path]) -> Iterator[Path]:
    """The files, and of each folder the photos that have a spec beside them."""
    return _unfolded(
        files,
        lambda one: bool(_beside(one)),
        lambda folder: (
            f"there are no photos with specs in {folder}: name a spec for all with "
            "--spec, or say what to do with --operation"
        ),
    )


def _unfolded(
    files: Sequence[Path], wanted: Callable[[Path], bool], complaint: Callable[[Path], str]
) -> Iterator[Path]:
    """The files, and in place of each folder what is wanted of its photos.

    Raises:
        click.UsageError: nothing in a folder is wanted.
    """
    for path in files:
        if not path.is_dir():
            yield path
            continue
        photos = [one for one in _media_in(path) if wanted(one)]
        if not photos:
            raise click.UsageError(complaint(path))
        yield from photos


def _media_in(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file()
        and classify_key(path.name) == "file"
        and extension_of(path.name) in BY_EXTENSION
    ]


def _beside(photo: Path) -> list[Path]:
    """The specs of a photo in its own folder."""
    return sorted(one for one in photo.parent.iterdir() if _source_of(one) == photo.name)


def _find(wanted: str, folder: str, folders: Sequence[Path]) -> Path | None:
    """The file on this disk that a key means; only keys of the spec's own folder mean one."""
    if not wanted.startswith(folder):
        return None
    places = (place / wanted.removeprefix(folder) for place in folders)
    return next((path for path in places if path.is_file()), None)


def _source_of(path: Path) -> str | None:
    """The photo that a file's name says it is the spec of, if it is one."""
    if classify_key(path.name) != "spec":
        return None
    try:
        return parse_spec_name(path.name).source
    except SpecRefused:
        # A label that cannot be used: the check that follows says so.
        return None


def _label_of(spec: Path, body: bytes) -> str:
    """`.thumb` for `cat.jpg.thumb.json`, so that the same spec keeps it; else its operation."""
    try:
        label = parse_spec_name(spec.name).label if classify_key(spec.name) == "spec" else None
    except SpecRefused:
        label = None
    if label:
        return f".{label}"
    try:
        document = json.loads(body)
    except ValueError:
        # The check that follows says what is wrong with it.
        return ""
    return _label_by(document) if isinstance(document, dict) else ""


def _label_by(document: Mapping[str, Any]) -> str:
    """The operation as a label, where it can be one; the check says what is wrong with others."""
    operation = document.get("operation")
    return f".{operation}" if isinstance(operation, str) and is_label(operation) else ""


def is_label(label: str) -> bool:
    """Whether a spec's name can bear this label."""
    try:
        return parse_spec_name(f"x.jpg.{label}.json").label == label
    except SpecRefused:
        return False
