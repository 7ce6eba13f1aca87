"""Compiles for Lambda's Python where another Python runs: with Pyodide, a CPython for Node.

Bytecode depends on the minor version of CPython alone, not on the processor. Pyodide comes as one
npm package, without dependencies.
"""

import hashlib
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from infra.aws.node import find_certificates, find_node, find_npm

PYTHON: Final = "3.14"
VERSION: Final = "314.0.7"
SHA256: Final = "66b7949e5a0cba2250b586d7e368bf12fb482800748d182c4618254b685ffaa0"
"""Of the package as npm serves it."""

FOLDER: Final = Path(__file__).resolve().parents[2] / ".darkroom" / f"pyodide-{VERSION}"

_SCRIPT: Final = Path(__file__).with_name("compile_with_pyodide.mjs")


class PyodideError(Exception):
    """Pyodide cannot be fetched; the message says why."""


def is_installed_for(python: str, folder: Path = FOLDER) -> bool:
    """Whether `install` was done, and compiles for this minor version."""
    return python == PYTHON and folder.is_dir()


def install(folder: Path = FOLDER) -> None:
    """Fetch Pyodide (14 MB) with npm into `folder`; does nothing if it is there.

    Raises PyodideError without Node, without network, and for other content than expected.
    """
    if folder.is_dir():
        return
    node = find_node()
    npm = find_npm(node) if node else None
    if node is None or npm is None:
        raise PyodideError("Node is missing; `make .venv/bin/.installed` installs it into .venv")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # In the same file system as the final folder, so that moving it is atomic.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".pyodide-") as scratch:
        fetched = subprocess.run(  # noqa: S603 - npm, with fixed arguments
            [str(node), str(npm), "pack", "--silent", f"pyodide@{VERSION}"],
            capture_output=True,
            check=False,
            cwd=scratch,
            env={**os.environ, **find_certificates(os.environ)},
            text=True,
        )
        package = Path(scratch) / f"pyodide-{VERSION}.tgz"
        if not package.is_file():
            raise PyodideError(f"npm does not give pyodide {VERSION}: {fetched.stderr.strip()}")
        if hashlib.sha256(package.read_bytes()).hexdigest() != SHA256:
            raise PyodideError(f"npm gives another pyodide {VERSION} than expected")
        with tarfile.open(package) as archive:
            # Early Python 3.11 has no filter; the content is known.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(scratch)  # noqa: S202 - the same
        (Path(scratch) / "package").rename(folder)


def compile_folder(folder: Path, deployed_to: str, pyodide: Path = FOLDER) -> bool:
    """Compile as `bytecode.compile_folder` does; whether all modules could be.

    The same sources give the same bytes. Takes two seconds and a half, and more for thousands of
    modules. Raises PyodideError without Node.
    """
    node = find_node()
    if node is None:
        raise PyodideError("Node is missing; `make .venv/bin/.installed` installs it into .venv")
    command = [str(node), str(_SCRIPT), str(pyodide / "pyodide.mjs"), str(folder), deployed_to]
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603 - our own script
