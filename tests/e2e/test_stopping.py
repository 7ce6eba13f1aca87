"""Ctrl-C at any time leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

SERVE = str(Path(__file__).parent / "serve.py")


def processes_of(mark: str) -> list[str]:
    """Command lines of living processes that were started with `mark` in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("after_s", [0.3, 1.2, 2.0, None])
def test_a_signal_leaves_no_process_whenever_it_comes(
    tmp_path: Path, number: signal.Signals, after_s: float | None
) -> None:
    """During start-up or once it is up (None): every process it started is gone soon."""
    mark = f"DARKROOM_TEST_MARK={tmp_path.name}-{number}-{after_s}"
    name, _, value = mark.partition("=")
    with subprocess.Popen(
        [sys.executable, SERVE, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {name: value},
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        if after_s is None:
            process.stdout.readline()
        else:
            time.sleep(after_s)
        assert processes_of(mark), "the test sees no process at all"
        process.send_signal(number)
        process.wait(timeout=10)
        until = time.monotonic() + 5
        while processes_of(mark) and time.monotonic() < until:
            time.sleep(0.05)
        assert processes_of(mark) == []
