"""Plans what `put` uploads: photos, the files that specs name, and the specs, all checked.

Reads the disk only; `commands/put.py` uploads the plan.
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
    DEFAULT_NAME,
    classify_key,
    folder_of,
    is_unicode,
    parse_spec_name,
)
from infra.cli.offline_specs import CheckedSpec, check_spec

IMAGES: Final = tuple(
    dict.fromkeys(media.extension for media in BY_EXTENSION.values() if media.kind == "image")
)
_MASK: Final = re.compile(r"\.mask\.", re.IGNORECASE)


@dataclass
class UploadPlan:
    """Everything to upload, by key.

    Attributes:
        files: photos and other inputs.
        specs: uploaded last, so that their tasks need not wait.
        missing: keys that specs name and that are not on this disk.
        refused: the specs that are wrong; if there are any, nothing may be uploaded.
        unnamed: files whose names are not UTF-8 and so cannot be keys; they are not uploaded.
    """

    files: dict[str, Path] = field(default_factory=dict)
    specs: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    refused: list[CheckedSpec] = field(default_factory=list)
    unnamed: list[Path] = field(default_factory=list)

    def with_valid_names(self, files: Iterable[Path]) -> Iterator[Path]:
        """The files whose names can be keys; the others go to `unnamed`."""
        for path in files:
            if is_unicode(path.name):
                yield path
            else:
                self.unnamed.append(path)

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

    def add_spec(self, key: str, body: bytes, name: str, folders: Sequence[Path]) -> None:
        """Check and add a spec, and the files that it names, from the first folder that has them.

        Args:
            key: the spec's key.
            body: the spec's bytes.
            name: what messages call the spec.
            folders: where to look for the files that it names.
        """
        checked = check_spec(body, name, key)
        if checked.order is None:
            self.refused.append(checked)
            return
        if self.specs.setdefault(key, body) != body:
            raise click.UsageError(f"two specs would both become '{key}'")
        for input_key in (one for keys in checked.order.keys.values() for one in keys):
            if input_key in self.files:
                continue
            path = _find_input(input_key, folder_of(key), folders)
            if path is not None:
                self.add_file(input_key, path)
            elif input_key not in self.missing:
                self.missing.append(input_key)

    def forget_found(self) -> None:
        """Remove from `missing` what a later photo turned out to be."""
        self.missing = [key for key in self.missing if key not in self.files]


def plan_upload(
    files: Sequence[Path], spec: Path | None, prefix: str, label: str | None = None
) -> UploadPlan:
    """Plan photos with one spec for all, or with the specs beside them, and named specs.

    Args:
        files: photos, specs and folders of photos.
        spec: the spec for all of them; None to use those beside the photos.
        prefix: the folder in the bucket; "" or ending in a slash.
        label: the specs' label; by default the spec's own, or its operation.

    Raises:
        click.UsageError: a photo has no spec.
    """
    if spec is None:
        return _plan_with_sidecars(files, prefix)
    return _plan_with_spec(files, spec, prefix, label)


def plan_operation(
    files: Sequence[Path], document: Mapping[str, Any], prefix: str, label: str | None = None
) -> UploadPlan:
    """Plan photos with a spec made of command-line options; its operation is the default label."""
    body = json.dumps(document, indent=2, ensure_ascii=False).encode()
    plan = UploadPlan()
    for photo in plan.with_valid_names(_photos_of(files)):
        key = plan.add_photo(photo, prefix)
        suffix = f".{label}" if label else _operation_suffix(document)
        plan.add_spec(f"{key}{suffix}.json", body, "the spec", [photo.parent])
    plan.refused = [
        replace(spec, name="--param NAME=...") if spec.code == "bad-params" else spec
        for spec in plan.refused
    ]
    return plan


def is_label(label: str) -> bool:
    """Whether a spec's name may contain this label."""
    try:
        return parse_spec_name(f"x.jpg.{label}.json").label == label
    except SpecRefused:
        return False


