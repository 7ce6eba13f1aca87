"""A photo under folder defaults becomes its tasks, once each, and its own spec wins."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from darkroom.domain.arrivals import PhotoErrand, Removed, Requested, Uploaded
from darkroom.domain.order import Trigger, UsedDefault
from darkroom.domain.task import Task
from tests.fakes.routes import JOB_KEY, SYNC_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness

DEFAULT = "photos/_darkroom.json"
ROOT = "_darkroom.json"
UPSCALE = {"operation": JOB_KEY, "params": {"scale": 4}}
TWO = {"specs": [{"label": "large", **UPSCALE}, {"label": "plain", "operation": SYNC_KEY}]}


def put(harness: PipelineHarness, document: Any, key: str = DEFAULT) -> str:
    """Upload a folder default, and deliver its event; returns its version."""
    version = harness.upload(key, json.dumps(document).encode()).version_id
    assert version
    return version


def by_label(harness: PipelineHarness) -> dict[str | None, Task]:
    """The newest task of each label."""
    return {task.trigger.label: task for task in harness.tasks.all}


def test_photo_is_done_as_its_folder_says(harness: PipelineHarness) -> None:
    """The task knows the photo's version, and the version of each file that it used."""
    root = put(harness, {"provider": "gamma", "metadata": {"shop": 7}}, ROOT)
    own = put(harness, UPSCALE)
    photo = harness.upload(PHOTO)
    harness.run()

    task = harness.task
    assert photo.version_id
    assert task.trigger == Trigger.of_photo("input", PHOTO, photo.version_id, None)
    assert (task.state, task.trigger.key, task.source) == ("succeeded", SPEC, PHOTO)
    assert task.resolved_order.defaults == (UsedDefault(DEFAULT, own), UsedDefault(ROOT, root))
    manifest = harness.manifest()
    assert manifest["spec"]["params"] == {"scale": 4}
    assert manifest["spec"]["choices"] == [{"provider": "gamma", "model": "gamma-1"}]
    assert manifest["spec"]["metadata"] == {"shop": 7}
    assert manifest["defaults"] == [
        {"key": DEFAULT, "version_id": own},
        {"key": ROOT, "version_id": root},
    ]
    assert harness.tasks.latest(SPEC) == task.task_id


@pytest.mark.parametrize(("before_s", "tasks"), [(1, 1), (14 * 60, 1), (16 * 60, 0)])
def test_default_acts_on_photos_uploaded_shortly_before_it(before_s: int, tasks: int) -> None:
    """Clients upload in parallel, or by name: `IMG_1.jpg` is there before `_darkroom.json`."""
    harness = PipelineHarness()
    harness.upload("photos/IMG_1.jpg")
    harness.run()
    harness.clock.advance(before_s)
    put(harness, UPSCALE)
    harness.run()
    put(harness, UPSCALE | {"metadata": {"again": True}})
    harness.run()

    assert [task.state for task in harness.tasks.all] == ["succeeded"] * tasks
    assert len(harness.providers.charged) == tasks


def test_photo_waits_for_an_own_spec_as_long_as_its_folder_says(harness: PipelineHarness) -> None:
    """By default ten seconds; with 0 it starts at once."""
    put(harness, UPSCALE)
    harness.upload(PHOTO)
    harness.clock.advance(1000)
    put(harness, UPSCALE | {"settle_s": 900})
    harness.upload("photos/dog.jpg")
    harness.clock.advance(1000)
    put(harness, UPSCALE | {"settle_s": 0})
    harness.upload("photos/cow.jpg")

    assert harness.errands.delays == [10, 900]
    assert len(harness.tasks.all) == 3


def test_photo_without_any_default_costs_one_request_a_folder(harness: PipelineHarness) -> None:
    """Nothing is remembered, and nothing is sent."""
    asked: list[str] = []
    read = harness.inputs.read_each

    def recorded(keys: Sequence[str], limit: int) -> Any:
        asked.extend(keys)
        return read(keys, limit)

    harness.inputs.read_each = recorded  # type: ignore[method-assign] # records the keys
    harness.upload("a/b/c/d/e/f/g/h/i/cat.jpg")
    harness.upload("cat.jpg")
    harness.upload("notes/readme.txt")

    assert len(asked) == 8 + 1
    assert asked[0] == "a/b/c/d/e/f/g/h/i/_darkroom.json"
    assert not harness.tasks.all
    assert not harness.errands.delays


