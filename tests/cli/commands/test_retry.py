"""`darkroom retry`: which tasks a name selects, what is printed, and the exit codes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click import Context, Group

from darkroom.domain.errors import Failure
from darkroom.domain.order import Input, Order
from darkroom.domain.task import Ending
from infra.cli.commands.retry import describe_start
from infra.cli.main import main
from infra.cli.tasks import batch
from infra.local.moto_patches import atomic_writes
from tests.cli.conftest import MotoEnvironment
from tests.cli.factories import CHOICES, make_attempt, make_task

FUNCTIONS = Path(__file__).parents[3] / "functions"
ADVISED_COMMANDS = sorted(
    set(
        re.findall(
            r"`darkroom ([a-z]+)((?: --[a-z-]+)*)",
            "".join(path.read_text() for path in sorted(FUNCTIONS.rglob("*.py"))),
        )
    )
)
GIVEN_UP = make_attempt(outcome="given-up", charged="unknown", job_id="job-7")
PAID = make_attempt(outcome="failed", charged="yes", job_id="job-8")


def test_every_command_that_a_manifest_advises_exists() -> None:
    """With the options that it names."""
    assert {("retry", ""), ("retry", " --pay-again")} <= set(ADVISED_COMMANDS)
    assert isinstance(main, Group)
    for name, options in ADVISED_COMMANDS:
        command = main.get_command(Context(main), name)
        assert command, name
        known = {option for param in command.params for option in param.opts}
        assert set(options.split()) <= known, name


def test_the_start_of_a_new_run_is_described_by_its_state() -> None:
    """The output names the job, so that it can be found on the provider's dashboard."""
    polling = make_task(state="running", attempts=(GIVEN_UP,))
    assert describe_start(polling) == "polls job job-7"
    assert describe_start(make_task(state="delivering")) == "delivers the saved answer"
    assert describe_start(make_task(state="submitting")) == "looks up the call"
    assert describe_start(make_task(state="queued")) == "queued again"


def test_retry_starts_a_run_and_pays_again_only_with_the_option(env: MotoEnvironment) -> None:
    """The refusal names the command that works."""
    task = env.add_task(attempts=(PAID,))
    result = env.run("retry", "cat.jpg")
    assert result.exit_code == 1
    assert f"`darkroom retry --pay-again {task.task_id}`" in result.stdout
    assert result.stderr == "1 refused\n"
    assert env.runs() == set()

    result = env.run("retry", "--pay-again", task.task_id)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{task.task_id}  {task.trigger.key}  queued again\n"
    assert result.stderr == "1 retried\n"
    assert env.state(task) == "queued"
    assert env.runs() == {f"{task.task_id}-2"}


def test_retry_after_a_refused_input_takes_and_names_its_newest_version(
    env: MotoEnvironment,
) -> None:
    """The file was uploaded again since; nothing was paid."""
    refused = Ending("failed", Failure("picture-cut-off", "It is cut off.", "Upload it again."))
    file = Input("photos/cat.jpg", "an-older-version", "e", 5)
    order = Order("upscale", CHOICES, {"image": (file.key,)}, {"image": (file,)})
    task = env.add_task(state="failed", ending=refused, order=order)
    result = env.run("retry", task.task_id)
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("queued again, with the newest version of photos/cat.jpg\n"), (
        result.stdout
    )


def test_retry_polls_the_job_that_is_named(env: MotoEnvironment) -> None:
    """`--job` belongs to a task whose call is unclear."""
    unclear = make_attempt(outcome="unknown", charged="unknown", provider="apiframe")
    task = env.add_task(state="unknown", attempts=(replace(unclear, model="topaz-image-upscale"),))
    result = env.run("retry", task.task_id, "--job", "job-9")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("polls job job-9\n")


