"""Commands that stay up: how they start, and that a signal ends them cleanly."""

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
from infra.cli.lifecycle import _told, starting, until_stopped
from infra.cli.main import main
from infra.local.http_server import PortTakenError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_block_and_is_no_error(number: signal.Signals) -> None:
    """Afterwards the signals mean what they meant before."""
    before = signal.getsignal(number)
    with until_stopped():
        os.kill(os.getpid(), number)
        pytest.fail("the signal did not end the block")
    assert signal.getsignal(number) is before


def test_a_taken_port_is_wrong_usage() -> None:
    """The message names the port and the way out."""
    error = _told(PortTakenError("taken"), 4577)
    assert isinstance(error, click.UsageError)
    assert "4577" in error.message
    assert "--port 0" in error.message


def test_a_taken_port_is_found_before_anything_starts() -> None:
    """Nobody waits for a stack that could not be spoken to."""
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(click.UsageError, match=f"port {port} is taken"),
            starting(say=said.append, port=port),
        ):
            pytest.fail("it started")
    assert said == []


def test_an_interrupted_demo_ends_with_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It has shown nothing, so its exit code is 1."""

    def interrupted(**_options: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "starting", interrupted)
    said = CliRunner().invoke(main, ["demo", "--out", str(tmp_path)])
    assert said.exit_code == 1
    assert said.stderr.endswith("stopped\n")
    assert "Aborted" not in said.output


def test_any_other_reason_not_to_start_is_a_failure() -> None:
    """The environment's own sentence is passed on, with exit code 1."""
    error = _told(RuntimeError("the stack could not be synthesized"), 0)
    assert not isinstance(error, click.UsageError)
    assert error.message == "the stack could not be synthesized"


def test_the_demo_hides_real_keys_and_puts_them_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A demo must not spend anybody's credits."""
    monkeypatch.setenv("DARKROOM_SNAPAPI_API_KEY", "sk-real")
    with demo._no_real_keys():
        assert "DARKROOM_SNAPAPI_API_KEY" not in os.environ
    assert os.environ["DARKROOM_SNAPAPI_API_KEY"] == "sk-real"
    said = capsys.readouterr().err
    assert "DARKROOM_SNAPAPI_API_KEY" in said
    assert "sk-real" not in said


def test_a_sandbox_on_a_taken_port_is_wrong_usage() -> None:
    """Nothing is started when one of the ports cannot be had."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = CliRunner().invoke(main, ["sandbox", "--port", f"snapapi={port}"])
    assert said.exit_code == 2
    assert f"port {port} for snapapi cannot be used" in said.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandboxes_print_where_they_are_and_end_on_a_signal(number: signal.Signals) -> None:
    """One JSON object on stdout, answers over HTTP, exit code 0 at the end."""
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
            places = json.loads(process.stdout.readline())
            assert set(places) == {"snapapi", "apiframe", "perfect", "goapi"}
            assert all(all(place.values()) for place in places.values())
            with pytest.raises(HTTPError) as refused:
                urlopen(f"{places['apiframe']['base_url']}/v2/me", timeout=10)  # noqa: S310 - our own server
            refused.value.close()
            assert refused.value.code == 401
            process.send_signal(number)
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()