def test_own_spec_wins_and_its_folder_fills_it(harness: PipelineHarness) -> None:
    """There is no other task; the order of the two uploads does not matter."""
    put(harness, UPSCALE | {"metadata": {"from": "folder"}})
    harness.inputs.put(PHOTO, b"\x89PNG\r\n\x1a\n")
    harness.upload(SPEC, json.dumps({"params": {"scale": 2}}).encode())
    harness.upload(PHOTO)

    order = harness.task.resolved_order
    assert harness.task.trigger.kind == "upload"
    assert (order.operation, order.params) == (JOB_KEY, {"scale": 2})
    assert order.metadata == {"from": "folder"}
    assert [used.key for used in order.defaults] == [DEFAULT]


def test_own_spec_that_comes_in_time_prevents_the_default(harness: PipelineHarness) -> None:
    """Also one with a label: the photo has a spec of its own."""
    put(harness, UPSCALE)
    version = harness.put_file(PHOTO).version_id
    assert version
    harness.upload_spec(SYNC_KEY, f"{PHOTO}.thumb.json")
    harness.receive(PhotoErrand(PHOTO, version))

    assert [task.trigger.kind for task in harness.tasks.all] == ["upload"]


@pytest.mark.parametrize("key", [SPEC, f"{PHOTO}.{JOB_KEY}.json"])
def test_late_own_spec_replaces_what_is_not_submitted(harness: PipelineHarness, key: str) -> None:
    """It is a task of its own with the same results, whatever its file is called."""
    put(harness, UPSCALE)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, key)
    older, newer = harness.tasks.all

    assert (older.state, newer.state) == ("cancelled", "queued")
    assert older.ending
    assert older.ending.failure.sentence == "A spec of the photo's own took this task's place."
    assert harness.tasks.owner(newer.output) == newer.task_id
    assert newer.output == older.output


def test_late_own_spec_leaves_a_submitted_task_alone(harness: PipelineHarness) -> None:
    """Both are done; the older one writes beside the newer one's name."""
    put(harness, UPSCALE)
    harness.upload(PHOTO)
    harness.run(until=["running"])
    harness.upload_spec(JOB_KEY)
    harness.workflows.started.reverse()
    harness.run()
    older, newer = harness.tasks.all

    assert (older.state, newer.state) == ("succeeded", "succeeded")
    assert not {result.key for result in older.results} & {result.key for result in newer.results}


def test_repeated_events_are_the_same_task(harness: PipelineHarness) -> None:
    """Whatever the folder default says by then: what is pinned stays."""
    put(harness, UPSCALE)
    event = harness.upload(PHOTO)
    before = harness.task
    put(harness, {"operation": SYNC_KEY})
    harness.receive(event, event)

    assert harness.task.order == before.order


def test_changed_default_acts_on_future_photos(harness: PipelineHarness) -> None:
    """A photo that lies there already gets nothing new."""
    put(harness, UPSCALE)
    harness.upload(PHOTO)
    put(harness, {"operation": SYNC_KEY})
    harness.upload("photos/dog.jpg")

    assert [task.resolved_order.operation for task in harness.tasks.all] == [JOB_KEY, SYNC_KEY]


def test_new_version_of_a_photo_replaces_what_is_not_submitted(harness: PipelineHarness) -> None:
    """The event of the old version, however late, makes nothing."""
    put(harness, UPSCALE)
    first = harness.upload(PHOTO)
    harness.upload(PHOTO, b"\x89PNG\r\n\x1a\n again")
    harness.receive(first)
    older, newer = harness.tasks.all

    assert (older.state, newer.state) == ("cancelled", "queued")
    assert older.ending
    assert older.ending.failure.code == "superseded"
    assert "photo" in older.ending.failure.sentence


def test_deleted_photo_cancels_what_is_not_submitted(harness: PipelineHarness) -> None:
    """Every label's task; what comes late makes nothing."""
    put(harness, TWO)
    event = harness.upload(PHOTO)
    harness.delete(PHOTO)
    harness.receive(event)

    endings = [task.ending for task in harness.tasks.all]
    assert [ending.failure.code for ending in endings if ending] == ["photo-deleted"] * 2


