"""Two environments in one account at once: each has its own tasks, pace, budgets and keys."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from infra.aws.environments import FILE_VARIABLE
from infra.cli.main import main
from infra.local import running_file
from infra.local.running_file import RunningEnvironment
from tests.e2e.environment_client import EnvironmentClient, open_environment

pytestmark = pytest.mark.e2e

PHOTOS = 3
PAUSES = 5
"""Between two looks: each takes processor time from both environments."""
SECOND = "local-second"
FILE = f"""
[{SECOND}.money]
budget = {{ credits = 1, per = "ever" }}
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnvironmentClient]:
    """The environment `local`; `local-second` with its budget is beside it."""
    folder = tmp_path_factory.mktemp("two")
    listed = folder / "environments.toml"
    listed.write_text(FILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FILE_VARIABLE, str(listed))
        with open_environment(folder, beside=[SECOND]) as client:
            yield client


def tasks(client: EnvironmentClient) -> list[dict[str, str]]:
    """All tasks of an environment, as `darkroom status --json` has them."""
    running = RunningEnvironment(client.endpoint_url, client.pid, client.outputs, client.sandboxes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running_file, "find_running", lambda: running)
        said = CliRunner().invoke(main, ["status", "same/", "--json", "--all"])
    assert said.exit_code == 0, said.output
    found: list[dict[str, str]] = json.loads(said.stdout)
    return found


def wait_for(client: EnvironmentClient, expected: dict[str, int]) -> None:
    """Wait until an environment has just these tasks: state -> number."""
    for _ in range(60):
        if Counter(task["state"] for task in tasks(client)) == Counter(expected):
            return
        for _ in range(PAUSES):
            client.pause()
    raise AssertionError(f"{tasks(client)} in place of {expected}")


def test_environments_share_neither_tasks_nor_budgets_nor_pauses(first: EnvironmentClient) -> None:
    """The same photos in both: the second one stops at its budget, and at its refused key."""
    second = first.beside(SECOND)
    second.spoil_key("perfect")
    for client in (first, second):
        client.order("same/at-perfect.jpg", operation="remove-background", provider="perfect")
    wait_for(first, {"succeeded": 1})
    wait_for(second, {"queued": 1})
    for number in range(PHOTOS):
        for client in (first, second):
            client.order(f"same/{number}.jpg", operation="remove-background", provider="snapapi")
    wait_for(first, {"succeeded": PHOTOS + 1})
    wait_for(second, {"queued": 1, "succeeded": 1, "held": PHOTOS - 1})

    assert first.charges("snapapi") == PHOTOS + 1
    assert first.charges("perfect") == 1
    assert len(first.keys("same/")) == 2 * (PHOTOS + 1)
    assert len(second.keys("same/")) == 2
    ours, theirs = ({task["task_id"] for task in tasks(client)} for client in (first, second))
    assert not ours & theirs
