"""Kills function processes as Lambda may: at any moment and without warning.

It finds them from outside, as children of the process that serves the environment, so neither the
product nor the local runtime needs code for it. The moments are drawn from a seed; what the
processes do at those moments is not.
"""

import contextlib
import math
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.havoc.recording_proxy import Moment

RUNTIME: Final = re.compile(r"awslambdaric (\w+)\.handler")
PAUSE_S: Final = (0.3, 1.0)
"""The pause between two random kills, from and to."""
PAID_CALL_SHARE: Final = 0.1
"""The probability that the caller is killed, at each of the two moments of a paid call."""
STARTED_S: Final = 2.0
"""A younger process is still importing modules; killing it tests nothing."""
SAMPLE_S: Final = 0.06
PROC: Final = Path("/proc")
MIN_KILLED_AT_WORK: Final = 0.3
"""Share of the number of tasks: with fewer kills during invocations the run proves little."""
AT_WORK: Final = "Runtime exited with error: signal: 9"
"""What the runtime logs for a process that ended during an invocation, and for no other."""


@dataclass(frozen=True)
class Process:
    """One process of a function; `cpu` grows while it works, and is 0 if it is not known."""

    pid: int
    function: str
    cpu: int


class Killer:
    """Kills processes at random moments, and during paid calls if the proxy asks.

    It stops after `kills` random kills and `at_work` kills during invocations.

    Args:
        parent: the process that serves the environment.
        logs: the folder of the functions' logs, which show who ended during an invocation.
        rng: draws moments and processes.
        kills: the minimum number of random kills.
        at_work: the minimum number of kills during invocations.
        within_s: seconds after which it stops in any case.
    """

    def __init__(
        self,
        parent: int,
        logs: Path,
        rng: random.Random,
        kills: int,
        *,
        at_work: float,
        within_s: float = math.inf,
    ) -> None:
        self.kills: Counter[str] = Counter()
        self.struck: Counter[Moment] = Counter()
        self.callers_gone_at = 0.0
        """The last wall-clock time at which no process could be in a paid call."""
        self._parent = parent
        self._logs = logs
        self._rng = rng
        self._minimum = kills, at_work
        self._within_s = within_s
        self._first_seen: dict[int, float] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)

    def start(self) -> None:
        """Start to kill."""
        self._thread.start()

    def stop(self) -> None:
        """Kill no more processes."""
        self._stopped.set()
        self._thread.join()

    @property
    def stopped(self) -> bool:
        """Whether it has stopped."""
        return self._stopped.is_set()

    def strike(self, moment: Moment) -> bool:
        """Perhaps kill every process that may be making this paid call; whether it did."""
        with self._lock:
            if self._stopped.is_set() or self._rng.random() >= PAID_CALL_SHARE:
                return False
            self._kill_callers()
            self.struck[moment] += 1
            return True

    def _run(self) -> None:
        done, until = 0, time.monotonic() + self._within_s
        kills, at_work = self._minimum
        while not self._stopped.wait(self._rng.uniform(*PAUSE_S)):
            enough = done >= kills and count_at_work(self._logs) >= at_work
            if enough or time.monotonic() > until:
                break
            busy = list(self._find_busy())
            if not busy:
                continue
            victim = self._rng.choice(busy)
            with self._lock:
                if victim.function == "submit":
                    self._kill_callers()
                else:
                    self._kill(victim)
            done += 1
        self._stopped.set()

    def _find_busy(self) -> Iterator[Process]:
        before = {process.pid: process.cpu for process in find_processes(self._parent)}
        time.sleep(SAMPLE_S)
        now = time.monotonic()
        for process in find_processes(self._parent):
            started = now - self._first_seen.setdefault(process.pid, now) > STARTED_S
            worked = process.cpu == 0 or process.cpu > before.get(process.pid, process.cpu)
            if started and worked:
                yield process

    def _kill_callers(self) -> None:
        """Kill all of them: from outside it is not known which one makes which call."""
        for process in find_processes(self._parent):
            if process.function == "submit":
                self._kill(process)
        self.callers_gone_at = time.time()

    def _kill(self, process: Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
            self.kills[process.function] += 1


def find_processes(parent: int) -> list[Process]:
    """The functions' processes among the children of `parent`."""
    rows = _from_proc(parent) if PROC.is_dir() else _from_ps(parent)
    return [
        Process(pid, match[1], cpu) for pid, cpu, line in rows if (match := RUNTIME.search(line))
    ]


def count_at_work(logs: Path) -> int:
    """The number of processes that ended during an invocation so far, by the functions' logs."""
    return sum(log.read_text(errors="replace").count(AT_WORK) for log in logs.glob("*.log"))


def _from_proc(parent: int) -> Iterator[tuple[int, int, str]]:
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # proc(5): after the name, which may contain anything, state is the third field.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                yield int(folder.name), int(fields[11]) + int(fields[12]), line


def _from_ps(parent: int) -> Iterator[tuple[int, int, str]]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="], check=True, capture_output=True, text=True
    )
    for row in listed.stdout.splitlines():
        pid, ppid, line = row.split(None, 2)
        if int(ppid) == parent:
            yield int(pid), 0, line
