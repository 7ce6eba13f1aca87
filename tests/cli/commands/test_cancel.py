"""`darkroom cancel`: which tasks a name selects, what is printed, and the exit codes."""

import json

from infra.cli.commands.cancel import describe_end
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import make_attempt, make_task


def test_cancel_prints_each_outcome_and_exits_with_1_after_a_refusal(env: MotoEnvironment) -> None:
    """A named task is never silent: one that has ended is refused with the reason."""
    task = env.add_task("a.jpg.json", "queued")
    ended = env.add_task("b.jpg.json", "succeeded")
    result = env.run("cancel", task.task_id, ended.task_id)

    assert result.exit_code == 1
    assert result.stderr == "1 cancelled, 1 refused\n"
    cancelled, refused = result.stdout.splitlines()
    assert cancelled == f"{task.task_id}  {task.trigger.key}  cancelled"
    assert refused.startswith(f"{ended.task_id}  {ended.trigger.key}  ")
    assert "succeeded" in refused
    assert [env.state(task), env.state(ended)] == ["cancelled", "succeeded"]
    assert env.run("cancel", task.task_id).exit_code == 0


def test_the_end_of_a_submitted_task_names_the_provider_of_its_job() -> None:
    """A task that is cancelled already has nothing left to end."""
    running = make_task(state="running", attempts=(make_attempt(job_id="job-7"),))
    assert describe_end(running) == (
        "ends at its next step; its job at snapapi is cancelled if the provider supports it"
    )
    assert "its job at its provider" in describe_end(make_task(state="submitting"))
    assert describe_end(make_task(state="cancelled")) == "cancelled"


def test_cancel_of_a_folder_selects_its_unfinished_tasks(env: MotoEnvironment) -> None:
    """At any depth; finished tasks are not printed."""
    waiting = env.add_task("a/1.jpg.json", "waiting", wants=("a/1.jpg",))
    deep = env.add_task("a/b/c/2.jpg.json", "queued")
    running = env.add_task("a/4.jpg.json", "running", attempts=(make_attempt(),))
    env.add_task("a/3.jpg.json", "succeeded")
    other = env.add_task("b/4.jpg.json", "queued")
    result = env.run("cancel", "a", "--json")

    assert result.exit_code == 0, result.output
    printed = {row["task_id"]: row["done"] for row in json.loads(result.stdout)}
    at_next_step = printed.pop(running.task_id)
    assert printed == {waiting.task_id: "cancelled", deep.task_id: "cancelled"}
    assert at_next_step.startswith("ends at its next step")
    assert env.tasks.get(running.task_id).ending.status == "cancelled"
    assert env.state(other) == "queued"


def test_cancel_of_an_empty_folder_never_selects_everything(env: MotoEnvironment) -> None:
    """`photos/` may be left out of a name, but does not stand for the root."""
    task = env.add_task("other/1.jpg.json", "queued")
    result = env.run("cancel", "photos/")

    assert (result.exit_code, result.stderr) == (0, "nothing to cancel\n")
    assert env.state(task) == "queued"
    assert env.run("cancel", "/").stderr == "1 cancelled\n"
