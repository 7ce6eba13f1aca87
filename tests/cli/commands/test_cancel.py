"""`darkroom cancel`: which tasks a name selects, what is printed, and the exit codes."""

import json
from dataclasses import replace

from darkroom.pipeline.fail import fail
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import make_attempt
from tests.fakes.moto_aws import OUTPUT, client


def test_cancel_ends_an_unsubmitted_task_at_once(env: MotoEnvironment) -> None:
    """It gets its manifest; cancelling it twice is not an error."""
    task = env.add_task(state="queued")
    for _ in range(2):
        result = env.run("cancel", task.task_id)
        assert result.exit_code == 0, result.output
        assert result.stdout == f"{task.task_id}  {task.trigger.key}  cancelled\n"
    assert env.state(task) == "cancelled"
    manifest = client("s3").get_object(Bucket=OUTPUT, Key=task.manifest_key)["Body"].read()
    assert json.loads(manifest)["failure"]["code"] == "cancelled"


def test_cancel_ends_a_submitted_task_at_its_next_step(env: MotoEnvironment) -> None:
    """The output names the provider whose job will be cancelled."""
    open_ = make_attempt(outcome="accepted", job_id="job-7", charged="unknown")
    task = env.add_task(state="running", attempts=(open_,))
    result = env.run("cancel", "cat.jpg")

    assert result.exit_code == 0, result.output
    assert "its job at snapapi is cancelled if the provider supports it" in result.stdout
    assert env.tasks.get(task.task_id).ending.status == "cancelled"
    fail(env.target.ports, task.task_id, task.run)
    assert env.state(task) == "cancelled"


def test_cancel_refuses_what_has_ended_or_is_ending(env: MotoEnvironment) -> None:
    """Each refusal is printed with its reason, and the exit code is 1."""
    good = env.add_task("a.jpg.json", "succeeded")
    bad = env.add_task("b.jpg.json", "failed")
    late = env.add_task("c.jpg.json", "delivering", attempts=(make_attempt(),))
    ending = replace(bad.ending, status="failed") if bad.ending else None
    failing = env.add_task("d.jpg.json", "running", attempts=(make_attempt(),), ending=ending)
    result = env.run("cancel", good.task_id, bad.task_id, late.task_id, failing.task_id, "0" * 32)

    assert result.exit_code == 1
    lines = [line.split("  ")[-1].strip() for line in result.stdout.splitlines()]
    assert lines == [
        "It has already ended: succeeded.",
        "It has already ended: failed.",
        "It is already delivering and can no longer be cancelled.",
        "It is already ending: SnapAPI has no credits left.",
        f"There is no task {'0' * 32}.",
    ]
    assert env.state(late) == "delivering"


def test_cancel_of_a_folder_selects_its_unfinished_tasks(env: MotoEnvironment) -> None:
    """At any depth; finished tasks are not printed."""
    waiting = env.add_task("a/1.jpg.json", "waiting", wants=("a/1.jpg",))
    deep = env.add_task("a/b/c/2.jpg.json", "queued")
    env.add_task("a/3.jpg.json", "succeeded")
    other = env.add_task("b/4.jpg.json", "queued")
    result = env.run("cancel", "a", "--json")

    assert result.exit_code == 0, result.output
    printed = {one["task_id"]: one["done"] for one in json.loads(result.stdout)}
    assert printed == {waiting.task_id: "cancelled", deep.task_id: "cancelled"}
    assert env.state(other) == "queued"
    assert env.run("cancel", "a/").stderr == "nothing to cancel\n"


def test_cancel_of_an_empty_folder_never_selects_everything(env: MotoEnvironment) -> None:
    """`photos/` may be left out of a name, but does not stand for the root."""
    task = env.add_task("other/1.jpg.json", "queued")
    result = env.run("cancel", "photos/")

    assert (result.exit_code, result.stderr) == (0, "nothing to cancel\n")
    assert env.state(task) == "queued"
    assert env.run("cancel", "/").stderr == "1 cancelled\n"
