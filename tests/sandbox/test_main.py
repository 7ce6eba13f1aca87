"""`python -m infra.sandbox`: prints addresses, serves, and stops cleanly."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from infra.sandbox.registry import PROVIDERS

Process = subprocess.Popen[str]


@pytest.fixture
def process() -> Iterator[Process]:
    """Run all sandboxes as a process of their own."""
    command = [sys.executable, "-m", "infra.sandbox", "--json", "--until-eof"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        yield running
        running.kill()


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "end of stdin"])
def test_sandboxes_print_json_and_exit_with_zero(process: Process, how: str) -> None:
    """A signal and the end of stdin both stop it cleanly, with nothing on stderr."""
    assert process.stdout is not None
    places = json.loads(process.stdout.readline())
    assert set(places) == set(PROVIDERS)
    for name, place in places.items():
        own = {"client_id", "client_secret"} if name == "perfect" else {"api_key"}
        assert set(place) == {"base_url"} | own
    health = httpx.get(f"{places['snapapi']['base_url']}/v1/health")
    assert health.json()["status"] == "healthy"
    headers = {"X-API-Key": places["apiframe"]["api_key"]}
    me = httpx.get(f"{places['apiframe']['base_url']}/v2/me", headers=headers)
    assert me.status_code == 200

    if how == "end of stdin":
        assert process.stdin is not None
        process.stdin.close()
    else:
        process.send_signal(getattr(signal, how))
    assert process.wait(timeout=10) == 0
    assert process.stdout.read() == ""
    assert process.stderr is not None
    assert process.stderr.read() == ""


@pytest.mark.parametrize("argument", ["--port=snapapi=x", "--port=nobody=1", "--only=nobody"])
def test_wrong_argument_is_named(argument: str) -> None:
    """The exit code is 2 and the message shows the argument."""
    command = [sys.executable, "-m", "infra.sandbox", argument]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    assert done.returncode == 2
    assert argument.split("=", 1)[1] in done.stderr
