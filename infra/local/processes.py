"""Starts the local environment's child processes and leaves none behind.

Linux sends the parent-death signal when the forking *thread* ends (prctl(2), PR_SET_PDEATHSIG), and
the threads that serve requests end all the time. So one thread, which lives as long as this object,
forks for all of them.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

CHILD_MAIN = Path(__file__).with_name("child_main.py")
GRACE_S = 0.5

Child: TypeAlias = subprocess.Popen[bytes]


class StoppedError(RuntimeError):
    """A process was requested after the environment had begun to stop."""


@dataclass(frozen=True)
class Command:
    """A module to run with its arguments, in a folder, with exactly this environment.

    `output` gets what the process prints (default: our own output). With `piped`, the process has a
    stdin that stays open until it must end, and a stdout to read from; `output` then gets only its
    stderr. `hidden` are top-level modules that the process cannot import.
    """

    module: str
    arguments: Sequence[str] = ()
    folder: Path | None = None
    environment: Mapping[str, str] | None = None
    output: IO[bytes] | None = None
    piped: bool = False
    hidden: Sequence[str] = ()


class Processes:
    """Every child process of one environment."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[tuple[Command, Future[Child]] | None] = (
            queue.SimpleQueue()
        )
        self._children: list[Child] = []
        self._lock = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._fork_all, name="processes", daemon=True)
        self._thread.start()

    def start(self, command: Command) -> Child:
        """Start a process; raises `StoppedError` after `stop`."""
        future: Future[Child] = Future()
        with self._lock:
            self._refuse_when_stopped()
            self._requests.put((command, future))
        return future.result()

    def kill(self, child: Child) -> None:
        """Kill one process and all its children, and wait for its end."""
        # The group may outlive its leader, so it is signalled even if the leader has ended.
        _signal(child, signal.SIGKILL)
        child.wait()
        with self._lock, contextlib.suppress(ValueError):
            self._children.remove(child)
        _close(child)

    def stop(self) -> None:
        """End all processes; piped ones get `GRACE_S` to end themselves. May be called twice."""
        with self._lock:
            self._stopped = True
            children = list(self._children)
            # The last request: each earlier one gets its process, or an error.
            self._requests.put(None)
        for child in children:
            if child.stdin is None:
                _signal(child, signal.SIGKILL)
            else:
                with contextlib.suppress(OSError):
                    child.stdin.close()
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_S)
            self.kill(child)

    def _fork_all(self) -> None:
        while (request := self._requests.get()) is not None:
            command, future = request
            try:
                future.set_result(self._fork(command))
            except BaseException as error:  # noqa: BLE001 - raised in `start`
                future.set_exception(error)

    def _fork(self, command: Command) -> Child:
        with self._lock:
            self._refuse_when_stopped()
            pipe = subprocess.PIPE
            child = subprocess.Popen(  # noqa: S603 - the running interpreter and our own modules
                [
                    sys.executable,
                    str(CHILD_MAIN),
                    str(os.getpid()),
                    ",".join(command.hidden),
                    command.module,
                    *command.arguments,
                ],
                cwd=command.folder,
                env=None if command.environment is None else dict(command.environment),
                stdin=pipe if command.piped else subprocess.DEVNULL,
                stdout=pipe if command.piped else command.output,
                stderr=command.output if command.piped else subprocess.STDOUT,
                # Not in the terminal's process group: only the parent gets Ctrl-C, and ends them.
                start_new_session=True,
            )
            self._children.append(child)
            return child

    def _refuse_when_stopped(self) -> None:
        if self._stopped:
            raise StoppedError("the local environment is stopping")


def _signal(child: Child, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _close(child: Child) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
