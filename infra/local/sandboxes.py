"""Starts the provider sandboxes beside the stack, and decides who has which credentials."""

import json
import os
import select
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local.processes import Child, Processes, Start

READY_WITHIN_S: Final = 30.0
LOOK_EVERY_S: Final = 0.25


class SandboxError(RuntimeError):
    """The sandboxes did not start."""


def find_real_keys(providers: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Provider -> the key that the user has set in `DARKROOM_<PROVIDER>_API_KEY`, if any."""
    keys = {name: environment.get(f"DARKROOM_{name.upper()}_API_KEY", "") for name in providers}
    return {name: key for name, key in keys.items() if key}


@dataclass(frozen=True)
class Sandboxes:
    """A process that serves some providers' sandboxes, and ends with its stdin."""

    child: Child
    log: Path

    @classmethod
    def start(
        cls, providers: Iterable[str], job_s: float, log: Path, processes: Processes
    ) -> "Sandboxes":
        """Starts the process; see `wait` for when it can work."""
        only = [word for name in providers for word in ("--only", name)]
        with log.open("ab") as output:
            child = processes.start(
                Start(
                    module="infra.local.sandbox",
                    arguments=("--json", "--until-eof", "--job-s", str(job_s), *only),
                    output=output,
                    talk=True,
                )
            )
        return cls(child, log)

    def wait(self) -> dict[str, dict[str, str]]:
        """Provider -> `base_url` and credentials, once all sandboxes answer."""
        line = self._read_line().decode()
        try:
            found: dict[str, dict[str, str]] = json.loads(line)
        except ValueError as error:
            raise SandboxError(f"the sandboxes did not start; see {self.log}") from error
        return found

    def _read_line(self) -> bytes:
        assert self.child.stdout is not None  # noqa: S101 - `talk` makes it a pipe
        pipe = self.child.stdout.fileno()
        line = b""
        deadline = time.monotonic() + READY_WITHIN_S
        while not line.endswith(b"\n") and time.monotonic() < deadline:
            if select.select([pipe], [], [], LOOK_EVERY_S)[0]:
                piece = os.read(pipe, 65536)
                if not piece:
                    break
                line += piece
        return line
