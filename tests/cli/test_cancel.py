"""`cancel`: ends at once what is not submitted, marks what is, and leaves alone what is done."""

import json
from dataclasses import replace

from darkroom.pipeline.fail import fail
from tests.cli.conftest import Shop
from tests.cli.makes import make_attempt
from tests.fakes.moto_aws import OUTPUT, client


def test_what_is_not_submitted_ends_at_once(shop: Shop) -> None:
    """With its manifest; and saying so twice is no error."""
    task = shop.task(state="queued")
    for _ in range(2):
        said = shop.run("cancel", task.task_id)
        assert said.exit_code == 0, said.output
        assert said.stdout == f"{task.task_id}  {task.trigger.key}  cancelled\n"
    assert shop.state(task) == "cancelled"
    manifest = client("s3").get_object(Bucket=OUTPUT, Key=task.manifest_key)["Body"].read()
    assert json.loads(manifest)["failure"]["code"] == "cancelled"


def test_what_is_submitted_ends_when_its_door_comes_by(shop: Shop) -> None:
    """The door stops its job; the person is told whose."""
    open_ = make_attempt(outcome="accepted", job_id="job-7", charged="unknown")
    task = shop.task(state="running", attempts=(open_,))
    said = shop.run("cancel", "cat.jpg")

    assert said.exit_code == 0, said.output
    assert "ends at its next step; its job at snapapi is stopped where that can be" in said.stdout
    assert shop.tasks.get(task.task_id).ending.status == "cancelled"
    fail(shop.target.ports, task.task_id, task.run)
    assert shop.state(task) == "cancelled"


def test_what_is_done_or_nearly_is_said_to_be(shop: Shop) -> None:
    """Nothing is undone, and the exit code tells a script."""
    good = shop.task("a.jpg.json", "succeeded")
    bad = shop.task("b.jpg.json", "failed")
    late = shop.task("c.jpg.json", "delivering", attempts=(make_attempt(),))
    ending = replace(bad.ending, status="failed") if bad.ending else None
    doomed = shop.task("d.jpg.json", "running", attempts=(make_attempt(),), ending=ending)
    said = shop.run("cancel", good.task_id, bad.task_id, late.task_id, doomed.task_id, "0" * 32)

    assert said.exit_code == 1
    lines = [line.split("  ")[-1].strip() for line in said.stdout.splitlines()]
    assert lines == [
        "It has already ended: succeeded.",
        "It has already ended: failed.",
        "It is already delivering and can no longer be cancelled.",
        "It is already ending: SnapAPI has no credits left.",
        f"There is no task {'0' * 32}.",
    ]
    assert shop.state(late) == "delivering"


def test_a_folder_means_what_is_unfinished_in_and_below_it(shop: Shop) -> None:
    """What has ended in it is not even told of."""
    waiting = shop.task("a/1.jpg.json", "waiting", wants=("a/1.jpg",))
    deep = shop.task("a/b/c/2.jpg.json", "queued")
    shop.task("a/3.jpg.json", "succeeded")
    other = shop.task("b/4.jpg.json", "queued")
    said = shop.run("cancel", "a", "--json")

    assert said.exit_code == 0, said.output
    told = {one["task_id"]: one["done"] for one in json.loads(said.stdout)}
    assert told == {waiting.task_id: "cancelled", deep.task_id: "cancelled"}
    assert shop.state(other) == "queued"
    assert shop.run("cancel", "a/").stderr == "nothing to cancel\n"


def test_a_folder_that_is_empty_never_means_everything(shop: Shop) -> None:
    """`photos/` may be left out of a name, but it does not stand for the root."""
    task = shop.task("other/1.jpg.json", "queued")
    said = shop.run("cancel", "photos/")

    assert (said.exit_code, said.stderr) == (0, "nothing to cancel\n")
    assert shop.state(task) == "queued"
    assert shop.run("cancel", "/").stderr == "1 cancelled\n"
