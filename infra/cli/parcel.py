"""What `put` will upload: photos, the files that specs name, and the specs, checked beforehand.

Reads the disk only; nothing is uploaded here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from darkroom.errors import SpecRefused
from darkroom.naming import folder_of, kind_of, read_spec_name
from infra.cli.declared import Found, check_spec


@dataclass
class Parcel:
    """Everything to upload, by key.

    Attributes:
        files: photos and other inputs.
        specs: go last, so that their tasks need not wait.
        missing: keys that specs name and that are not on this disk.
        refused: what is wrong with specs; such a parcel is not to be sent.
    """

    files: dict[str, Path] = field(default_factory=dict)
    specs: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    refused: list[Found] = field(default_factory=list)

    def add_photo(self, path: Path, prefix: str) -> str:
        """Add a photo; its key.

        Raises:
            click.UsageError: a file of this name would not be taken for a photo.
        """
        kind = kind_of(path.name)
        if kind == "spec":
            raise click.UsageError(f"{path} is a spec by its name, not a photo")
        if kind == "ignored":
            raise click.UsageError(f"{path} would be ignored: its name begins with a dot")
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


def pack_written(files: Sequence[Path], document: Mapping[str, Any], prefix: str) -> Parcel:
    """Photos with one spec for all, as written on the command line; its operation is the label."""
    body = json.dumps(document, indent=2, ensure_ascii=False).encode()
    parcel = Parcel()
    for photo in files:
        key = parcel.add_photo(photo, prefix)
        label = _label(f"{photo.name}.{document['operation']}.json", str(document["operation"]))
        parcel.add_spec(f"{key}{label}.json", body, "the spec", [photo.parent])
    return parcel


def pack(files: Sequence[Path], spec: Path | None, prefix: str) -> Parcel:
    """Photos with a spec for all or with the specs beside them, and specs that are named.

    Raises:
        click.UsageError: a photo has no spec.
    """
    parcel = Parcel()
    for path in files:
        if kind_of(path.name) == "spec" and spec is None:
            parcel.add_spec(prefix + path.name, path.read_bytes(), str(path), [path.parent])
            continue
        key = parcel.add_photo(path, prefix)
        if spec is not None:
            name = f"{key}{_label_of(spec)}.json"
            parcel.add_spec(name, spec.read_bytes(), str(spec), [spec.parent, path.parent])
            continue
        beside = sorted(path.parent.glob(f"{_literally(path.name)}*.json"))
        own = [one for one in beside if _source_of(one) == path.name]
        if not own and not any(_source_of(one) == path.name for one in files):
            raise click.UsageError(
                f"there is no spec for {path}: name one with --spec, say what to do with "
                f"--operation, or put one beside it as {path.name}.json"
            )
        for one in own:
            parcel.add_spec(prefix + one.name, one.read_bytes(), str(one), [one.parent])
    parcel.missing = [key for key in parcel.missing if key not in parcel.files]
    return parcel


def _find(wanted: str, folder: str, folders: Sequence[Path]) -> Path | None:
    """The file on this disk that a key means; only keys of the spec's own folder mean one."""
    if not wanted.startswith(folder):
        return None
    places = (place / wanted.removeprefix(folder) for place in folders)
    return next((path for path in places if path.is_file()), None)


def _source_of(path: Path) -> str | None:
    """The photo that a file's name says it is the spec of, if it is one."""
    if kind_of(path.name) != "spec":
        return None
    try:
        return read_spec_name(path.name).source
    except SpecRefused:
        # A label that cannot be used: the check that follows says so.
        return None


def _label_of(spec: Path) -> str:
    """`.thumb` for `cat.jpg.thumb.json`, so that the same spec keeps its label."""
    try:
        label = read_spec_name(spec.name).label if kind_of(spec.name) == "spec" else None
    except SpecRefused:
        return ""
    return f".{label}" if label else ""


def _label(name: str, operation: str) -> str:
    """The operation as a label, where it can be one; the check says what is wrong with others."""
    try:
        return f".{operation}" if read_spec_name(name).label == operation else ""
    except SpecRefused:
        return ""


def _literally(name: str) -> str:
    """A name as a pattern that matches only itself."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)
