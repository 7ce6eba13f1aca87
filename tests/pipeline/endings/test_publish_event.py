"""The event of an end, word for word: consumers read it by these names."""

import pytest

from darkroom.domain.errors import Failure
from darkroom.domain.task import Ending, EndStatus
from darkroom.pipeline.endings.publish import publish_event
from tests.fakes.task_factory import full_task, sample_task
from tests.pipeline.harness import PHOTO, PipelineHarness, in_state, refusal


def test_event_of_a_success_names_operation_results_and_cost() -> None:
    """With an id that is always the same for this end, and the sender's metadata."""
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
        "request_id": None,
        "batch": None,
        "spec_key": f"{PHOTO}.json",
        "source": PHOTO,
        "operation": "upscale",
        "provider": "beta",
        "results": [f"{PHOTO}/upscale.png"],
        "warnings": [],
        "manifest": f"{PHOTO}/upscale.manifest.json",
        "cost": harness.manifest()["cost"],
        "metadata": {"sku": "A-113"},
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [("failed", "Task Failed"), ("cancelled", "Task Cancelled"), ("unknown", "Task Unknown")],
)
def test_event_of_a_bad_end_has_code_and_sentence(status: EndStatus, kind: str) -> None:
    """The next step is in the manifest; without an order or an attempt the fields are null."""
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


def test_finalize_publishes_before_it_forgets_wants() -> None:
    """A file that arrives between finds the task."""
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


def test_every_publication_has_the_same_event_id() -> None:
    """A consumer can recognize a repeated event."""
    harness = in_state("failed")
    harness.step("fail", harness.task.task_id)
    first, second = harness.events.published
    assert first == second
