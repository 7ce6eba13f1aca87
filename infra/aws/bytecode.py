"""Bytecode for the functions' asset and layer, so that nothing is compiled when a function starts.

Lambda mounts both read-only: what is not compiled before the deployment is compiled again at every
start. This module must not import the CDK: tests and `make layers` work without Node.
"""

import compileall
import py_compile
import sys
from pathlib import Path
from typing import Final

from infra.aws import pyodide

PYTHON_VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The version of the running Python, such as `3.14`."""


def makes_bytecode_for(python: str) -> bool:
    """Whether something here compiles for this runtime; the minor version must be the same.

    Either the running Python, or the one that `pyodide.install` has fetched.
    """
    return _is_running(python) or pyodide.is_installed_for(python)


def compile_folder(folder: Path, deployed_to: str, python: str = PYTHON_VERSION) -> None:
    """Compile every module below `folder`, which Lambda mounts at `deployed_to`, for `python`.

    Unchecked, because zip archives and Lambda's file system have no times to compare. With Lambda's
    paths in it, so that tracebacks are the same wherever it was compiled.

    Raises RuntimeError for a module with a syntax error, and where `makes_bytecode_for` is false.
    """
    if _is_running(python):
        compiled = compileall.compile_dir(
            folder,
            quiet=1,
            stripdir=str(folder),
            prependdir=deployed_to,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    else:
        compiled = pyodide.compile_folder(folder, deployed_to)
    if not compiled:
        raise RuntimeError(f"not everything below {folder} could be compiled")


def describe_bytecode(*, compiled: bool) -> str:
    """Whether something was compiled, as the end of a sentence."""
    if compiled:
        return "with bytecode"
    return f"without bytecode (built by Python {PYTHON_VERSION}): functions start more slowly"


def _is_running(python: str) -> bool:
    return python == PYTHON_VERSION and sys.implementation.name == "cpython"
