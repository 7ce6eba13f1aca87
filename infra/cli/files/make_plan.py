"""Makes the plan of what `put` uploads, from the command's arguments and this disk.

`commands/put.py` uploads the plan.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from darkroom.domain.errors import SpecRefused
from darkroom.domain.object_keys import DEFAULT_NAME, classify_key, parse_spec_name
from infra.cli.files.find_photos import MASK, FolderSearch
from infra.cli.files.sidecars import Sidecars, source_of
from infra.cli.files.upload_plan import NO_SPECS, WITHOUT_SPEC, UploadPlan, no_spec


def plan_upload(
    files: Sequence[Path],
    spec: Path | None,
    prefix: str,
    label: str | None = None,
    *,
    recursive: bool = False,
    bare: bool = False,
) -> UploadPlan:
    """Plan photos with one spec for all, or with the specs beside them, and named specs.

    Args:
        files: photos, specs and folders of photos.
        spec: the spec for all of them; None to use those beside the photos.
        prefix: the folder in the bucket; "" or ending in a slash.
        label: the specs' label; by default the spec's own, or its operation.
        recursive: whether sub-folders of folders are taken along.
        bare: whether photos without specs and folder defaults are planned too; see
            `folder_plan.apply_defaults`.

    Raises:
        click.UsageError: a photo has no spec.
    """
    if spec is None:
        return _plan_with_sidecars(files, prefix, recursive=recursive, bare=bare)
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


def _plan_with_sidecars(
    files: Sequence[Path], root: str, *, recursive: bool, bare: bool
) -> UploadPlan:
    plan, sidecars = UploadPlan(), Sidecars()
    search = _photos_with_sidecars(sidecars, recursive=recursive, bare=bare)
    plan.roots = [(root, path if path.is_dir() else path.parent) for path in files]
    named = {source_of(file) for file in files}
    for found in plan.search(files, search):
        path, prefix = found.path, root + found.below
        if classify_key(path.name) == "spec":
            plan.add_spec(
                prefix + path.name, path.read_bytes(), str(path), [path.parent], bare=bare
            )
            continue
        if bare and path.name == DEFAULT_NAME:
            plan.add_default(prefix + path.name, path)
            continue
        key = plan.add_photo(path, prefix)
        specs = sidecars.of(path)
        if not specs and path.name not in named:
            if not bare:
                raise no_spec(path)
            plan.bare.append(key)
            if path in files:
                plan.named.add(key)
        for sidecar in specs:
            plan.add_spec(
                prefix + sidecar.name,
                sidecar.read_bytes(),
                str(sidecar),
                [sidecar.parent],
                bare=bare,
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


def _photos_with_sidecars(sidecars: Sidecars, *, recursive: bool, bare: bool) -> FolderSearch:
    """The files, and of each folder the photos that have a spec beside them, or all photos."""
    if bare:
        return FolderSearch(
            lambda _path: True,
            "",
            lambda folder: f"there are no photos in {folder}",
            recursive,
            bare,
        )
    return FolderSearch(
        lambda path: bool(sidecars.of(path)),
        WITHOUT_SPEC,
        NO_SPECS.format,
        recursive,
    )


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
