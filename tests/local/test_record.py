"""Where the running environment is written down, and when that is believed."""

import os
import subprocess
import sys
from pathlib import Path

from infra.local.running_file import NAME, Record, find_running, forget_record, write_record

OURS = Record("http://127.0.0.1:1", os.getpid(), {"Table": "t"}, {"snapapi": {"api_key": "k"}})


def test_what_is_written_is_found_until_it_is_forgotten(tmp_path: Path) -> None:
    """All fields come back."""
    assert find_running(tmp_path) is None
    assert write_record(OURS, tmp_path)
    assert find_running(tmp_path) == OURS
    forget_record(OURS.pid, tmp_path)
    assert find_running(tmp_path) is None


def test_the_first_environment_stays_the_one_that_is_found(tmp_path: Path) -> None:
    """A demo beside a running environment neither takes its place nor removes it."""
    first = Record("http://127.0.0.1:2", os.getppid())
    assert write_record(first, tmp_path)
    assert not write_record(OURS, tmp_path)
    forget_record(OURS.pid, tmp_path)
    assert find_running(tmp_path) == first


def test_a_process_that_has_died_is_not_believed(tmp_path: Path) -> None:
    """Its record may be replaced."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert write_record(Record("http://127.0.0.1:3", gone.pid), tmp_path)
    assert find_running(tmp_path) is None
    assert write_record(OURS, tmp_path)


def test_a_broken_record_is_none(tmp_path: Path) -> None:
    """It may be from another version, or half of one."""
    (tmp_path / NAME).write_text('{"pid": "x"}')
    assert find_running(tmp_path) is None
