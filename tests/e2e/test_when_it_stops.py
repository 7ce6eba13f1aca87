"""What `darkroom doctor` and `darkroom logs` say of the running local environment."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from darkroom.providers.engine import network
from darkroom.providers.engine.transport import DeadlineTransport
from infra.cli.main import main
from infra.local import running_file
from infra.local.running_file import RunningEnvironment
from tests.e2e.environment_client import EnvironmentClient

pytestmark = pytest.mark.e2e

OF_OTHER_TESTS = frozenset({"dead letters", "failed runs", "tasks", "held tasks", "pauses"})
"""Checks of what other tests leave in the environment on purpose."""
NOT_HERE = frozenset(
    {"layers", "intake age", "concurrency", "throttles", "workflow rate", "call snapapi"}
)
"""What this machine has not, and a provider that documents no free call."""


@pytest.fixture
def shop(client: EnvironmentClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[EnvironmentClient]:
    """The environment, also for Darkroom's own command."""
    running = RunningEnvironment(
        client.endpoint_url, client.pid, client.outputs, client.sandboxes, str(client.logs)
    )
    monkeypatch.delenv("DARKROOM_ENV", raising=False)
    monkeypatch.setattr(running_file, "find_running", lambda: running)
    # A command keeps its connections until its process ends, which a test does not.
    shared = DeadlineTransport()
    monkeypatch.setattr(network, "DeadlineTransport", lambda: shared)
    yield client
    shared.close()


def run(*arguments: str) -> Result:
    """Run Darkroom's command; stdout and stderr are separate."""
    return CliRunner().invoke(main, arguments)


@pytest.mark.usefixtures("shop")
def test_everything_that_is_deployed_is_found_in_order() -> None:
    """Each provider answers its free call, where it has one."""
    found = json.loads(run("doctor", "--call", "--json").stdout)["findings"]
    levels = {each["check"]: each["level"] for each in found}
    assert {check for check, level in levels.items() if level == "not checked"} <= (
        NOT_HERE | {"sweep"}
    )
    wrong = [each for each in found if each["level"] in ("warning", "problem")]
    assert [each for each in wrong if each["check"] not in OF_OTHER_TESTS] == []
    assert levels["input bucket"] == levels["rules"] == levels["queue reader"] == "ok"
    assert levels["call goapi"] == levels["call perfect"] == levels["key of snapapi"] == "ok"


def test_logs_follow_a_task_from_its_upload_to_its_result(shop: EnvironmentClient) -> None:
    """Through INTAKE, SUBMIT and the workflow, each with the task's provider."""
    output = shop.order("logs/cat.jpg", operation="remove-background", provider="snapapi")
    manifest = shop.manifest(output)
    result = run("logs", "logs/cat.jpg", "--json")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    events = [f"{line['source']}: {line['event']}" for line in lines]
    expected = ["intake: task created", "submit: task submitting", "submit: task succeeded"]
    assert [event for event in events if event in expected] == expected
    assert "run: enters Submit" in events
    changes = [line for line in lines if line["event"].startswith("task ")]
    assert {line["task_id"] for line in changes} == {manifest["task_id"]}
    assert {line["provider"] for line in changes} == {"snapapi"}
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
