"""Where the functions' code, their layers and the workflow come from: a checkout, or a release.

A checkout builds them when a template is synthesized; an unpacked release has them ready. This
module must not import the CDK: a release is made without Node.
"""

import atexit
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from infra.aws.bytecode import describe_bytecode
from infra.aws.function_asset import FUNCTIONS, build_function_asset
from infra.aws.layers import ARCHITECTURE, PLACEHOLDER, PYTHON, Layer, LayerError, find_layer
from infra.distribution import DISTRIBUTION

WORKFLOW: Final = "workflow.asl.json"
RELEASE: Final = "release.json"
"""In a release: `version`, and `python` and `architecture`, for which it was built."""


@dataclass(frozen=True, slots=True)
class ShippedCode:
    """What is deployed as it is.

    Attributes:
        functions: the folder of all functions.
        digest: of their sources; None where the CDK's own digest of the folder does.
        layers: name -> folder, with a warning if it is not up to date.
        workflow: the definition of the state machine.
    """

    functions: Path
    digest: str | None
    layers: Mapping[str, Layer]
    workflow: Path


def build_code(layers: Iterable[str], *, readable: bool, on_this_machine: bool) -> ShippedCode:
    """Build the functions of this checkout, and find its layers.

    Args:
        layers: their names.
        readable: whether the template is only for reading; then nothing is compiled.
        on_this_machine: whether they run from this checkout and its virtual environment; then no
            layer is needed, and the template does not depend on whether one was built.
    """
    python = "" if readable or on_this_machine else PYTHON
    folder = Path(tempfile.mkdtemp(prefix="darkroom-asset-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    asset = build_function_asset(folder / "functions", python)
    if python:
        bytecode = describe_bytecode(compiled=asset.bytecode)
        sys.stderr.write(f"functions: ready for Python {python}, {bytecode}\n")
    found = {
        name: Layer(PLACEHOLDER) if on_this_machine else find_layer(name, ARCHITECTURE, PYTHON)
        for name in layers
    }
    return ShippedCode(asset.folder, asset.digest, found, FUNCTIONS / WORKFLOW)


def open_release(folder: Path, layers: Iterable[str]) -> ShippedCode:
    """The code of an unpacked release.

    Raises LayerError if there is none, or if it is of another version than what is installed.
    """
    try:
        released = json.loads((folder / RELEASE).read_text("utf-8"))
    except FileNotFoundError as error:
        raise LayerError(f"{folder} is no unpacked release: it has no {RELEASE}") from error
    installed = version(DISTRIBUTION)
    if released["version"] != installed:
        raise LayerError(
            f"{folder} is release {released['version']}, and {DISTRIBUTION} {installed} is "
            "installed: take both of one version"
        )
    functions = folder / "functions"
    found = {name: Layer(folder / "layers" / name) for name in layers}
    return ShippedCode(functions, None, found, functions / WORKFLOW)
