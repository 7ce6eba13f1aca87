"""Runs jobs in forked processes. A crash, a hang or a leak of one child does not affect the run."""

import json
import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MEMORY: Final = 6 * 2**30
"""Address space of a child, in bytes: a mutant may allocate without end."""


@dataclass(frozen=True)
class Job:
    """Work for a child; returns a JSON value. The time limits are seconds."""

    subject: Any
    work: Callable[[], Any]
    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class _Child:
    pid: int
    job: Job
    folder: Path
    deadline: float


def run(jobs: Iterable[Job], processes: int) -> Iterator[tuple[Any, Any, str]]:
    """Run the jobs, `processes` at a time; yields (subject, result, "") as each one finishes.

    For a child that ends without a result: (subject, None, reason), where the reason is "time-out",
    "exit 3" or "signal 11". When a child ends, its subprocesses are killed and its temporary files
    removed.
    """
    waiting = iter(jobs)
    running: list[_Child] = []
    try:
        while True:
            while len(running) < processes and (job := next(waiting, None)):
                running.append(_start(job))
            if not running:
                return
            for child in [child for child in running if _is_over(child)]:
                running.remove(child)
                yield child.job.subject, *_end(child)
            time.sleep(0.005)
    finally:
        for child in running:
            _end(child)


def _start(job: Job) -> _Child:
    folder = Path(tempfile.mkdtemp(prefix="mutation-"))
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _prepare(job, folder)
            (folder / "result").write_text(json.dumps(job.work()))
            code = 0
        finally:
            os._exit(code)
    return _Child(pid, job, folder, time.monotonic() + job.wall_s)


def _prepare(job: Job, folder: Path) -> None:
    """In the child: set limits, discard output, and put temporary files into the folder."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(job.cpu_s) + 1, int(job.cpu_s) + 9))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    (folder / "tmp").mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")


def _is_over(child: _Child) -> bool:
    # Not reaped here: as long as the zombie exists, no other process can have its group id.
    how = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return time.monotonic() > child.deadline or os.waitid(os.P_PID, child.pid, how) is not None


def _end(child: _Child) -> tuple[Any, str]:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
    result = child.folder / "result"
    text = result.read_text("utf-8") if code == 0 else "null"
    shutil.rmtree(child.folder, ignore_errors=True)
    if -code == signal.SIGXCPU or time.monotonic() > child.deadline:
        return None, "time-out"
    return json.loads(text), f"exit {code}" if code > 0 else f"signal {-code}" if code else ""