def test_undeleted_photo_is_left_alone_by_the_removal_of_its_marker(
    harness: PipelineHarness,
) -> None:
    """The photo is there, so nothing is cancelled."""
    put(harness, UPSCALE)
    harness.upload(PHOTO)
    harness.receive(Removed(PHOTO))

    assert harness.task.state == "queued"


def test_list_of_specs_makes_one_task_for_each_label(harness: PipelineHarness) -> None:
    """Each has results of its own; a bare list is short for an object with it."""
    put(harness, TWO["specs"])
    harness.upload(PHOTO)
    harness.run()
    tasks = by_label(harness)

    assert {label: task.output for label, task in tasks.items()} == {
        "large": f"{PHOTO}/large",
        "plain": f"{PHOTO}/plain",
    }
    assert {task.state for task in tasks.values()} == {"succeeded"}
    assert tasks["plain"].trigger.key == f"{PHOTO}.plain.json"


@pytest.mark.parametrize(
    ("extra", "photo"),
    [
        ({}, "photos/cat.mask.png"),
        ({}, "photos/_draft.jpg"),
        ({"exclude": ["raw/**"]}, "photos/raw/old/cat.jpg"),
        ({"match": ["*.png"]}, PHOTO),
        ({"inputs": {"mask": "logo.png"}}, "photos/logo.png"),
        ({"operation": None}, PHOTO),
    ],
)
def test_photo_is_left_alone(harness: PipelineHarness, extra: Any, photo: str) -> None:
    """Masks, excluded ones, the default's own inputs, and all without an operation."""
    put(harness, UPSCALE | extra)
    harness.upload(photo)

    assert not harness.tasks.all
    assert not harness.errands.delays


def test_folder_default_that_excludes_a_photo_meanwhile_is_obeyed(
    harness: PipelineHarness,
) -> None:
    """The files are read again when the photo had its time."""
    put(harness, UPSCALE)
    version = harness.put_file(PHOTO).version_id
    put(harness, UPSCALE | {"exclude": ["cat.*"]})
    assert version
    harness.receive(PhotoErrand(PHOTO, version))

    assert not harness.tasks.all


def test_json_without_operation_stays_no_spec(harness: PipelineHarness) -> None:
    """Where no folder default gives it one; a spec without a source is never filled."""
    harness.upload(SPEC, b'{"params": {}}')
    put(harness, UPSCALE)
    harness.upload("photos/notes.json", b'{"a": 1}')

    codes = [task.ending.failure.code for task in harness.tasks.all if task.ending]
    assert codes == ["not-a-spec", "not-a-spec"]


def test_default_about_another_operation_fills_only_what_does_not_depend_on_it(
    harness: PipelineHarness,
) -> None:
    """Its params would be refused by the spec's own operation."""
    put(harness, UPSCALE | {"priority": 2})
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    order = harness.tasks.all[-1].resolved_order

    assert (order.operation, order.params, order.priority) == (SYNC_NONE, {}, 2)


def test_message_is_complete_in_itself(harness: PipelineHarness) -> None:
    """No folder default fills the spec that it carries."""
    put(harness, UPSCALE | {"match": ["*.png"]})
    harness.upload(PHOTO)
    harness.receive(Requested({"operation": JOB_KEY}, "order-1", PHOTO))

    assert harness.task.resolved_order.params == {}
    assert harness.task.resolved_order.defaults == ()


def test_sentence_of_a_refused_spec_names_the_file_to_blame(harness: PipelineHarness) -> None:
    """The photo's own spec is right; the folder default is not."""
    put(harness, {"params": {"scale": 3}})
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)

    assert harness.task.ending
    sentence = harness.task.ending.failure.sentence
    assert sentence.startswith(f"{DEFAULT}: ")
    assert "'scale'" in sentence


def test_event_without_a_version_means_the_current_one(harness: PipelineHarness) -> None:
    """Some notifications have no version."""
    put(harness, UPSCALE)
    version = harness.put_file(PHOTO).version_id
    harness.receive(Uploaded(PHOTO))

    assert harness.task.trigger.version == version
