"""No child process outlives its parent, however the parent ends."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from infra.local.processes import Command, Processes, StoppedError
from tests.local.wait import find_processes, wait_for

PARENT = """
import sys, threading, time
from infra.local.processes import Processes, Command
started = Processes()
start = lambda: started.start(Command("http.server", ("0", "--bind", "127.0.0.1")))
# From a thread that ends: the child must outlive that one.
thread = threading.Thread(target=start)
thread.start(); thread.join()
print("ready", flush=True)
time.sleep(60)
"""


def test_child_ends_with_its_parent_and_not_with_the_starting_thread() -> None:
    """SIGKILL gives the parent no chance to clean up."""
    mark = str(uuid.uuid4())
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env={**os.environ, "MARK": mark}
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        wait_for(lambda: len(find_processes(mark)) == 2)
        parent.kill()
        parent.wait()
        wait_for(lambda: not find_processes(mark), within_s=2)


def test_child_ends_if_its_parent_ended_before_it_started() -> None:
    """The parent may end between its fork and the child's first line."""
    child_main = Path("infra/local/child_main.py").resolve()
    ended = subprocess.run(
        [sys.executable, child_main, "1", "", "http.server"], check=False, timeout=10
    )
    assert ended.returncode == 0


def test_stop_ends_every_child(processes: Processes) -> None:
    """With a piped stdin or without."""
    piped = processes.start(Command("http.server", ("0", "--bind", "127.0.0.1"), piped=True))
    plain = processes.start(Command("http.server", ("0", "--bind", "127.0.0.1")))
    processes.stop()
    assert piped.poll() is not None
    assert plain.poll() == -signal.SIGKILL


def test_start_fails_after_stop(processes: Processes) -> None:
    """A late invocation gets an error instead of a process that is never ended."""
    processes.stop()
    with pytest.raises(StoppedError):
        processes.start(Command("http.server"))
