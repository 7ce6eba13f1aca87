"""`darkroom settle --written-off`: unknown tasks that nobody looks for any more."""

import json

from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import make_attempt

KEY = "photos/cat.jpg.json"


def _unknown(env: MotoEnvironment, key: str = KEY) -> str:
    attempt = make_attempt(outcome="unknown", charged="unknown")
    return env.add_task(key, "unknown", attempts=(attempt,)).task_id


def test_written_off_task_no_longer_asks_for_a_person(env: MotoEnvironment) -> None:
    """`status --state unknown` and `retry --failed` leave it out; its price counts."""
    task_id = _unknown(env)
    assert "cat.jpg" in env.run("status", "--state", "unknown", "photos/").stdout
    result = env.run("settle", "--written-off", KEY)
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"{task_id}  {KEY}  written off, counted as charged 6 credits at snapapi\n"
    )
    assert result.stderr == "1 written off\n"
    assert "cat.jpg" not in env.run("status", "--state", "unknown", "photos/").stdout
    assert env.run("retry", "--failed").stderr == "nothing to retry\n"
    costs = json.loads(env.run("costs", "--json").stdout)
    assert costs["rows"][0]["credits"] == 6
    assert costs["rows"][0]["unclear_tasks"] == 0


def test_folder_means_its_unknown_tasks(env: MotoEnvironment) -> None:
    """The others are left alone; one of them by its name is refused."""
    _unknown(env)
    other = env.add_task("photos/dog.jpg.json", "failed")
    result = env.run("settle", "--written-off", "photos/", "--json")
    assert [row["key"] for row in json.loads(result.stdout)] == [KEY]
    refused = env.run("settle", "--written-off", other.task_id)
    assert refused.exit_code == 1
    assert "only an unknown task is written off" in refused.stdout


def test_it_must_be_said_how_a_task_ends(env: MotoEnvironment) -> None:
    """There may be other ways one day."""
    result = env.run("settle", KEY)
    assert result.exit_code == 2
    assert "--written-off" in result.stderr
