"""SWEEP ends what waited too long, releases what was overlooked, and leaves the rest alone."""

from darkroom.pipeline.sweep import sweep
from tests.pipeline.offers import SYNC_NONE
from tests.pipeline.studio import PHOTO, Studio


def test_before_its_deadline_a_task_may_wait(studio: Studio) -> None:
    """Nothing happens a second too early."""
    studio.ask(SYNC_NONE)
    studio.clock.advance(studio.policy.inputs_s - 1)

    assert sweep(studio.ports) == 0
    assert studio.task.state == "waiting"


def test_past_its_deadline_a_task_fails_and_names_what_is_missing(studio: Studio) -> None:
    """Manifest and event come with it; a photo that comes later starts nothing."""
    studio.ask(SYNC_NONE)
    studio.clock.advance(studio.policy.inputs_s)
    assert sweep(studio.ports) == 1
    studio.run()
    studio.drop(PHOTO)
    studio.run()

    assert studio.task.state == "failed"
    assert studio.manifest()["failure"]["code"] == "inputs-missing"
    assert PHOTO in studio.manifest()["failure"]["sentence"]
    assert studio.tasks.wanted == []
    assert sweep(studio.ports) == 0


def test_a_photo_whose_event_was_lost_is_found(studio: Studio) -> None:
    """The file is there, so the task starts instead of failing."""
    studio.ask(SYNC_NONE)
    studio.upload(PHOTO)
    studio.clock.advance(studio.policy.inputs_s + 1)

    assert sweep(studio.ports) == 0
    studio.run()
    assert studio.task.state == "succeeded"


def test_tasks_at_work_are_left_to_their_doors(studio: Studio) -> None:
    """Only waiting tasks are the sweeper's."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.clock.advance(studio.policy.queue_s + 1)

    assert sweep(studio.ports) == 0
    assert studio.task.state == "queued"


def test_one_sweep_ends_all_that_are_due(studio: Studio) -> None:
    """Each with its own manifest."""
    for number in range(5):
        studio.ask(SYNC_NONE, key=f"photos/{number}.jpg.json")
    studio.clock.advance(studio.policy.inputs_s)

    assert sweep(studio.ports) == 5
    studio.run()
    assert {studio.manifest(task)["status"] for task in studio.tasks.all} == {"failed"}
