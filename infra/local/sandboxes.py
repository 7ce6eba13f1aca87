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


def find_real_keys(
    providers: Iterable[str], variables: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Provider -> the credentials that the user has set, for each provider with any.

    `DARKROOM_SNAPAPI_API_KEY` is what the secret of `snapapi` calls `api_key`, and so on.
    """
    found = {name: _of(key_variables(name, variables), name, variables) for name in providers}
    return {name: held for name, held in found.items() if held}


def key_variables(provider: str, variables: Mapping[str, str]) -> list[str]:
    """The names of the variables that speak of a provider's credentials."""
    return sorted(name for name in variables if name.startswith(_prefix(provider)))


def _of(names: Iterable[str], provider: str, variables: Mapping[str, str]) -> dict[str, str]:
    start = len(_prefix(provider))
    return {name[start:].lower(): variables[name] for name in names if variables[name]}


def _prefix(provider: str) -> str:
    return f"DARKROOM_{provider.upper()}_"


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
                    module="infra.sandbox",
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