def _plan_with_spec(
    files: Sequence[Path], spec: Path, prefix: str, label: str | None
) -> UploadPlan:
    plan, body = UploadPlan(), spec.read_bytes()
    suffix = f".{label}" if label else _label_suffix(spec, body)
    for photo in plan.with_valid_names(_photos_of(files)):
        key = plan.add_photo(photo, prefix)
        plan.add_spec(f"{key}{suffix}.json", body, str(spec), [spec.parent, photo.parent])
    plan.forget_found()
    return plan


def _plan_with_sidecars(files: Sequence[Path], prefix: str) -> UploadPlan:
    plan = UploadPlan()
    for path in plan.with_valid_names(_photos_with_sidecars(files)):
        if classify_key(path.name) == "spec":
            plan.add_spec(prefix + path.name, path.read_bytes(), str(path), [path.parent])
            continue
        plan.add_photo(path, prefix)
        sidecars = _sidecars_of(path)
        if not sidecars and not any(_source_of(file) == path.name for file in files):
            raise click.UsageError(
                f"{path} has no spec: name one with --spec, use --operation, or put one beside it "
                f"as {path.name}.json"
            )
        for sidecar in sidecars:
            plan.add_spec(
                prefix + sidecar.name, sidecar.read_bytes(), str(sidecar), [sidecar.parent]
            )
    plan.forget_found()
    return plan


def _photos_of(files: Sequence[Path]) -> Iterator[Path]:
    """The files, and of each folder its photos without masks."""
    return _expand_folders(
        files,
        lambda path: not _MASK.search(path.name),
        lambda folder: f"there are no photos in {folder}",
    )


def _photos_with_sidecars(files: Sequence[Path]) -> Iterator[Path]:
    """The files, and of each folder the photos that have a spec beside them."""
    return _expand_folders(
        files,
        lambda path: bool(_sidecars_of(path)),
        lambda folder: (
            f"there are no photos with specs in {folder}: name a spec for all with --spec, "
            "or use --operation"
        ),
    )


def _expand_folders(
    files: Sequence[Path], accept: Callable[[Path], bool], message: Callable[[Path], str]
) -> Iterator[Path]:
    """The files, and in place of each folder its accepted photos.

    Raises:
        click.UsageError: a folder has no such photo; with the message for it.
    """
    for path in files:
        if not path.is_dir():
            yield path
            continue
        photos = [photo for photo in _media_in(path) if accept(photo)]
        if not photos:
            raise click.UsageError(message(path))
        yield from photos


def _media_in(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file()
        and classify_key(path.name) == "file"
        and extension_of(path.name) in BY_EXTENSION
    ]


def _sidecars_of(photo: Path) -> list[Path]:
    """The specs of a photo in its own folder."""
    return sorted(path for path in photo.parent.iterdir() if _source_of(path) == photo.name)


def _source_of(path: Path) -> str | None:
    """The name of the photo that a spec's name says it is for; None if it is not a spec."""
    if classify_key(path.name) != "spec":
        return None
    try:
        return parse_spec_name(path.name).source
    except SpecRefused:
        return None  # a label that is not allowed; `check_spec` reports it


def _find_input(key: str, spec_folder: str, folders: Sequence[Path]) -> Path | None:
    """The file on this disk for a key; only a key in or below the spec's folder can have one."""
    if not key.startswith(spec_folder):
        return None
    paths = (folder / key.removeprefix(spec_folder) for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def _label_suffix(spec: Path, body: bytes) -> str:
    """`.thumb` for `cat.jpg.thumb.json`, so that the spec keeps its label; else the operation."""
    try:
        label = parse_spec_name(spec.name).label if classify_key(spec.name) == "spec" else None
    except SpecRefused:
        label = None
    if label:
        return f".{label}"
    try:
        document = json.loads(body)
    except ValueError:
        return ""  # `check_spec` reports it
    return _operation_suffix(document) if isinstance(document, dict) else ""


def _operation_suffix(document: Mapping[str, Any]) -> str:
    """The operation as a label, if it can be one; `check_spec` reports any other."""
    operation = document.get("operation")
    return f".{operation}" if isinstance(operation, str) and is_label(operation) else ""
