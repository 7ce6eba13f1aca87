"""`darkroom logs`: what the functions, the runs and the table say of a task."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from darkroom.domain.task import run_name
from infra.aws.environments import Environment
from infra.cli.logs.gather import AFTER, BEFORE, find_window, gather
from infra.cli.target import Target
from tests.cli.conftest import MotoEnvironment
from tests.cli.doctor.scripted_aws import OUTPUTS, ScriptedAws, denial
from tests.fakes.clock import START
from tests.fakes.moto_aws import client
from tests.fakes.task_factory import sample_task


def write(verb: str, at: datetime, *messages: str) -> None:
    """Write lines into a function's log group."""
    logs, group = client("logs"), f"/aws/lambda/darkroom-dev-{verb}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    stamp = round(at.timestamp() * 1000)
    events = [{"timestamp": stamp, "message": each} for each in messages]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def test_lines_of_all_functions_are_in_the_order_of_time(env: MotoEnvironment) -> None:
    """Those of other tasks are left out."""
    now = datetime.now(UTC)
    task = env.add_task(state="failed", created_at=now - timedelta(minutes=9), updated_at=now)
    client("stepfunctions").start_execution(
        stateMachineArn=env.machine, name=run_name(task.task_id, 1)
    )

    def line(message: str, **fields: Any) -> str:
        return json.dumps({"message": message, "task_id": task.task_id, **fields})

    write(
        "submit",
        now - timedelta(minutes=2),
        line("submit", next="fail"),
        line("other", task_id="x"),
    )
    write("intake", now - timedelta(minutes=8), line("task created", provider="snapapi"))
    result = env.run("logs", "photos/cat.jpg.json")
    assert result.exit_code == 0, result.output
    rows = [row.split("  ", 1)[1] for row in result.stdout.splitlines()]
    # moto invents the times of a run's events.
    facts = [row for row in rows if not row.startswith("run ")]
    assert any(row.startswith("run      run started") for row in rows)
    assert facts[0].startswith("table    created  key=photos/cat.jpg.json")
    assert facts[1] == "intake   task created  provider=snapapi"
    assert facts[2] == "submit   submit  next=fail"
    assert any(fact.startswith("table    is failed  run=1 code=no-credits") for fact in facts)
    assert result.stderr.startswith(f"task {task.task_id}, photos/cat.jpg.json: failed\n")
    assert "/aws/lambda/darkroom-dev-poll: AWS refused FilterLogEvents" in result.stderr
    printed = env.run("logs", task.task_id, "--json").stdout.splitlines()
    documents = [json.loads(row) for row in printed]
    sources = [one["source"] for one in documents if one["source"] != "run"]
    assert sources == ["table", "intake", "submit", "table"]


@pytest.mark.parametrize("name", ["photos/dog.jpg", "0" * 32, "/"])
def test_task_that_does_not_exist_is_an_error(env: MotoEnvironment, name: str) -> None:
    """A folder is none, either."""
    result = env.run("logs", name)
    assert result.exit_code == 1
    assert f"no task found for '{name}'" in result.stderr


def test_local_environment_has_its_logs_in_files(tmp_path: Path) -> None:
    """One for each function; lines of other tasks are skipped."""
    task = sample_task()
    line = {"timestamp": "2026-03-01T12:00:01Z", "message": "task created", "task_id": task.task_id}
    log = tmp_path / "darkroom-local-intake.log"
    log.write_text(json.dumps(line) + "\n" + json.dumps({**line, "task_id": "x"}) + "\nplain\n")
    target = Target("local", OUTPUTS, "http://127.0.0.1:9", logs=tmp_path)
    aws = ScriptedAws({"stepfunctions.get_execution_history": denial("states:GetExecutionHistory")})
    said: list[str] = []
    settings = Environment("local")
    entries = gather(target, settings, aws.client, task, START, said.append)
    assert [entry.source for entry in entries].count("intake") == 1
    assert said == ["the workflow's record: no right to states:GetExecutionHistory"]
    unknown = replace(target, logs=None)
    gather(unknown, settings, aws.client, task, START, said.append)
    assert said[-1] == "it is not known where the functions' logs are"


def test_old_and_quiet_logs_are_explained() -> None:
    """An empty answer has a reason then."""
    task = replace(sample_task(), created_at=START - timedelta(days=8))
    aws = ScriptedAws(
        {
            "stepfunctions.get_execution_history": {"events": []},
            "logs.filter_log_events": {"events": []},
        }
    )
    said: list[str] = []
    settings = Environment("shop", log_days=7, log_level="WARN")
    gather(Target("shop", OUTPUTS), settings, aws.client, task, START, said.append)
    assert said == [
        "logs are kept for 7 days, and the task is older",
        "the environment writes only what is WARN or worse (log_level)",
    ]


def test_time_that_is_searched_ends_soon_after_the_task() -> None:
    """A search of weeks takes long."""
    now = START + timedelta(days=3)
    running, done = sample_task(1, "running"), sample_task(2, "succeeded")
    assert find_window(running, now) == (START - BEFORE, now)
    assert find_window(done, now) == (START - BEFORE, START + AFTER)
