"""The whole environment: started, stopped, and interrupted at every step, without leftovers."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from infra.local.processes import Processes
from infra.local.running_file import NAME
from infra.local.sandboxes import find_real_keys
from infra.local.synthesis import SynthesisError, digest, make_template
from tests.local.wait import find_processes, wait_for
from tests.once import local_template

UP = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
from infra.local.environment import LocalEnvironment
say = lambda line: print(line, flush=True)
with LocalEnvironment(say=say, folder=Path(sys.argv[1])) as local:
    assert set(local.sandboxes) == {"apiframe", "goapi", "perfect", "snapapi"}, local.sandboxes
    say("ready")
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthesized template, made once."""
    return local_template(tmp_path_factory)


@pytest.mark.parametrize(
    ("step", "number", "synthesized", "status"),
    [
        ("starting the sandboxes", signal.SIGINT, True, -signal.SIGINT),
        ("synthesizing", signal.SIGTERM, False, 128 + signal.SIGTERM),
        ("synthesizing", signal.SIGKILL, False, -signal.SIGKILL),
        ("deploying", signal.SIGTERM, True, 128 + signal.SIGTERM),
        ("ready", signal.SIGINT, True, -signal.SIGINT),
        ("ready", signal.SIGTERM, True, 128 + signal.SIGTERM),
        ("ready", signal.SIGKILL, True, -signal.SIGKILL),
    ],
)
def test_interrupted_environment_leaves_no_process(
    step: str,
    number: signal.Signals,
    synthesized: bool,  # noqa: FBT001 - a row of the table above
    status: int,
    template: Path,
    tmp_path: Path,
) -> None:
    """All processes end within two seconds, whatever was started by then."""
    if synthesized:
        shutil.copy(template, tmp_path)
    mark = str(uuid.uuid4())
    environment = {**os.environ, "MARK": mark, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", UP, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as up:
        assert up.stdout is not None
        lines = iter(up.stdout.readline, b"")
        assert any(line.decode().startswith(step) for line in lines)
        # In the middle of the step, so that there are processes: the environment, its sandboxes,
        # and the synthesis with its Node if there is one.
        busy = 2 if synthesized else 4
        wait_for(lambda: len(find_processes(mark)) >= busy)
        up.send_signal(number)
        started = time.monotonic()
        assert up.wait(10) == status
        assert time.monotonic() - started < 2
    # Workers do not inherit the mark, but their command line has the parent's id.
    wait_for(lambda: not find_processes(mark), within_s=2)
    wait_for(lambda: not find_processes(f"child_main.py\0{up.pid}\0"), within_s=2)
    assert number == signal.SIGKILL or not (tmp_path / NAME).exists()


def test_template_is_synthesized_again_only_if_its_sources_change(tmp_path: Path) -> None:
    """Its sources are the code of the stack, the workflow and the requirements."""
    for name in ("infra/local/http_server.py", "infra/aws/stack.py", "functions/workflow.asl.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    first = digest(tmp_path)
    (tmp_path / "infra/local/http_server.py").write_text("2")
    assert digest(tmp_path) == first
    for name in ("infra/aws/stack.py", "functions/workflow.asl.json", "pyproject.toml"):
        before = digest(tmp_path)
        (tmp_path / name).write_text("2")
        assert digest(tmp_path) != before


def test_error_of_a_failed_synthesis_has_the_cdks_output(
    processes: Processes, tmp_path: Path
) -> None:
    """Here for an invalid environment name."""
    with pytest.raises(SynthesisError, match="there is no environment 'NO!'"):
        make_template("NO!", tmp_path / "t.json", tmp_path / "log", processes)


def test_real_keys_come_from_environment_variables() -> None:
    """An empty variable is not a key."""
    environment = {
        "DARKROOM_SNAPAPI_API_KEY": "k",
        "DARKROOM_APIFRAME_API_KEY": "",
        "DARKROOM_PERFECT_CLIENT_ID": "i",
        "DARKROOM_PERFECT_CLIENT_SECRET": "s",
    }
    assert find_real_keys(("snapapi", "apiframe", "perfect"), environment) == {
        "snapapi": {"api_key": "k"},
        "perfect": {"client_id": "i", "client_secret": "s"},
    }
