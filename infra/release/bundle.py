"""The zip of what is deployed: functions and layers as `make deploy` would upload them.

darkroom-<version>/release.json     version, and for which Python and processor
functions/       all functions, compiled
layers/<name>/   each layer, compiled
LICENSE, LICENCES.md, sbom.cdx.json
"""

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.aws.function_asset import FUNCTIONS, build_function_asset
from infra.aws.layers import ARCHITECTURE, PYTHON, find_layer
from infra.aws.layers import ROOT as LAYERS
from infra.aws.shipped_code import RELEASE
from infra.release.version import ReleaseError

_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can have; every file has it, so that two zips are the same."""
_MODE: Final = 0o644


def lay_out(
    folder: Path,
    version: str,
    texts: Mapping[str, str],
    *,
    functions: Path = FUNCTIONS,
    layers: Path = LAYERS,
) -> None:
    """Write a release to `folder`, which must not exist; `texts` are further files by name.

    Raises ReleaseError if a layer is not built or is stale, or if nothing can be compiled.
    """
    asset = build_function_asset(folder / "functions", PYTHON, functions)
    if not asset.bytecode:
        raise ReleaseError("nothing can be compiled here: run `make layers`, and read its warning")
    for requirements in sorted(layers.glob("*/requirements.txt")):
        name = requirements.parent.name
        found = find_layer(name, ARCHITECTURE, PYTHON, layers)
        if found.warning:
            raise ReleaseError(found.warning)
        shutil.copytree(found.folder, folder / "layers" / name)
    described = {"version": version, "python": PYTHON, "architecture": ARCHITECTURE}
    (folder / RELEASE).write_text(json.dumps(described, indent=2) + "\n", "utf-8")
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")


def zip_folder(folder: Path, destination: Path) -> None:
    """Write a zip of a folder, with its name; the same files make the same bytes."""
    with zipfile.ZipFile(destination, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = path.relative_to(folder.parent).as_posix()
                entry = zipfile.ZipInfo(name, _TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = _MODE << 16
                archive.writestr(entry, path.read_bytes())
