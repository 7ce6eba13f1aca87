"""Ends function processes as Lambda may: at any moment, without a word.

They are found from outside, as children of the process that serves the environment, so neither
the product nor the local runtime has a switch for it. Which moment is drawn from a seed; what the
processes are doing at that moment is not.
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

from tests.e2e.havoc.wire import Moment

RUNTIME: Final = re.compile(r"awslambdaric (\w+)\.handler")
PAUSE_S: Final = (0.3, 1.0)
"""Between two kills at random, from and to."""
AT_PAID_CALLS: Final = 0.1
"""The chance that a paid call is struck, at each of its two moments."""
GROWN_UP_S: Final = 2.0
"""A younger process is still importing; ending it hits nothing of interest."""
GLANCE_S: Final = 0.06
PROC: Final = Path("/proc")
MIN_KILLED_AT_WORK: Final = 0.3
"""Of the number of tasks: fewer processes ended at work, and the run has shown little."""
AT_WORK: Final = "Runtime exited with error: signal: 9"
"""What the runtime logs of a process that ended during an invocation, and of no other."""


@dataclass(frozen=True)
class Process:
    """One process of a function; `cpu` grows while it works, and is 0 where nobody can tell."""

    pid: int
    function: str
    cpu: int


class Killer:
    """Ends processes, by itself every so often and when the wire asks.

    It has done its part when it has ended so many by itself and so many ended at work; then it
    strikes no paid call either.

    Args:
        parent: the process that serves the environment.
        logs: the folder of the functions' logs, which tell who ended at work.
        rng: decides when and whom.
        kills: how many it ends by itself at least.
        at_work: how many must have ended at work.
        within_s: seconds after which it has done its part in any case.
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
        """When, by the wall clock, there was last no process that could have made a paid call."""
        self._parent = parent
        self._logs = logs
        self._rng = rng
        self._least = kills, at_work
        self._within_s = within_s
        self._seen: dict[int, float] = {}
        self._lock = threading.Lock()
        self._spent = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends no more processes."""
        self._spent.set()
        self._thread.join()

    @property
    def spent(self) -> bool:
        """Whether it ends no more processes."""
        return self._spent.is_set()

    def strike(self, moment: Moment) -> bool:
        """End every process that may be making this paid call; whether it did."""
        with self._lock:
            if self._spent.is_set() or self._rng.random() >= AT_PAID_CALLS:
                return False
            self._end_callers()
            self.struck[moment] += 1
            return True

    def _run(self) -> None:
        done, until = 0, time.monotonic() + self._within_s
        kills, at_work = self._least
        while not self._spent.wait(self._rng.uniform(*PAUSE_S)):
            enough = done >= kills and count_at_work(self._logs) >= at_work
            if enough or time.monotonic() > until:
                break
            busy = list(self._find_busy())
            if not busy:
                continue
            victim = self._rng.choice(busy)
            with self._lock:
                if victim.function == "submit":
                    self._end_callers()
                else:
                    self._end(victim)
            done += 1
        self._spent.set()

    def _find_busy(self) -> Iterator[Process]:
        before = {process.pid: process.cpu for process in find_processes(self._parent)}
        time.sleep(GLANCE_S)
        now = time.monotonic()
        for process in find_processes(self._parent):
            grown_up = now - self._seen.setdefault(process.pid, now) > GROWN_UP_S
            worked = process.cpu == 0 or process.cpu > before.get(process.pid, process.cpu)
            if grown_up and worked:
                yield process

    def _end_callers(self) -> None:
        """All at once: from outside nobody can tell which of them is in which call."""
        for process in find_processes(self._parent):
            if process.function == "submit":
                self._end(process)
        self.callers_gone_at = time.time()

    def _end(self, process: Process) -> None:
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
    """How many processes ended in the middle of an invocation so far, by the functions' logs."""
    return sum(log.read_text(errors="replace").count(AT_WORK) for log in logs.glob("*.log"))


def _from_proc(parent: int) -> Iterator[tuple[int, int, str]]:
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # proc(5): after the name, which may hold anything, state is the third field.
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
