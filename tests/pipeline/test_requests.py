"""Specs that come inside messages: the sender's id, or what is asked for, is the identity."""

from typing import Any

from darkroom.domain.arrivals import Requested
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, Studio


def _request(operation: str = SYNC_NONE, **more: Any) -> Requested:
    return Requested({"operation": operation}, **{"source": PHOTO, **more})


def test_the_same_request_id_again_is_the_same_task(studio: Studio) -> None:
    """A sender may repeat its message."""
    studio.drop(PHOTO)
    studio.arrive(_request(request_id="order-17"), _request(request_id="order-17"))
    studio.run()

    assert studio.task.state == "succeeded"
    assert studio.task.results[0].key == f"{PHOTO}/{SYNC_NONE}.png"
    assert len(studio.providers.sent) == 1


def test_a_redelivery_is_the_same_task_though_the_photo_has_changed(studio: Studio) -> None:
    """The identity is the request's alone: what lies in the bucket is never looked up again."""
    studio.arrive(_request(request_id="1"))
    studio.drop(PHOTO)
    studio.run()
    studio.drop(PHOTO)
    studio.arrive(_request(request_id="1"))
    studio.run()

    assert len(studio.tasks.all) == 1
    assert len(studio.providers.sent) == 1


def test_two_operations_on_one_photo_are_two_tasks(studio: Studio) -> None:
    """A request does not cancel another that asks for something else."""
    studio.drop(PHOTO)
    studio.arrive(_request(request_id="1"), _request("upscale", request_id="2"))
    studio.run()

    assert [task.state for task in studio.tasks.all] == ["succeeded", "succeeded"]


def test_two_requests_for_the_same_are_both_done(studio: Studio) -> None:
    """Messages have no order, so neither takes the other's place; the names tell them apart."""
    studio.drop(PHOTO)
    studio.arrive(_request(request_id="1"), _request(request_id="2"))
    studio.run()

    first, second = studio.tasks.all
    assert (first.state, second.state) == ("succeeded", "succeeded")
    assert second.results[0].key == f"{PHOTO}/{SYNC_NONE}.png"
    assert first.results[0].key == f"{PHOTO}/{SYNC_NONE}@{first.task_id[:8]}.png"


def test_a_request_may_come_before_its_photo(studio: Studio) -> None:
    """It waits like any spec."""
    studio.arrive(_request(request_id="1"))
    assert studio.task.wants == (PHOTO,)
    studio.drop(PHOTO)
    studio.run()

    assert studio.task.state == "succeeded"


def test_a_request_without_a_source_makes_something_from_nothing(studio: Studio) -> None:
    """Its results are named by its identity."""
    spec = {"operation": "generate", "params": {"prompt": "a red bicycle"}}
    studio.arrive(Requested(spec, request_id="posters/9"))
    studio.run()

    assert studio.task.state == "succeeded"
    assert studio.task.source is None
    assert studio.task.results[0].key == "requests/posters/9.png"


def test_a_bad_request_ends_in_a_manifest(studio: Studio) -> None:
    """What can be named is answered in the output bucket, not in the dead letters."""
    studio.arrive(Requested({"operation": "upscale", "scael": 2}, request_id="1", source=PHOTO))

    assert studio.manifest()["failure"]["code"] == "bad-spec"
    assert studio.task.state == "failed"


def test_deleting_a_spec_of_the_same_name_leaves_a_request_alone(studio: Studio) -> None:
    """A request has no file whose deletion could mean anything."""
    studio.arrive(_request(request_id="1"))
    for key in (SPEC, f"{PHOTO}.{SYNC_NONE}.json"):
        studio.remove(key)

    assert studio.tasks.all[0].state == "waiting"
