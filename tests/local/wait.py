"""Shared by the tests of the local environment: functions of `handlers/tiny.py`, and waiting."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from infra.local.lambda_runtime.worker import Function

HANDLERS = Path(__file__).parent / "handlers"

T = TypeVar("T")


def build_function(handler: str, timeout_s: float = 3.0, **environment: str) -> Function:
    """A function of `handlers/tiny.py`, named after its handler."""
    return Function(
        name=handler,
        arn=f"arn:aws:lambda:us-east-1:123456789012:function:{handler}",
        handler=f"tiny.{handler}",
        timeout_s=timeout_s,
        environment=environment,
    )


def wait_for(look: Callable[[], T | None], within_s: float = 10.0) -> T:
    """Call `look` until it returns something true, and return that."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    pytest.fail(f"not found within {within_s} s")


def find_processes(mark: str) -> list[int]:
    """The ids of all processes whose command line or environment contains `mark`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes() + b"\0" + (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if mark.encode() in text and state != "Z":
            found.append(int(folder.name))
    return found
