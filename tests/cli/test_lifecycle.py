"""Commands that stay up: how they start, and how a signal ends them."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn
from urllib.error import HTTPError
from urllib.request import urlopen

import click
import pytest
from click.testing import CliRunner

from infra.cli.checkout import ROOT
from infra.cli.commands import demo
from infra.cli.lifecycle import _start_error, local_environment, until_stopped
from infra.cli.main import main
from infra.local.http_server import PortTakenError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_block_without_an_error(number: signal.Signals) -> None:
    """Afterwards the signal handlers are the old ones."""
    before = signal.getsignal(number)
    with until_stopped():
        os.kill(os.getpid(), number)
        pytest.fail("the signal did not end the block")
    assert signal.getsignal(number) is before


def test_a_port_in_use_is_wrong_usage() -> None:
    """The message names the port and the option for a free one."""
    error = _start_error(PortTakenError("taken"), 4577)
    assert isinstance(error, click.UsageError)
    assert "4577" in error.message
    assert "--port 0" in error.message


def test_a_port_in_use_is_found_before_anything_starts() -> None:
    """The port is checked before the stack is started."""
    progress: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(click.UsageError, match=f"port {port} is in use"),
            local_environment(say=progress.append, port=port),
        ):
            pytest.fail("it started")
    assert progress == []


def test_an_interrupted_demo_exits_with_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing was verified, so the exit code is 1."""

    def interrupted(**_options: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "local_environment", interrupted)
    result = CliRunner().invoke(main, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr.endswith("stopped\n")
    assert "Aborted" not in result.output


def test_any_other_start_error_is_a_failure() -> None:
    """The environment's own message is passed on, with exit code 1."""
    error = _start_error(RuntimeError("the stack could not be synthesized"), 0)
    assert not isinstance(error, click.UsageError)
    assert error.message == "the stack could not be synthesized"


def test_the_demo_hides_real_keys_and_restores_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A demo must not spend real credits."""
    monkeypatch.setenv("DARKROOM_SNAPAPI_API_KEY", "sk-real")
    with demo._no_real_keys():
        assert "DARKROOM_SNAPAPI_API_KEY" not in os.environ
    assert os.environ["DARKROOM_SNAPAPI_API_KEY"] == "sk-real"
    output = capsys.readouterr().err
    assert "DARKROOM_SNAPAPI_API_KEY" in output
    assert "sk-real" not in output


def test_a_sandbox_port_in_use_is_wrong_usage() -> None:
    """No sandbox is started if one of the ports is in use."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["sandbox", "--port", f"snapapi={port}"])
    assert result.exit_code == 2
    assert f"port {port} for snapapi cannot be used" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_sandbox_prints_addresses_and_ends_on_a_signal(number: signal.Signals) -> None:
    """It prints one JSON object, answers over HTTP, and exits with 0."""
    code = "from infra.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "sandbox", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            access = json.loads(process.stdout.readline())
            assert set(access) == {"snapapi", "apiframe", "perfect", "goapi"}
            assert all(all(values.values()) for values in access.values())
            with pytest.raises(HTTPError) as refused:
                urlopen(f"{access['apiframe']['base_url']}/v2/me", timeout=10)  # noqa: S310 - our own server
            refused.value.close()
            assert refused.value.code == 401
            process.send_signal(number)
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()
