"""The layer builder: turns `layers/<name>/requirements.txt` into a folder for Lambda.

Building is the only step of a deployment that needs a network. It needs no Docker: pip downloads
the wheels of the target platform, and only those whose hash is in the requirements. This module
must not import the CDK: tests and `make layers` work without Node.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from infra.aws import pyodide
from infra.aws.bytecode import (
    PYTHON_VERSION,
    compile_folder,
    describe_bytecode,
    makes_bytecode_for,
)

ROOT = Path(__file__).resolve().parents[2] / "layers"
PLACEHOLDER = Path(__file__).resolve().parent / "placeholder"

PYTHON = "3.14"
"""The version of Lambda's runtime, for which layers and functions are built."""

ARCHITECTURE = "arm64"
"""Lambda's name of the processor that the functions run on."""

HOST = "host"
"""The platform name for this machine and this Python."""

ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's names for its processors -> the names that wheels use."""

# A wheel needs at least the glibc of its tag. Lambda's Python 3.14 runs on Amazon Linux 2023 with
# glibc 2.34 (Lambda guide, "Lambda runtimes"), so all tags up to that version work.
_MANYLINUX = (
    "manylinux_2_34",
    "manylinux_2_31",
    "manylinux_2_28",
    "manylinux_2_26",
    "manylinux_2_24",
    "manylinux_2_17",
    "manylinux2014",
)


_CANNOT_START = "the functions cannot start"
_WITHOUT = {"pictures": "results have no figures and masks that are no PNG are not checked"}


class LayerError(Exception):
    """A layer cannot be deployed; the message says how to go on."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a layer was built from; stored beside it, so that a stale layer is noticed."""

    requirements: str
    python: str
    bytecode: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """The folder to deploy, and a warning if it is not up to date."""

    folder: Path
    warning: str = ""


def find_layer(name: str, architecture: str, python: str, root: Path = ROOT) -> Layer:
    """The layer `name` as built, or a placeholder; needs no network.

    `architecture` is Lambda's name (`arm64`), `python` the runtime's version (`3.14`). The warning
    is one sentence that says how to go on.
    """
    folder = root / name / "build" / architecture
    recipe = _read_recipe(folder)
    if recipe is None:
        return Layer(
            PLACEHOLDER,
            f"layers/{name} is not built and an empty folder takes its place: "
            f"{_WITHOUT.get(name, _CANNOT_START)} when deployed like this; run `make layers` first",
        )
    if (recipe.requirements, recipe.python) != (_digest(root / name), python):
        return Layer(
            folder,
            f"layers/{name} was built from other requirements or for another Python; run "
            "`make layers` first",
        )
    return Layer(folder)


def build_layer(
    name: str, architecture: str, python: str, *, root: Path = ROOT, force: bool = False
) -> Recipe:
    """Build the layer `name` to `<root>/<name>/build/<architecture>/python`.

    `architecture` is `arm64`, `x86_64` or `host`. A layer that is already built from the same
    requirements for the same Python is built again only with `force`. A build that fails or is
    interrupted leaves the old layer unchanged. Raises subprocess.CalledProcessError if pip fails
    (pip prints the reason), and ValueError for `host` with another Python than the running one.
    """
    if architecture == HOST and python != PYTHON_VERSION:
        msg = f"a layer for this machine's own Python is for {PYTHON_VERSION}, not for {python}"
        raise ValueError(msg)
    folder = root / name / "build" / architecture
    current = _read_recipe(folder)
    recipe = Recipe(_digest(root / name), python, bytecode=makes_bytecode_for(python))
    # A layer that another Python built with bytecode for this runtime is better than ours.
    if current and current in {recipe, replace(recipe, bytecode=True)} and not force:
        return current
    folder.parent.mkdir(parents=True, exist_ok=True)
    # In the same file system as the final folder, so that moving it is atomic.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as scratch:
        built = Path(scratch) / "new"
        packages = built / "python"
        _install(root / name / "requirements.txt", packages, architecture, python)
        _strip(packages)
        if recipe.bytecode:
            compile_folder(packages, "/opt/python", python)
        _recipe_path(folder).unlink(missing_ok=True)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        built.rename(folder)
        _recipe_path(folder).write_text(json.dumps(asdict(recipe)), "utf-8")
    return recipe


def main(arguments: list[str] | None = None) -> None:
    """Build all layers and report what was built."""
    parser = argparse.ArgumentParser(prog="python -m infra.aws.layers", description=main.__doc__)
    parser.add_argument("--platform", choices=[*ARCHITECTURES, HOST], default=ARCHITECTURE)
    parser.add_argument("--python", default=PYTHON, help="the runtime's version")
    parser.add_argument(
        "--force", action="store_true", help="also build layers that are up to date"
    )
    options = parser.parse_args(arguments)
    python = PYTHON_VERSION if options.platform == HOST else options.python
    if python == pyodide.PYTHON != PYTHON_VERSION:
        _fetch_compiler()
    for requirements in sorted(ROOT.glob("*/requirements.txt")):
        name = requirements.parent.name
        try:
            recipe = build_layer(name, options.platform, python, force=options.force)
        except subprocess.CalledProcessError:
            sys.exit(f"layers/{name}: not built; see pip's message above")
        bytecode = describe_bytecode(compiled=recipe.bytecode)
        sys.stdout.write(
            f"layers/{name}: ready for {options.platform}, Python {python}, {bytecode}\n"
        )


def _fetch_compiler() -> None:
    try:
        pyodide.install()
    except pyodide.PyodideError as error:
        sys.stderr.write(f"warning: nothing is compiled: {error}\n")


def _digest(layer: Path) -> str:
    return hashlib.sha256((layer / "requirements.txt").read_bytes()).hexdigest()


def _recipe_path(folder: Path) -> Path:
    # Beside the folder, not in it: its contents are deployed.
    return folder.with_name(f"{folder.name}.json")


def _read_recipe(folder: Path) -> Recipe | None:
    path = _recipe_path(folder)
    if not path.is_file() or not folder.is_dir():
        return None
    return Recipe(**json.loads(path.read_text("utf-8")))


def _install(requirements: Path, target: Path, architecture: str, python: str) -> None:
    platform: list[str] = []
    if architecture != HOST:
        machine = ARCHITECTURES[architecture]
        platform = ["--implementation", "cp", "--python-version", python]
        for tag in _MANYLINUX:
            platform += ["--platform", f"{tag}_{machine}"]
    subprocess.run(  # noqa: S603 - pip, with fixed arguments
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-compile",
            "--no-input",
            "--only-binary=:all:",
            "--quiet",
            "--require-hashes",
            "--requirement",
            str(requirements),
            "--target",
            str(target),
            *platform,
        ],
        check=True,
    )


def _strip(packages: Path) -> None:
    """Remove what no function imports: scripts, tests, and bytecode of the building Python."""
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for folder in sorted(packages.rglob("*"), reverse=True):
        if folder.is_dir() and folder.name in {"tests", "__pycache__"}:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
