"""A broken folder default is reported once; the photos below it wait for its correction."""

import json
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.arrivals import Uploaded
from darkroom.domain.errors import Refused
from darkroom.domain.task import Task
from darkroom.pipeline.retry import retry
from darkroom.pipeline.sweep import sweep
from tests.fakes.routes import JOB_KEY, SYNC_KEY
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness
from tests.pipeline.test_folder_defaults import DEFAULT, ROOT, TWO, UPSCALE, put

MANIFEST = "photos/_darkroom.manifest.json"


def manifest_of(harness: PipelineHarness, key: str = MANIFEST) -> Any:
    """The manifest of a folder default, or None."""
    body = harness.outputs.get(key)
    return json.loads(body) if body else None


def waiting(harness: PipelineHarness) -> Task:
    """The only task, which waits without an order."""
    task = harness.task
    assert (task.state, task.order) == ("waiting", None)
    return task


@pytest.mark.parametrize(
    ("body", "code", "word"),
    [
        (b'{"operation": "upscale",}', "spec-not-json", "comma"),
        (b'{"opration": "upscale"}', "bad-default", "Did you mean 'operation'"),
        (b'{"operation": "upscal"}', "unknown-operation", "Did you mean 'upscale'"),
        (b'{"operation": "upscale", "params": {"scale": 3}}', "bad-params", "'scale'"),
        (b'{"operation": "upscale", "output": {"name": "{stm}"}}', "bad-default", "stem"),
        (b'[{"label": "a"}]', "not-a-spec", "'a'"),
        (b'"upscale"', "bad-default", "object"),
        (b"\xff\xfe", "spec-not-utf8", "UTF-8"),
    ],
)
def test_broken_default_is_told_once_and_photos_wait(
    harness: PipelineHarness, body: bytes, code: str, word: str
) -> None:
    """In a manifest beside it; each photo's task says which file it waits for, and why."""
    version = harness.upload(DEFAULT, body).version_id
    harness.upload(PHOTO)

    manifest = manifest_of(harness)
    assert (manifest["status"], manifest["key"]) == ("refused", DEFAULT)
    assert (manifest["failure"]["code"], manifest["version"]) == (code, version)
    assert word in manifest["failure"]["sentence"] + manifest["failure"]["next_step"]
    assert manifest["failure"]["sentence"].startswith(DEFAULT)
    assert len(harness.outputs.versions(MANIFEST)) == 1
    if b'"a"' in body:  # a label of its own
        return
    task = waiting(harness)
    assert DEFAULT in (task.wait_reason or "")
    assert DEFAULT in task.wants


def test_corrected_default_releases_the_photos(harness: PipelineHarness) -> None:
    """The order is resolved then, from the corrected file, which the manifest says is accepted."""
    put(harness, {"operation": "upscal"})
    harness.upload(PHOTO)
    waiting(harness)
    version = put(harness, UPSCALE)
    task = harness.task

    assert (task.state, task.output) == ("queued", f"{PHOTO}/{JOB_KEY}")
    assert harness.tasks.owner(task.output) == task.task_id
    assert task.resolved_order.defaults[0].version_id == version
    assert manifest_of(harness) == {
        "manifest": 1,
        "status": "accepted",
        "key": DEFAULT,
        "version": version,
    }
    harness.run()
    assert harness.task.state == "succeeded"
    assert not harness.tasks.wanted


def test_good_default_writes_no_manifest(harness: PipelineHarness) -> None:
    """There is nothing to report."""
    put(harness, UPSCALE)
    put(harness, {"metadata": {}}, ROOT)

    assert manifest_of(harness) is None


def test_deleted_default_releases_the_photos(harness: PipelineHarness) -> None:
    """What lies above it counts then; without anything above, the photo is left alone."""
    put(harness, {"operation": "upscal"})
    harness.upload(PHOTO)
    harness.delete(DEFAULT)

    assert harness.task.state == "cancelled"
    assert harness.task.ending
    assert harness.task.ending.failure.code == "left-alone"
    assert manifest_of(harness)["status"] == "deleted"


def test_default_that_excludes_the_photo_cancels_its_task(harness: PipelineHarness) -> None:
    """With a sentence that names the file and the glob."""
    put(harness, {"operation": "upscal"})
    harness.upload(PHOTO)
    put(harness, UPSCALE | {"exclude": ["cat.*"]})

    assert harness.task.ending
    assert f"{DEFAULT}: 'cat.*' excludes it" in harness.task.ending.failure.sentence


def test_default_with_labels_replaces_the_waiting_task(harness: PipelineHarness) -> None:
    """Each label gets its task; the one that stood for them is cancelled."""
    put(harness, {"operation": "upscal"})
    harness.upload(PHOTO)
    put(harness, TWO)
    tasks = {task.trigger.label: task.state for task in harness.tasks.all}

    assert tasks == {None: "cancelled", "large": "queued", "plain": "queued"}


def test_waiting_photo_follows_one_broken_file_after_the_other(harness: PipelineHarness) -> None:
    """Its reason names the one that is broken now, also a file that was not there before."""
    put(harness, {"operation": "upscal"})
    harness.upload(PHOTO)
    put(harness, {"prioritty": 1}, ROOT)
    put(harness, UPSCALE)

    task = waiting(harness)
    assert "prioritty" in (task.wait_reason or "")
    put(harness, {"priority": 1}, ROOT)
    assert (harness.task.state, harness.task.resolved_order.priority) == ("queued", 1)


