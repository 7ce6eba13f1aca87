"""Plans what `put` uploads: photos, the files that specs name, and the specs, all checked.

Reads the disk only; `commands/put.py` uploads the plan.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
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
from infra.cli.files.find_photos import MASK, FolderSearch, FoundFile
from infra.cli.offline_specs import CheckedSpec, check_spec

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
        inputs: spec -> the keys of the files that it names.
    """

    files: dict[str, Path] = field(default_factory=dict)
    specs: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    refused: list[CheckedSpec] = field(default_factory=list)
    unnamed: list[Path] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)

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
        self.inputs[key] = tuple(one for keys in checked.order.keys.values() for one in keys)
        for input_key in self.inputs[key]:
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
    files: Sequence[Path],
    spec: Path | None,
    prefix: str,
    label: str | None = None,
    *,
    recursive: bool = False,
) -> UploadPlan:
    """Plan photos with one spec for all, or with the specs beside them, and named specs.

    Args:
        files: photos, specs and folders of photos.
        spec: the spec for all of them; None to use those beside the photos.
        prefix: the folder in the bucket; "" or ending in a slash.
        label: the specs' label; by default the spec's own, or its operation.
        recursive: whether sub-folders of folders are taken along.

    Raises:
        click.UsageError: a photo has no spec.
    """
    if spec is None:
        return _plan_with_sidecars(files, prefix, recursive=recursive)
    return _plan_with_spec(files, spec, prefix, label, recursive=recursive)


def plan_operation(
    files: Sequence[Path],
    document: Mapping[str, Any],
    prefix: str,
    label: str | None = None,
    *,
    inputs: Mapping[str, Sequence[str]] | None = None,
    recursive: bool = False,
) -> UploadPlan:
    """Plan photos with a spec made of command-line options; its operation is the default label.

    `inputs` are further files for each photo, role -> names beside it, in which `{stem}` is the
    photo's name without its extension.
    """
    plan = UploadPlan()
    for found in plan.search(files, _photos(recursive=recursive)):
        key = plan.add_photo(found.path, prefix + found.below)
        suffix = f".{label}" if label else _operation_suffix(document)
        body = _build_body(document, inputs or {}, found.path)
        plan.add_spec(f"{key}{suffix}.json", body, "the spec", [found.path.parent])
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
    files: Sequence[Path], spec: Path, prefix: str, label: str | None, *, recursive: bool
) -> UploadPlan:
    plan, body = UploadPlan(), spec.read_bytes()
    suffix = f".{label}" if label else _label_suffix(spec, body)
    for found in plan.search(files, _photos(recursive=recursive)):
        key = plan.add_photo(found.path, prefix + found.below)
        folders = [spec.parent, found.path.parent]
        plan.add_spec(f"{key}{suffix}.json", body, str(spec), folders)
    plan.forget_found()
    return plan


def _plan_with_sidecars(files: Sequence[Path], root: str, *, recursive: bool) -> UploadPlan:
    plan = UploadPlan()
    for found in plan.search(files, _photos_with_sidecars(recursive=recursive)):
        path, prefix = found.path, root + found.below
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


def _build_body(
    document: Mapping[str, Any], inputs: Mapping[str, Sequence[str]], photo: Path
) -> bytes:
    named = {
        role: [name.replace("{stem}", photo.stem) for name in names]
        for role, names in inputs.items()
    }
    short = {role: names[0] if len(names) == 1 else names for role, names in named.items()}
    whole = {**document, **({"inputs": short} if short else {})}
    return json.dumps(whole, indent=2, ensure_ascii=False).encode()


def _photos(*, recursive: bool) -> FolderSearch:
    """The files, and of each folder its photos without masks."""
    return FolderSearch(
        lambda path: not MASK.search(path.name),
        "a mask, by its name",
        lambda folder: f"there are no photos in {folder}",
        recursive,
    )


def _photos_with_sidecars(*, recursive: bool) -> FolderSearch:
    """The files, and of each folder the photos that have a spec beside them."""
    return FolderSearch(
        lambda path: bool(_sidecars_of(path)),
        "a photo without a spec beside it",
        lambda folder: (
            f"there are no photos with specs in {folder}: name a spec for all with --spec, "
            "or use --operation"
        ),
        recursive,
    )


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
