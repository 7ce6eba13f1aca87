"""The functions' asset: the sources of `functions/`, and their bytecode where it can be made.

This module must not import the CDK: tests and benchmarks build the asset without Node.
"""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.aws.bytecode import compile_folder, makes_bytecode_for

FUNCTIONS: Final = Path(__file__).resolve().parents[2] / "functions"

_TASK_ROOT: Final = "/var/task"
"""Where Lambda mounts a function's code (Lambda guide, "Defined runtime environment variables")."""


@dataclass(frozen=True, slots=True)
class FunctionAsset:
    """A folder to deploy.

    Attributes:
        digest: of the sources and of what they are compiled for. Not of the bytecode: CPython's
            differs in details that do not matter from one compilation to the next.
        bytecode: whether it has bytecode.
    """

    folder: Path
    digest: str
    bytecode: bool


def build_function_asset(folder: Path, python: str, functions: Path = FUNCTIONS) -> FunctionAsset:
    """Write the asset for the runtime `python` (such as `3.14`) to `folder`, which must not exist.

    Notes, hidden files and bytecode of this machine stay out.

    Raises:
        RuntimeError: a function cannot be compiled.
    """
    bytecode = makes_bytecode_for(python)
    total = hashlib.sha256(f"bytecode for {python}".encode() if bytecode else b"no bytecode")
    for source in sorted(_find_sources(functions)):
        name = source.relative_to(functions)
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        content = hashlib.sha256(source.read_bytes()).digest()
        total.update(b"\0" + name.as_posix().encode() + b"\0" + content)
    if bytecode:
        compile_folder(folder, _TASK_ROOT, python)
    return FunctionAsset(folder, total.hexdigest(), bytecode)


def _find_sources(functions: Path) -> Iterator[Path]:
    for path in functions.rglob("*"):
        parts = path.relative_to(functions).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if path.is_file() and not hidden and path.suffix not in {".md", ".pyc"}:
            yield path
