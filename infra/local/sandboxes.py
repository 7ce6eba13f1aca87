"""Starts the providers' sandboxes, and finds the real credentials that replace them."""

import json
import os
import select
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local.processes import Child, Command, Processes

READY_WITHIN_S: Final = 30.0
POLL_INTERVAL_S: Final = 0.25


class SandboxError(RuntimeError):
    """The sandboxes did not start."""


def find_real_keys(
    providers: Iterable[str], variables: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Provider -> the credentials in the user's environment variables, for providers with any.

    `DARKROOM_SNAPAPI_API_KEY` is the field `api_key` of the secret of `snapapi`, and so on.
    """
    found = {
        name: _read_fields(key_variables(name, variables), name, variables) for name in providers
    }
    return {name: fields for name, fields in found.items() if fields}


def key_variables(provider: str, variables: Mapping[str, str]) -> list[str]:
    """The names of the variables that hold a provider's credentials."""
    return sorted(name for name in variables if name.startswith(_prefix(provider)))


def _read_fields(
    names: Iterable[str], provider: str, variables: Mapping[str, str]
) -> dict[str, str]:
    start = len(_prefix(provider))
    return {name[start:].lower(): variables[name] for name in names if variables[name]}


def _prefix(provider: str) -> str:
    return f"DARKROOM_{provider.upper()}_"


@dataclass(frozen=True)
class Sandboxes:
    """A process that serves some providers' sandboxes; it ends when its stdin is closed."""

    child: Child
    log: Path

    @classmethod
    def start(
        cls, providers: Iterable[str], job_s: float, log: Path, processes: Processes
    ) -> "Sandboxes":
        """Start the process; `wait` waits until it is ready."""
        only = [word for name in providers for word in ("--only", name)]
        with log.open("ab") as output:
            child = processes.start(
                Command(
                    module="infra.sandbox",
                    arguments=("--json", "--until-eof", "--job-s", str(job_s), *only),
                    output=output,
                    piped=True,
                )
            )
        return cls(child, log)

    def wait(self) -> dict[str, dict[str, str]]:
        """Provider -> `base_url` and credentials, once all answer. Raises `SandboxError`."""
        line = self._read_line().decode()
        try:
            found: dict[str, dict[str, str]] = json.loads(line)
        except ValueError as error:
            raise SandboxError(f"the sandboxes did not start; see {self.log}") from error
        return found

    def _read_line(self) -> bytes:
        assert self.child.stdout is not None  # noqa: S101 - `piped` makes it a pipe
        pipe = self.child.stdout.fileno()
        line = b""
        deadline = time.monotonic() + READY_WITHIN_S
        while not line.endswith(b"\n") and time.monotonic() < deadline:
            if select.select([pipe], [], [], POLL_INTERVAL_S)[0]:
                piece = os.read(pipe, 65536)
                if not piece:
                    break
                line += piece
        return line
