"""No child outlives its parent, however that ends."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from infra.local.processes import Processes, Start, StoppedError
from tests.local.tools import find_processes, wait_for

PARENT = """
import sys, threading, time
from infra.local.processes import Processes, Start
started = Processes()
start = lambda: started.start(Start("http.server", ("0", "--bind", "127.0.0.1")))
# From a thread that ends: the child must outlive that one.
thread = threading.Thread(target=start)
thread.start(); thread.join()
print("ready", flush=True)
time.sleep(60)
"""


def test_a_killed_parent_leaves_no_child_and_an_ended_thread_takes_none() -> None:
    """SIGKILL gives the parent no chance to tidy up; the child goes all the same."""
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


def test_a_child_whose_parent_went_before_it_looked_ends_itself() -> None:
    """The parent may die between its fork and the child's first line."""
    boot = Path("infra/local/child_main.py").resolve()
    ended = subprocess.run([sys.executable, boot, "1", "http.server"], check=False, timeout=10)
    assert ended.returncode == 0


def test_stopping_ends_every_child(processes: Processes) -> None:
    """Whether it was given a stdin to listen to or not."""
    listening = processes.start(Start("http.server", ("0", "--bind", "127.0.0.1"), talk=True))
    deaf = processes.start(Start("http.server", ("0", "--bind", "127.0.0.1")))
    processes.stop()
    assert listening.poll() is not None
    assert deaf.poll() == -signal.SIGKILL


def test_nothing_starts_once_the_stopping_has_begun(processes: Processes) -> None:
    """An invocation that comes too late gets an error instead of a process that nobody ends."""
    processes.stop()
    with pytest.raises(StoppedError):
        processes.start(Start("http.server"))
