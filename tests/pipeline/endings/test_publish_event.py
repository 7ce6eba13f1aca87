"""The event of an end, word for word: consumers read it by these names."""

import pytest

from darkroom.domain.errors import Failure
from darkroom.domain.task import Ending, EndStatus
from darkroom.pipeline.endings.publish import publish_event
from tests.fakes.task_factory import full_task, sample_task
from tests.pipeline.harness import PHOTO, PipelineHarness, in_state, refusal


def test_a_success_says_what_was_done_and_where_it_lies() -> None:
    """With an id that the same end always has, and the sender's own notes."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec("upscale", provider="beta", metadata={"sku": "A-113"})
    harness.run()
    (event,) = harness.events.published
    task = harness.task

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
        "cost": harness.manifest()["cost"],
        "metadata": {"sku": "A-113"},
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [("failed", "Task Failed"), ("cancelled", "Task Cancelled"), ("unknown", "Task Unknown")],
)
def test_a_bad_end_adds_its_code_and_its_sentence(status: EndStatus, kind: str) -> None:
    """What to do is in the manifest; a task without an order or an attempt says so by null."""
    harness = PipelineHarness()
    ending = Ending(status, Failure("a", "B.", "C."))
    publish_event(harness.ports, sample_task(1, status, ending=ending, order=None))
    publish_event(
        harness.ports, sample_task(1, status, ending=ending, attempts=full_task().attempts)
    )

    bare, full = harness.events.published
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
    harness = PipelineHarness()
    harness.events.refusals = 1
    harness.upload("photos/mask.png")
    harness.upload_spec("remove-objects", inputs={"mask": "mask.png"})
    harness.providers.script("submit", refusal())
    harness.upload(PHOTO)
    harness.run()

    assert harness.task.state == "failed"
    assert [event.kind for event in harness.events.published] == ["Task Failed"]
    assert list(harness.tasks.wanting(PHOTO)) == []
    assert list(harness.tasks.due(harness.clock.now().replace(year=2099))) == []


def test_a_failed_task_of_a_run_has_one_event_for_each_telling() -> None:
    """Told twice it is the same event."""
    harness = in_state("failed")
    harness.step("fail", harness.task.task_id)
    first, second = harness.events.published
    assert first == second
