"""Where the running local environment is, written down for the command's other calls.

One file in the checkout's `.darkroom/`; the first environment that is up keeps it until it stops.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.local.synthesis import CHECKOUT

FOLDER: Final = CHECKOUT / ".darkroom"
NAME: Final = "local.json"


@dataclass(frozen=True)
class Record:
    """A local environment that is up; `sandboxes` as in `LocalEnvironment`."""

    endpoint_url: str
    pid: int
    outputs: dict[str, str] = field(default_factory=dict)
    sandboxes: dict[str, dict[str, str]] = field(default_factory=dict)


def find_running(folder: Path = FOLDER) -> Record | None:
    """The environment that is up, or none: also when its process died without a word."""
    try:
        found = Record(**json.loads((folder / NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if _is_alive(found.pid) else None


def write_record(record: Record, folder: Path = FOLDER) -> bool:
    """Says where `record` is, unless another one is up; whether it did."""
    other = find_running(folder)
    if other is not None and other.pid != record.pid:
        return False
    half = folder / f"{NAME}.{record.pid}"
    half.write_text(json.dumps(vars(record), indent=2) + "\n")
    half.replace(folder / NAME)
    return True


def forget_record(pid: int, folder: Path = FOLDER) -> None:
    """Removes what the environment of this process has written, and nothing else."""
    found = find_running(folder)
    if found is not None and found.pid == pid:
        (folder / NAME).unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
