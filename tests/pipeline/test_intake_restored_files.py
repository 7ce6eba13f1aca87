"""A file may come back without an upload, or lie there under a name that only looks like it."""

import unicodedata

import pytest

from darkroom.domain.arrivals import Removed, Uploaded
from darkroom.pipeline.sweep import sweep
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness

COMPOSED, APART = "caf\u00e9", "cafe\u0301"


def test_removed_delete_marker_releases_the_waiting_task(harness: PipelineHarness) -> None:
    """S3 sends only the event of the marker's deletion."""
    harness.upload(PHOTO)
    harness.delete(PHOTO)
    harness.upload_spec(SYNC_NONE)
    assert harness.task.wants == (PHOTO,)
    harness.inputs.undelete(PHOTO)
    harness.receive(Removed(PHOTO))

    harness.run()
    assert harness.task.state == "succeeded"


def test_deleted_file_releases_no_task(
    harness: PipelineHarness,
) -> None:
    """The same event, with no version below it."""
    harness.upload_spec(SYNC_NONE)
    harness.receive(Removed(PHOTO))

    assert harness.task.state == "waiting"
    assert harness.workflows.started == []


def test_removed_delete_marker_of_a_spec_cancels_no_task(harness: PipelineHarness) -> None:
    """The spec exists again when its event arrives."""
    harness.upload_spec(SYNC_NONE)
    harness.inputs.delete(SPEC)
    harness.inputs.undelete(SPEC)
    harness.receive(Removed(SPEC), Removed(SPEC))
    harness.upload(PHOTO)
    harness.run()

    assert harness.task.state == "succeeded"


@pytest.mark.parametrize("first", ["file", "spec"])
@pytest.mark.parametrize(
    ("written", "folder", "name"),
    [
        (COMPOSED, "p/", APART),
        (APART, "p/", COMPOSED),
        (COMPOSED, f"{COMPOSED}/", APART),
        (APART, f"{COMPOSED}/", COMPOSED),
        (COMPOSED, f"{APART}/", APART),
        (COMPOSED, f"{APART}/", COMPOSED),
    ],
)
def test_file_is_found_in_another_unicode_form(
    harness: PipelineHarness, first: str, written: str, folder: str, name: str
) -> None:
    """A Mac takes letters apart, a keyboard does not; what is pinned is the file that is there."""
    there = f"{folder}{name}.png"
    harness.upload(f"{folder}cat.jpg")
    if first == "file":
        harness.upload(there)
    harness.upload_spec(
        "remove-objects", f"{folder}cat.jpg.json", inputs={"mask": f"{written}.png"}
    )
    if first == "spec":
        assert harness.task.state == "waiting"
        harness.upload(there)

    assert harness.task.resolved_order.inputs["mask"][0].key == there
    harness.run()
    assert harness.task.state == "succeeded"
    assert harness.tasks.wanted == []


def test_folder_is_found_in_another_unicode_form(harness: PipelineHarness) -> None:
    """Written from the bucket's root."""
    harness.upload("cat.jpg")
    harness.upload(f"{APART}/m.png")
    harness.upload_spec("remove-objects", "cat.jpg.json", inputs={"mask": f"/{COMPOSED}/m.png"})

    assert harness.task.state == "queued"


@pytest.mark.parametrize("exact", [COMPOSED, APART])
def test_exact_spelling_comes_first(harness: PipelineHarness, exact: str) -> None:
    """Both may exist, and are two files."""
    harness.upload("p/cat.jpg")
    for name in (COMPOSED, APART):
        harness.upload(f"p/{name}.png")
    harness.upload_spec("remove-objects", "p/cat.jpg.json", inputs={"mask": f"{exact}.png"})

    assert harness.task.resolved_order.inputs["mask"][0].key == f"p/{exact}.png"


def test_photo_in_another_unicode_form_is_its_specs_source(harness: PipelineHarness) -> None:
    """The spec's name implies it, in the spec's spelling."""
    harness.upload_spec(SYNC_NONE, f"{COMPOSED}.jpg.json")
    harness.put_file(f"{APART}.jpg")
    harness.receive(Uploaded(f"{APART}.jpg"))

    assert harness.task.state == "queued"


def test_missing_file_is_named_as_the_spec_spells_it(harness: PipelineHarness) -> None:
    """Users look for the name that they know."""
    harness.upload_spec("remove-objects", SPEC, inputs={"mask": f"{APART}.png"})
    assert f"photos/{APART}.png" in (harness.task.wait_reason or "")
    harness.clock.advance(harness.limits.inputs_s)
    sweep(harness.ports)
    harness.run()

    assert f"photos/{APART}.png" in harness.manifest()["failure"]["sentence"]
    assert unicodedata.is_normalized("NFC", harness.task.wants[-1])
