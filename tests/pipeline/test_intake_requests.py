"""Specs that come inside messages: the sender's id, or what is asked for, is the identity."""

from typing import Any

from darkroom.domain.arrivals import Requested
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness


def _request(operation: str = SYNC_NONE, **more: Any) -> Requested:
    return Requested({"operation": operation}, **{"source": PHOTO, **more})


def test_same_request_id_is_the_same_task(harness: PipelineHarness) -> None:
    """A sender may repeat its message."""
    harness.upload(PHOTO)
    harness.receive(_request(request_id="order-17"), _request(request_id="order-17"))
    harness.run()

    assert harness.task.state == "succeeded"
    assert harness.task.results[0].key == f"{PHOTO}/{SYNC_NONE}.png"
    assert len(harness.providers.sent) == 1


def test_redelivery_is_the_same_task_though_the_photo_has_changed(
    harness: PipelineHarness,
) -> None:
    """The identity is the request's alone: what lies in the bucket is never looked up again."""
    harness.receive(_request(request_id="1"))
    harness.upload(PHOTO)
    harness.run()
    harness.upload(PHOTO)
    harness.receive(_request(request_id="1"))
    harness.run()

    assert len(harness.tasks.all) == 1
    assert len(harness.providers.sent) == 1


def test_two_operations_on_one_photo_are_two_tasks(harness: PipelineHarness) -> None:
    """A request does not cancel another one with another operation."""
    harness.upload(PHOTO)
    harness.receive(_request(request_id="1"), _request("upscale", request_id="2"))
    harness.run()

    assert [task.state for task in harness.tasks.all] == ["succeeded", "succeeded"]


def test_two_requests_for_one_operation_are_both_done(harness: PipelineHarness) -> None:
    """Messages have no order, so neither replaces the other; their names differ."""
    harness.upload(PHOTO)
    harness.receive(_request(request_id="1"), _request(request_id="2"))
    harness.run()

    first, second = harness.tasks.all
    assert (first.state, second.state) == ("succeeded", "succeeded")
    assert second.results[0].key == f"{PHOTO}/{SYNC_NONE}.png"
    assert first.results[0].key == f"{PHOTO}/{SYNC_NONE}@{first.task_id[:8]}.png"


def test_request_may_come_before_its_photo(harness: PipelineHarness) -> None:
    """It waits like any spec."""
    harness.receive(_request(request_id="1"))
    assert harness.task.wants == (PHOTO,)
    harness.upload(PHOTO)
    harness.run()

    assert harness.task.state == "succeeded"


def test_request_without_a_source_names_its_results_after_its_identity(
    harness: PipelineHarness,
) -> None:
    """Its results are named by its identity."""
    spec = {"operation": "generate", "params": {"prompt": "a red bicycle"}}
    harness.receive(Requested(spec, request_id="posters/9"))
    harness.run()

    assert harness.task.state == "succeeded"
    assert harness.task.source is None
    assert harness.task.results[0].key == "requests/posters/9.png"


def test_bad_request_ends_in_a_manifest(harness: PipelineHarness) -> None:
    """A request with a name is answered in the output bucket, not in the dead-letter queue."""
    harness.receive(Requested({"operation": "upscale", "scael": 2}, request_id="1", source=PHOTO))

    assert harness.manifest()["failure"]["code"] == "bad-spec"
    assert harness.task.state == "failed"


def test_deleted_spec_of_the_same_name_does_not_cancel_a_request(harness: PipelineHarness) -> None:
    """A request has no file that could be deleted."""
    harness.receive(_request(request_id="1"))
    for key in (SPEC, f"{PHOTO}.{SYNC_NONE}.json"):
        harness.delete(key)

    assert harness.tasks.all[0].state == "waiting"