def test_corrected_default_with_a_missing_input_waits_for_it(harness: PipelineHarness) -> None:
    """The task wants that file from then on."""
    put(harness, {"operation": "remove-objekts"})
    harness.upload(PHOTO)
    put(harness, {"operation": "remove-objects", "inputs": {"mask": "/masks/logo.png"}})

    assert [task.wait_reason for task in harness.tasks.all] == ["waits for masks/logo.png"]
    harness.upload("masks/logo.png")
    assert [task.state for task in harness.tasks.all] == ["queued"]


def test_own_spec_waits_for_a_broken_default_too(harness: PipelineHarness) -> None:
    """What it leaves out cannot be known before."""
    harness.inputs.put(DEFAULT, b"{")
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_KEY)
    photo, own = harness.tasks.all

    assert (photo.state, own.state, own.order) == ("cancelled", "waiting", None)
    put(harness, UPSCALE | {"priority": 9})
    own = harness.tasks.all[1]
    assert (own.state, own.resolved_order.operation) == ("queued", SYNC_KEY)
    assert own.resolved_order.priority == 9


def test_photo_that_was_replaced_or_deleted_while_it_waited_is_cancelled(
    harness: PipelineHarness,
) -> None:
    """Its newer version has a task of its own."""
    put(harness, {"operation": "upscal"})
    harness.upload(PHOTO)
    newer = harness.inputs.put(PHOTO, b"\x89PNG\r\n\x1a\n again")
    put(harness, UPSCALE)

    ended, begun = harness.tasks.all
    assert ended.state == "cancelled"
    assert (begun.trigger.version, begun.state) == (newer.version_id, "queued")


def test_default_that_is_never_corrected_fails_its_photos_at_their_deadline(
    harness: PipelineHarness,
) -> None:
    """As for missing inputs; the sentence says what was wrong."""
    put(harness, {"operation": "upscal"})
    harness.upload(PHOTO)
    harness.clock.advance(timedelta(hours=23).total_seconds())
    sweep(harness.ports)
    waiting(harness)
    harness.clock.advance(timedelta(hours=2).total_seconds())
    sweep(harness.ports)
    harness.run()

    assert harness.task.ending
    failure = harness.task.ending.failure
    assert (harness.task.state, failure.code) == ("failed", "default-not-corrected")
    assert DEFAULT in failure.sentence
    assert not harness.tasks.wanted
    with pytest.raises(Refused, match="upscal"):
        retry(harness.ports, harness.task.task_id)
    put(harness, UPSCALE)
    retry(harness.ports, harness.task.task_id)
    harness.run()
    assert (harness.task.state, harness.task.output) == ("succeeded", f"{PHOTO}/{JOB_KEY}")


def test_correction_whose_event_was_lost_is_found_at_the_deadline(
    harness: PipelineHarness,
) -> None:
    """SWEEP looks once more."""
    put(harness, {"operation": "upscal"})
    harness.upload(PHOTO)
    harness.inputs.put(DEFAULT, json.dumps(UPSCALE).encode())
    harness.clock.advance(timedelta(hours=25).total_seconds())
    sweep(harness.ports)

    assert harness.task.state == "queued"


def test_default_that_may_not_be_read_is_looked_at_again(harness: PipelineHarness) -> None:
    """A granted permission sends no event."""
    put(harness, UPSCALE)
    harness.inputs.forbidden.add(DEFAULT)
    harness.upload(PHOTO)
    waiting(harness)
    harness.inputs.forbidden.clear()
    harness.clock.advance(16 * 60)
    sweep(harness.ports)

    assert harness.task.state == "queued"


def test_provider_that_is_set_up_later_ends_the_wait(harness: PipelineHarness) -> None:
    """Its credentials send no event."""
    harness.providers.ready = {"alpha"}
    put(harness, UPSCALE)
    harness.upload(PHOTO)
    assert "set up" in (waiting(harness).wait_reason or "")
    harness.clock.advance(16 * 60)
    sweep(harness.ports)
    waiting(harness)
    harness.providers.ready = None
    harness.clock.advance(16 * 60)
    sweep(harness.ports)

    assert harness.task.state == "queued"


def test_late_event_of_an_old_version_tells_of_the_current_one(harness: PipelineHarness) -> None:
    """The manifest is about the file as it is."""
    first = harness.put_file(DEFAULT, b"{")
    version = put(harness, UPSCALE)
    harness.receive(first)
    assert manifest_of(harness) is None
    broken = harness.upload(DEFAULT, b"{").version_id
    harness.receive(first, Uploaded(DEFAULT, version))

    assert manifest_of(harness)["version"] == broken


def test_refusal_by_a_file_above_is_told_beside_that_file(harness: PipelineHarness) -> None:
    """And only there."""
    put(harness, {"opration": "x"}, ROOT)
    put(harness, UPSCALE)

    assert manifest_of(harness, "_darkroom.manifest.json")["key"] == ROOT
    assert manifest_of(harness) is None
    harness.upload(PHOTO)
    assert ROOT in (waiting(harness).wait_reason or "")


def test_own_spec_of_a_waiting_photo_is_found_by_its_key(harness: PipelineHarness) -> None:
    """The waiting task is the newest of the key that a spec would have."""
    harness.inputs.put(DEFAULT, b"{")
    harness.upload(PHOTO)

    assert harness.tasks.latest(SPEC) == harness.task.task_id
