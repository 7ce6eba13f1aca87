"""Starts the local environment's child processes and leaves none behind.

Linux delivers "your parent died" when the forking *thread* ends (prctl(2), PR_SET_PDEATHSIG), and
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
    """A process was asked for after the environment had begun to stop."""


@dataclass(frozen=True)
class Start:
    """What to run: a module with its arguments, in a folder, with exactly this environment.

    `output` takes what it prints (default: ours). `talk` gives the child a stdin that stays open
    until it is to leave, and a stdout that can be read; `output` then takes its stderr alone.
    """

    module: str
    arguments: Sequence[str] = ()
    folder: Path | None = None
    environment: Mapping[str, str] | None = None
    output: IO[bytes] | None = None
    talk: bool = False


class Processes:
    """Every child process of one environment."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[tuple[Start, Future[Child]] | None] = queue.SimpleQueue()
        self._children: list[Child] = []
        self._lock = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._fork_all, name="processes", daemon=True)
        self._thread.start()

    def start(self, what: Start) -> Child:
        """Starts a process; raises `StoppedError` once `stop` was called."""
        future: Future[Child] = Future()
        with self._lock:
            self._refuse_when_stopped()
            self._orders.put((what, future))
        return future.result()

    def kill(self, child: Child) -> None:
        """Ends one process and all that it started, at once, and waits for its end."""
        # The group may outlive its leader, so it is signalled even when the leader has gone.
        _signal(child, signal.SIGKILL)
        child.wait()
        with self._lock, contextlib.suppress(ValueError):
            self._children.remove(child)
        _close(child)

    def stop(self) -> None:
        """Ends all processes; those that listen get a moment. May be called twice."""
        with self._lock:
            self._stopped = True
            children = list(self._children)
            # Nothing is ordered after this: whoever waits for a process gets it, or an error.
            self._orders.put(None)
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
        while (order := self._orders.get()) is not None:
            what, future = order
            try:
                future.set_result(self._fork(what))
            except BaseException as error:  # noqa: BLE001 - whoever asked gets it
                future.set_exception(error)

    def _fork(self, what: Start) -> Child:
        with self._lock:
            self._refuse_when_stopped()
            pipe = subprocess.PIPE
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, str(CHILD_MAIN), str(os.getpid()), what.module, *what.arguments],
                cwd=what.folder,
                env=None if what.environment is None else dict(what.environment),
                stdin=pipe if what.talk else subprocess.DEVNULL,
                stdout=pipe if what.talk else what.output,
                stderr=what.output if what.talk else subprocess.STDOUT,
                # Out of the terminal's group: Ctrl-C is for us, and we end our children.
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
