"""`retry`: what was paid for is made use of, the rest is told, and one refusal stops nothing."""

import json
import re
from pathlib import Path

import pytest
from click import Context, Group

from infra.cli.main import main
from infra.cli.tasks.batch import FEW
from tests.cli.conftest import Shop
from tests.cli.makes import make_attempt

FUNCTIONS = Path(__file__).parents[2] / "functions"
SAID = re.findall(
    r"`darkroom ([a-z]+)((?: --[a-z-]+)*)",
    "".join(path.read_text() for path in sorted(FUNCTIONS.rglob("*.py"))),
)
GIVEN_UP = make_attempt(outcome="given-up", charged="unknown", job_id="job-7")
PAID = make_attempt(outcome="failed", charged="yes", job_id="job-8")


@pytest.mark.parametrize(("name", "options"), sorted(set(SAID)))
def test_what_manifests_tell_people_to_run_exists(name: str, options: str) -> None:
    """A next step that fails on a name is none."""
    assert isinstance(main, Group)
    command = main.get_command(Context(main), name)
    assert command, name
    known = {word for param in command.params for word in param.opts}
    assert set(options.split()) <= known


def test_manifests_tell_people_to_retry_in_both_ways() -> None:
    """Else the test above would have nothing to check."""
    assert {("retry", ""), ("retry", " --pay-again")} <= set(SAID)


def test_a_task_that_cost_nothing_is_queued_anew(shop: Shop) -> None:
    """By its id, as its manifest says; its new run is started."""
    task = shop.task()
    said = shop.run("retry", task.task_id)

    assert said.exit_code == 0, said.output
    assert said.stdout == f"{task.task_id}  {task.trigger.key}  queued anew\n"
    assert said.stderr == "1 retried\n"
    assert shop.state(task) == "queued"
    assert shop.runs() == {f"{task.task_id}-2"}


def test_a_job_that_may_be_done_is_asked_about(shop: Shop) -> None:
    """It is named, so that the provider's own list can be looked at."""
    task = shop.task(attempts=(GIVEN_UP,))
    said = shop.run("retry", "photos/cat.jpg")

    assert said.stdout.endswith("asks about job job-7\n")
    assert shop.state(task) == "running"


def test_what_is_paid_for_is_paid_again_only_where_that_is_said(shop: Shop) -> None:
    """The refusal names the very command that then works."""
    task = shop.task(attempts=(PAID,))
    said = shop.run("retry", task.task_id)
    assert said.exit_code == 1
    assert f"`darkroom retry --pay-again {task.task_id}`" in said.stdout
    assert said.stderr == "1 refused\n"
    assert shop.runs() == set()

    said = shop.run("retry", "--pay-again", task.task_id)
    assert said.exit_code == 0, said.output
    assert said.stdout.endswith("queued anew\n")


def test_a_folder_means_what_ended_badly_in_and_below_it(shop: Shop) -> None:
    """One refusal stops nothing; what went well or was cancelled is not even told of."""
    refused = shop.task("a/1.jpg.json", attempts=(PAID,))
    deep = shop.task("a/b/c/2.jpg.json")
    unclear = shop.task("a/3.jpg.json", "unknown", attempts=(GIVEN_UP,))
    good = shop.task("a/4.jpg.json", "succeeded")
    unwanted = shop.task("a/5.jpg.json", "cancelled")
    other = shop.task("ab/6.jpg.json")
    replaced = shop.task("a/7.jpg.json")
    shop.task("a/7.jpg.json", "succeeded", output="a/7.jpg/2")
    said = shop.run("retry", "a/", "--json")

    assert said.exit_code == 1
    told = {one["task_id"]: one["done"] or one["code"] for one in json.loads(said.stdout)}
    assert told == {
        refused.task_id: "paid-already",
        deep.task_id: "queued anew",
        unclear.task_id: "asks about job job-7",
    }
    assert said.stderr == "2 retried, 1 refused, 1 left alone\n"
    states = [shop.state(task) for task in (good, unwanted, other, replaced)]
    assert states == ["succeeded", "cancelled", "failed", "failed"]


def test_failed_means_every_one_of_the_environment(shop: Shop) -> None:
    """More than a few are begun at the same time, each once."""
    tasks = [shop.task(f"{number}/cat.jpg.json") for number in range(FEW + 1)]
    said = shop.run("retry", "--failed")

    assert said.exit_code == 0, said.output
    assert said.stderr == f"{len(tasks)} retried\n"
    assert {line.split()[0] for line in said.stdout.splitlines()} == {t.task_id for t in tasks}
    assert shop.runs() == {f"{task.task_id}-2" for task in tasks}
    assert shop.run("retry", "--failed").stderr == "nothing to retry\n"


def test_a_cancelled_task_is_begun_again_by_its_own_name(shop: Shop) -> None:
    """Somebody did not want it, and now does; the photo's name is its own, too."""
    for number, name in enumerate(("spec", "photo")):
        key = f"photos/{number}.jpg.json"
        task = shop.task(key, "queued")
        assert shop.run("cancel", key).exit_code == 0
        said = shop.run("retry", key if name == "spec" else f"{number}.jpg")
        assert said.exit_code == 0, said.output
        assert shop.state(task) == "queued"


def test_a_task_that_was_named_is_told_of_whatever_it_is_like(shop: Shop) -> None:
    """Silence would look as if something had begun."""
    good = shop.task(state="succeeded")
    for name in (good.task_id, good.trigger.key, "photos/cat.jpg"):
        said = shop.run("retry", name)
        assert said.exit_code == 1
        assert "It has succeeded. To have it done once more, upload its spec again" in said.stdout


def test_one_name_that_is_nobody_s_begins_nothing(shop: Shop) -> None:
    """A mistyped name is found out before the first task is touched."""
    task = shop.task()
    said = shop.run("retry", task.task_id, "photos/cta.jpg")
    assert said.exit_code == 1
    assert "there is no task for 'photos/cta.jpg'" in said.stderr
    assert shop.state(task) == "failed"

    said = shop.run("retry", "0" * 32)
    assert (said.exit_code, said.stderr) == (1, "1 refused\n")
    assert "There is no task" in said.stdout
    assert shop.run("retry", "empty/").stderr == "nothing to retry\n"


def test_an_environment_that_lacks_an_output_is_told_of(shop: Shop) -> None:
    """It was deployed by an older version; the sentence says what to do."""
    task = shop.task()
    shop.target.outputs.pop("EventBus")  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="has no output EventBus: an older version deployed it"):
        shop.target.open_ports()
    assert shop.state(task) == "failed"
