"""Makes slow things once for all workers of a test run: one worker makes it, the others wait."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.processes import Processes
from infra.local.synthesis import find_template, make_template


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder of this name, filled by `make`, which the first caller runs."""
    own = factory.getbasetemp()
    # A worker's own folder is in that of the run.
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    folder.mkdir(exist_ok=True)
    made = folder / "made"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make(folder)
            made.touch()
    return folder


def local_template(factory: pytest.TempPathFactory) -> Path:
    """The template of the local environment. Copied to an environment's folder, it saves Node."""

    def make(folder: Path) -> None:
        processes = Processes()
        try:
            make_template("local", find_template("local", folder), folder / "log", processes)
        finally:
            processes.stop()

    folder = made_once(factory, "local-template", make)
    return find_template("local", folder)
