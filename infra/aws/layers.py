"""The layer builder: turns `layers/<name>/requirements.txt` into a folder that Lambda can use.

Building is the only step of a deployment that needs a network, and needs no Docker: pip takes the
wheels of the target's platform. Only wheels whose hash is in the requirements are taken. It must
not import the CDK: tests and `make layers` work without Node.
"""

import argparse
import compileall
import hashlib
import json
import py_compile
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "layers"
PLACEHOLDER = Path(__file__).resolve().parent / "placeholder"

HOST = "host"
"""The platform that means: this machine and this Python."""

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The version of the Python that runs this."""

ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's names for its processors -> the names that wheels use."""

# Wheels are built against a C library of at least some version. Lambda's Python 3.13 runs on
# Amazon Linux 2023 with glibc 2.34 (Lambda guide, "Lambda runtimes"), so any up to it will do.
_MANYLINUX = (
    "manylinux_2_34",
    "manylinux_2_31",
    "manylinux_2_28",
    "manylinux_2_26",
    "manylinux_2_24",
    "manylinux_2_17",
    "manylinux2014",
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a built layer was made from; kept beside it, so that a stale one is noticed."""

    requirements: str
    python: str
    bytecode: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """The folder to deploy, and what is wrong with it, if anything."""

    folder: Path
    warning: str = ""


def find_layer(name: str, architecture: str, python: str, root: Path = ROOT) -> Layer:
    """The layer `name` as built, else a placeholder; needs no network.

    `architecture` is Lambda's name (`arm64`), `python` the runtime's version (`3.13`). The warning
    is one sentence that says how to go on.
    """
    folder = root / name / "build" / architecture
    recipe = _read_recipe(folder)
    if recipe is None:
        return Layer(
            PLACEHOLDER,
            f"layers/{name} is not built and an empty folder stands in for it: the functions "
            "cannot start when deployed like this; run `make layers` first",
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
    requirements for the same Python is left alone unless `force`. A build that fails or is
    interrupted leaves what was there before. Raises subprocess.CalledProcessError when pip fails,
    which has then said why, and ValueError for another Python on this machine.
    """
    if architecture == HOST and python != HERE:
        msg = f"a layer for this machine's own Python is for {HERE}, not for {python}"
        raise ValueError(msg)
    folder = root / name / "build" / architecture
    there = _read_recipe(folder)
    recipe = Recipe(_digest(root / name), python, bytecode=_makes_bytecode_for(python))
    # Bytecode that another Python made for this runtime is worth keeping.
    if there and there in {recipe, replace(recipe, bytecode=True)} and not force:
        return there
    folder.parent.mkdir(parents=True, exist_ok=True)
    # In the same file system as its final place, so that moving it is one step.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as scratch:
        made = Path(scratch) / "new"
        packages = made / "python"
        _install(root / name / "requirements.txt", packages, architecture, python)
        _strip(packages)
        if recipe.bytecode:
            _compile(packages)
        _recipe_path(folder).unlink(missing_ok=True)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        made.rename(folder)
        _recipe_path(folder).write_text(json.dumps(asdict(recipe)), "utf-8")
    return recipe


def main(arguments: list[str] | None = None) -> None:
    """Build every layer there is, and say what was built."""
    parser = argparse.ArgumentParser(prog="python -m infra.aws.layers", description=main.__doc__)
    parser.add_argument("--platform", choices=[*ARCHITECTURES, HOST], default="arm64")
    parser.add_argument("--python", default="3.13", help="the runtime's version")
    parser.add_argument("--force", action="store_true", help="build again what is up to date")
    options = parser.parse_args(arguments)
    python = HERE if options.platform == HOST else options.python
    for requirements in sorted(ROOT.glob("*/requirements.txt")):
        name = requirements.parent.name
        try:
            recipe = build_layer(name, options.platform, python, force=options.force)
        except subprocess.CalledProcessError:
            sys.exit(f"layers/{name}: not built; pip says why above")
        bytecode = (
            "with bytecode"
            if recipe.bytecode
            else f"without bytecode (made by Python {HERE}): the functions start more slowly"
        )
        sys.stdout.write(
            f"layers/{name}: ready for {options.platform}, Python {python}, {bytecode}\n"
        )


def _makes_bytecode_for(python: str) -> bool:
    return python == HERE and sys.implementation.name == "cpython"


def _digest(layer: Path) -> str:
    return hashlib.sha256((layer / "requirements.txt").read_bytes()).hexdigest()


def _recipe_path(folder: Path) -> Path:
    # Beside the folder, not in it: what is in it is deployed.
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
    subprocess.run(  # noqa: S603 - pip, with arguments of our own
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
    """Remove what no function imports: scripts, tests, and bytecode of the builder's Python."""
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for folder in sorted(packages.rglob("*"), reverse=True):
        if folder.is_dir() and folder.name in {"tests", "__pycache__"}:
            shutil.rmtree(folder)


def _compile(packages: Path) -> None:
    # Unchecked, because zip archives and Lambda's file system carry no times to compare; with the
    # paths of Lambda in it, so that the same requirements give the same bytes on every machine.
    done = compileall.compile_dir(
        packages,
        quiet=1,
        stripdir=str(packages),
        prependdir="/opt/python",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        msg = f"not everything below {packages} could be compiled"
        raise RuntimeError(msg)


if __name__ == "__main__":
    main()
