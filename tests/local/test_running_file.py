"""The file of the running environment: written, found, ignored and removed."""

import os
import subprocess
import sys
from pathlib import Path

from infra.local.running_file import (
    NAME,
    RunningEnvironment,
    find_running,
    remove_running,
    write_running,
)

OURS = RunningEnvironment(
    "http://127.0.0.1:1", os.getpid(), {"Table": "t"}, {"snapapi": {"api_key": "k"}}
)


def test_running_environment_is_found_until_it_is_removed(tmp_path: Path) -> None:
    """With all fields."""
    assert find_running(tmp_path) is None
    assert write_running(OURS, tmp_path)
    assert find_running(tmp_path) == OURS
    remove_running(OURS.pid, tmp_path)
    assert find_running(tmp_path) is None


def test_first_environment_stays_the_one_that_is_found(tmp_path: Path) -> None:
    """A demo beside a running environment neither replaces nor removes its file."""
    first = RunningEnvironment("http://127.0.0.1:2", os.getppid())
    assert write_running(first, tmp_path)
    assert not write_running(OURS, tmp_path)
    remove_running(OURS.pid, tmp_path)
    assert find_running(tmp_path) == first


def test_file_of_an_ended_process_is_ignored(tmp_path: Path) -> None:
    """It may be replaced."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert write_running(RunningEnvironment("http://127.0.0.1:3", gone.pid), tmp_path)
    assert find_running(tmp_path) is None
    assert write_running(OURS, tmp_path)


def test_broken_file_is_ignored(tmp_path: Path) -> None:
    """It may be of another version, or incomplete."""
    (tmp_path / NAME).write_text('{"pid": "x"}')
    assert find_running(tmp_path) is None
