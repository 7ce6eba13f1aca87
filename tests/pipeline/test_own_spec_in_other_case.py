"""A photo's own spec wins over its folder defaults, also if its name differs in case alone."""

import json

import pytest

from darkroom.domain.near_names import OTHER_CASE
from darkroom.domain.order import Trigger
from infra.cli.batch.newer import find_newer
from infra.cli.files.upload import UploadedSpec
from tests.fakes.routes import SYNC_KEY, SYNC_NONE
from tests.pipeline.harness import PipelineHarness

DEFAULT = {"operation": SYNC_KEY, "settle_s": 10}
OWN = json.dumps({"operation": SYNC_NONE}).encode()
PAIRS = [
    ("a/cat.JPG", "a/cat.jpg.json"),
    ("a/cat.JPG", "a/cat.jpg.thumb.json"),
    ("a/cat.jpg", "a/cat.JPG.json"),
    ("a/Cat.jpg", "a/cat.jpg.json"),
    ("a/IMG_1.JPG", "a/img_1.jpg.json"),
    ("a/Caf\N{LATIN SMALL LETTER E WITH ACUTE}.JPG", "a/cafe\N{COMBINING ACUTE ACCENT}.jpg.json"),
]


@pytest.fixture
def harness() -> PipelineHarness:
    """A system with a folder default."""
    harness = PipelineHarness()
    harness.upload("a/_darkroom.json", json.dumps(DEFAULT).encode())
    return harness


def finish(harness: PipelineHarness) -> list[tuple[str, str]]:
    """Let a spec's task take a photo in other case; the operation and state of each task."""
    for _ in range(3):
        harness.clock.advance(61)
        harness.sweep()
        harness.run_errands()
        harness.run()
    return [(task.operation or "", task.state) for task in harness.tasks.all]


@pytest.mark.parametrize(("photo", "spec"), PAIRS)
@pytest.mark.parametrize("order", ["spec first", "photo first, spec while it settles"])
def test_own_spec_wins(harness: PipelineHarness, photo: str, spec: str, order: str) -> None:
    """One task and one charge, in either order."""
    if order == "spec first":
        harness.upload(spec, OWN)
        harness.upload(photo)
    else:
        event = harness.put_file(photo)
        harness.upload(spec, OWN)
        harness.receive(event)
    assert finish(harness) == [(SYNC_NONE, "succeeded")]
    assert len(harness.providers.charged) == 1


@pytest.mark.parametrize("photo", ["a/cat.JPG", "a/cat.Jpg"])
def test_spec_whose_event_is_late_is_seen_by_its_name(harness: PipelineHarness, photo: str) -> None:
    """Where only the case of the extension differs: it lies there, and that is enough."""
    event = harness.put_file("a/cat.jpg.json", OWN)
    harness.upload(photo)
    assert harness.tasks.all == []
    harness.receive(event)
    assert finish(harness) == [(SYNC_NONE, "succeeded")]


@pytest.mark.parametrize("stem", ["cat", "CAT"])
def test_spec_that_belongs_to_another_photo_prevents_nothing(
    harness: PipelineHarness, stem: str
) -> None:
    """The file with the exact name is there: the other one is what its folder says."""
    harness.upload("a/cat.jpg.json", OWN)
    harness.upload("a/cat.jpg")
    harness.upload(f"a/{stem}.JPG")
    assert sorted(finish(harness)) == sorted([(SYNC_NONE, "succeeded"), (SYNC_KEY, "succeeded")])


def test_of_two_photos_in_other_case_the_spec_takes_none(harness: PipelineHarness) -> None:
    """So both are what their folder says, and the spec waits with a hint."""
    harness.upload("a/cat.jpg.json", OWN)
    events = [harness.put_file("a/cat.JPG"), harness.put_file("a/Cat.jpg")]
    harness.receive(*events)
    assert finish(harness) == [
        (SYNC_NONE, "waiting"),
        (SYNC_KEY, "succeeded"),
        (SYNC_KEY, "succeeded"),
    ]
    assert OTHER_CASE in (harness.tasks.all[0].wait_reason or "")


def test_photo_with_an_exact_spec_is_not_taken_from_it(harness: PipelineHarness) -> None:
    """Both specs are there; each task is its own."""
    harness.upload("a/cat.jpg.json", OWN)
    harness.upload("a/cat.JPG.json", OWN)
    harness.upload("a/cat.JPG")
    assert finish(harness) == [(SYNC_NONE, "waiting"), (SYNC_NONE, "succeeded")]


def test_message_that_waits_for_almost_the_name_is_no_spec(harness: PipelineHarness) -> None:
    """Nor is the spec of another photo that names this one as an input."""
    harness.upload("a/dog.jpg.json", json.dumps({"operation": SYNC_NONE}).encode())
    harness.upload("a/cat.JPG")
    assert (SYNC_KEY, "succeeded") in finish(harness)


@pytest.mark.parametrize(("photo", "spec"), PAIRS[:5])
def test_put_that_waits_for_the_photo_follows_the_spec(
    harness: PipelineHarness, photo: str, spec: str
) -> None:
    """As it does for a spec with the exact name."""
    harness.upload(spec, OWN)
    harness.put_file(photo)
    newer = find_newer(harness.ports, uploaded_photo(harness, photo))
    assert newer is not None
    assert [one.task_id for one in newer.specs] == [harness.tasks.latest(spec)]
    assert f"{photo} has a spec of its own now; {spec} is followed" == newer.sentence


def uploaded_photo(harness: PipelineHarness, photo: str) -> UploadedSpec:
    """The photo as `put` has uploaded it."""
    found = harness.inputs.find(photo)
    assert found is not None
    trigger = Trigger.of_photo("input", photo, found.version_id, None)
    return UploadedSpec(trigger.key, trigger.task_id, trigger)


def test_usual_photo_costs_one_list_and_one_query_more(harness: PipelineHarness) -> None:
    """No folder is listed for it."""
    listed: list[str] = []
    list_keys = harness.inputs.list_keys
    harness.inputs.list_keys = lambda prefix, *rest, **more: (  # type: ignore[method-assign] # records
        listed.append(prefix) or list_keys(prefix, *rest, **more)  # type: ignore[func-returns-value]
    )
    harness.upload("a/cat.JPG")
    assert set(listed) == {"a/cat."}
    assert len(harness.tasks.all) == 1
