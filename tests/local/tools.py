"""What the tests of the local environment share: functions of `handlers/tiny.py`, and patience."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from infra.local.lambda_runtime.worker import Function

HANDLERS = Path(__file__).parent / "handlers"

T = TypeVar("T")


def build_function(handler: str, timeout_s: float = 3.0, **environment: str) -> Function:
    """A function of `handlers/tiny.py` under its handler's name."""
    return Function(
        name=handler,
        arn=f"arn:aws:lambda:us-east-1:123456789012:function:{handler}",
        handler=f"tiny.{handler}",
        timeout_s=timeout_s,
        environment=environment,
    )


def wait_for(look: Callable[[], T | None], within_s: float = 10.0) -> T:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    pytest.fail(f"not found within {within_s} s")


def find_processes(mark: str) -> list[int]:
    """The processes on this machine whose command line or environment holds `mark`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "cmdline").read_bytes() + b"\0" + (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if mark.encode() in told and state != "Z":
            found.append(int(folder.name))
    return found
