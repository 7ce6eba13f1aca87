"""Bytecode for the functions' asset and layer, so that nothing is compiled when a function starts.

Lambda mounts both read-only: what is not compiled before the deployment is compiled again at every
start. This module must not import the CDK: tests and `make layers` work without Node.
"""

import compileall
import py_compile
import sys
from pathlib import Path
from typing import Final

PYTHON_VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The version of the running Python, such as `3.14`."""


def makes_bytecode_for(python: str) -> bool:
    """Whether the running Python compiles for this runtime: the minor version must be the same."""
    return python == PYTHON_VERSION and sys.implementation.name == "cpython"


def compile_folder(folder: Path, deployed_to: str) -> None:
    """Compile every module below `folder`, which Lambda mounts at `deployed_to`.

    Unchecked, because zip archives and Lambda's file system have no times to compare. With Lambda's
    paths in it, so that tracebacks are the same wherever it was compiled.

    Raises:
        RuntimeError: a module has a syntax error.
    """
    compiled = compileall.compile_dir(
        folder,
        quiet=1,
        stripdir=str(folder),
        prependdir=deployed_to,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        msg = f"not everything below {folder} could be compiled"
        raise RuntimeError(msg)


def describe_bytecode(*, compiled: bool) -> str:
    """Whether something was compiled, as the end of a sentence."""
    if compiled:
        return "with bytecode"
    return f"without bytecode (built by Python {PYTHON_VERSION}): functions start more slowly"
