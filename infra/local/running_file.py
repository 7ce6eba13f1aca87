"""The file that says where the running local environment is, for other calls of the command.

One file in the checkout's `.darkroom/`; the first environment that runs keeps it until it stops.
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
class RunningEnvironment:
    """A running local environment.

    Attributes:
        sandboxes: as in `LocalEnvironment`.
        logs: the folder of its logs; "" if it is not known.
    """

    endpoint_url: str
    pid: int
    outputs: dict[str, str] = field(default_factory=dict)
    sandboxes: dict[str, dict[str, str]] = field(default_factory=dict)
    logs: str = ""


def find_running(folder: Path = FOLDER) -> RunningEnvironment | None:
    """The running environment, or None; also None if its process was killed."""
    try:
        found = RunningEnvironment(**json.loads((folder / NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if _is_alive(found.pid) else None


def write_running(running: RunningEnvironment, folder: Path = FOLDER) -> bool:
    """Write the file, unless another environment is running; whether it did."""
    other = find_running(folder)
    if other is not None and other.pid != running.pid:
        return False
    partial = folder / f"{NAME}.{running.pid}"
    partial.write_text(json.dumps(vars(running), indent=2) + "\n")
    partial.replace(folder / NAME)
    return True


def remove_running(pid: int, folder: Path = FOLDER) -> None:
    """Remove the file if the environment with this process id wrote it."""
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
