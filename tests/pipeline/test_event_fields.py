"""The event of an end, word for word: consumers read it by these names."""

import pytest

from darkroom.domain.errors import Failure
from darkroom.domain.task import Ending, EndStatus
from darkroom.pipeline.endings.publish import publish_event
from tests.fakes.task_factory import full_task, sample_task
from tests.pipeline.harness import PHOTO, Studio, in_state, refusal


def test_a_success_says_what_was_done_and_where_it_lies() -> None:
    """With an id that the same end always has, and the sender's own notes."""
    studio = Studio()
    studio.drop(PHOTO)
    studio.ask("upscale", provider="beta", metadata={"sku": "A-113"})
    studio.run()
    (event,) = studio.events.published
    task = studio.task

    assert event.kind == "Task Succeeded"
    assert event.detail == {
        "event_id": f"{task.task_id}-1-succeeded",
        "task_id": task.task_id,
        "run": 1,
        "status": "succeeded",
        "spec_key": f"{PHOTO}.json",
        "source": PHOTO,
        "operation": "upscale",
        "provider": "beta",
        "results": [f"{PHOTO}/upscale.png"],
        "manifest": f"{PHOTO}/upscale.manifest.json",
        "cost": studio.manifest()["cost"],
        "metadata": {"sku": "A-113"},
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [("failed", "Task Failed"), ("cancelled", "Task Cancelled"), ("unknown", "Task Unknown")],
)
def test_a_bad_end_adds_its_code_and_its_sentence(status: EndStatus, kind: str) -> None:
    """What to do is in the manifest; a task without an order or an attempt says so by null."""
    studio = Studio()
    ending = Ending(status, Failure("a", "B.", "C."))
    publish_event(studio.ports, sample_task(1, status, ending=ending, order=None))
    publish_event(
        studio.ports, sample_task(1, status, ending=ending, attempts=full_task().attempts)
    )

    bare, full = studio.events.published
    assert {bare.kind, full.kind} == {kind}
    assert {name: bare.detail[name] for name in ("operation", "provider", "metadata")} == {
        "operation": None,
        "provider": None,
        "metadata": {},
    }
    assert (bare.detail["code"], bare.detail["sentence"]) == ("a", "B.")
    assert "next_step" not in bare.detail
    assert full.detail["provider"] == "beta"
    assert full.detail["event_id"] == f"{'0001' * 8}-1-{status}"


def test_what_is_left_to_do_after_an_end_is_done_in_its_order() -> None:
    """The event before the wishes are forgotten: a file that comes then finds the task."""
    studio = Studio()
    studio.events.refusals = 1
    studio.drop("photos/mask.png")
    studio.ask("remove-objects", inputs={"mask": "mask.png"})
    studio.providers.say("submit", refusal())
    studio.drop(PHOTO)
    studio.run()

    assert studio.task.state == "failed"
    assert [event.kind for event in studio.events.published] == ["Task Failed"]
    assert list(studio.tasks.wanting(PHOTO)) == []
    assert list(studio.tasks.due(studio.clock.now().replace(year=2099))) == []


def test_a_failed_task_of_a_run_has_one_event_for_each_telling() -> None:
    """Told twice it is the same event."""
    studio = in_state("failed")
    studio.door("fail", studio.task.task_id)
    first, second = studio.events.published
    assert first == second