def test_retry_of_a_folder_selects_its_failed_and_unknown_tasks(env: MotoEnvironment) -> None:
    """At any depth; one refusal stops nothing, and other tasks are not printed."""
    refused = env.add_task("a/1.jpg.json", attempts=(PAID,))
    deep = env.add_task("a/b/c/2.jpg.json")
    unclear = env.add_task("a/3.jpg.json", "unknown", attempts=(GIVEN_UP,))
    good = env.add_task("a/4.jpg.json", "succeeded")
    cancelled = env.add_task("a/5.jpg.json", "cancelled")
    other = env.add_task("ab/6.jpg.json")
    replaced = env.add_task("a/7.jpg.json")
    env.add_task("a/7.jpg.json", "succeeded", output="a/7.jpg/2")
    result = env.run("retry", "a/", "--json")

    assert result.exit_code == 1
    printed = {row["task_id"]: row["done"] or row["code"] for row in json.loads(result.stdout)}
    assert printed == {
        refused.task_id: "paid-already",
        deep.task_id: "queued again",
        unclear.task_id: "polls job job-7",
    }
    assert result.stderr == "2 retried, 1 refused, 1 skipped\n"
    states = [env.state(task) for task in (good, cancelled, other, replaced)]
    assert states == ["succeeded", "cancelled", "failed", "failed"]


def test_retry_failed_selects_all_failed_tasks(
    env: MotoEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many only with `--yes`; several threads run them, each task once; the first are started."""
    monkeypatch.setattr(batch, "MAX_SEQUENTIAL", 5)
    monkeypatch.setattr(batch, "THREADS", 3)
    for patch in atomic_writes.patches():  # moto's transactions are not made for threads
        monkeypatch.setattr(patch.owner, patch.name, patch.replacement)
    tasks = [env.add_task(f"{number}/cat.jpg.json") for number in range(6)]
    refused = env.run("retry", "--failed")
    assert refused.exit_code == 2
    assert "this means 6 tasks; retry them all with --yes" in refused.stderr
    assert env.runs() == set()
    result = env.run("retry", "--failed", "--yes")

    assert result.exit_code == 0, result.output
    assert result.stderr == f"{len(tasks)} retried\n"
    assert {line.split()[0] for line in result.stdout.splitlines()} == {t.task_id for t in tasks}
    in_line = env.target.ports.lines.first("snapapi", len(tasks) + 1)
    assert {(one.task_id, one.run) for one in in_line} == {(task.task_id, 2) for task in tasks}
    assert env.runs() <= {f"{task.task_id}-2" for task in tasks}
    assert env.runs()
    assert env.run("retry", "--failed").stderr == "nothing to retry\n"


def test_retry_of_a_cancelled_task_needs_its_own_name(env: MotoEnvironment) -> None:
    """Its spec's or its photo's."""
    for number, name in enumerate(("spec", "photo")):
        key = f"photos/{number}.jpg.json"
        task = env.add_task(key, "queued")
        assert env.run("cancel", key).exit_code == 0
        result = env.run("retry", key if name == "spec" else f"{number}.jpg")
        assert result.exit_code == 0, result.output
        assert env.state(task) == "queued"


def test_retry_of_a_named_task_is_never_silent(env: MotoEnvironment) -> None:
    """A refusal is printed even for a task that succeeded."""
    good = env.add_task(state="succeeded")
    for name in (good.task_id, good.trigger.key, "photos/cat.jpg"):
        result = env.run("retry", name, "--json")
        assert result.exit_code == 1
        assert [row["code"] for row in json.loads(result.stdout)] == ["already-succeeded"], name


def test_retry_with_one_unknown_name_starts_nothing(env: MotoEnvironment) -> None:
    """A mistyped name is found before the first task is changed."""
    task = env.add_task()
    result = env.run("retry", task.task_id, "photos/cta.jpg")
    assert result.exit_code == 1
    assert "no task found for 'photos/cta.jpg'" in result.stderr
    assert env.state(task) == "failed"

    result = env.run("retry", "0" * 32)
    assert (result.exit_code, result.stderr) == (1, "1 refused\n")
    assert "There is no task" in result.stdout
    assert env.run("retry", "empty/").stderr == "nothing to retry\n"
