"""A file may come back without an upload, or lie there under a name that only looks like it."""

import unicodedata

import pytest

from darkroom.domain.arrivals import Removed, Uploaded
from darkroom.pipeline.sweep import sweep
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, Studio

COMPOSED, APART = "caf\u00e9", "cafe\u0301"


def test_a_photo_comes_back_when_its_delete_marker_is_removed(studio: Studio) -> None:
    """S3 tells of the marker's deletion, and of nothing else."""
    studio.drop(PHOTO)
    studio.remove(PHOTO)
    studio.ask(SYNC_NONE)
    assert studio.task.wants == (PHOTO,)
    studio.inputs.undelete(PHOTO)
    studio.arrive(Removed(PHOTO))

    studio.run()
    assert studio.task.state == "succeeded"


def test_the_deletion_of_a_file_that_is_waited_for_releases_nothing(studio: Studio) -> None:
    """The same event, and nothing lies below."""
    studio.ask(SYNC_NONE)
    studio.arrive(Removed(PHOTO))

    assert studio.task.state == "waiting"
    assert studio.workflows.started == []


def test_the_removal_of_a_spec_s_marker_cancels_nothing(studio: Studio) -> None:
    """The spec is there again by the time its event comes."""
    studio.ask(SYNC_NONE)
    studio.inputs.delete(SPEC)
    studio.inputs.undelete(SPEC)
    studio.arrive(Removed(SPEC), Removed(SPEC))
    studio.drop(PHOTO)
    studio.run()

    assert studio.task.state == "succeeded"


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
def test_a_file_is_found_under_a_name_that_looks_the_same(
    studio: Studio, first: str, written: str, folder: str, name: str
) -> None:
    """A Mac takes letters apart, a keyboard does not; what is pinned is the file that is there."""
    there = f"{folder}{name}.png"
    studio.drop(f"{folder}cat.jpg")
    if first == "file":
        studio.drop(there)
    studio.ask("remove-objects", f"{folder}cat.jpg.json", inputs={"mask": f"{written}.png"})
    if first == "spec":
        assert studio.task.state == "waiting"
        studio.drop(there)

    assert studio.task.resolved_order.inputs["mask"][0].key == there
    studio.run()
    assert studio.task.state == "succeeded"
    assert studio.tasks.wanted == []


def test_a_folder_that_looks_the_same_is_the_same(studio: Studio) -> None:
    """As it is written from the bucket's root."""
    studio.drop("cat.jpg")
    studio.drop(f"{APART}/m.png")
    studio.ask("remove-objects", "cat.jpg.json", inputs={"mask": f"/{COMPOSED}/m.png"})

    assert studio.task.state == "queued"


@pytest.mark.parametrize("exact", [COMPOSED, APART])
def test_the_name_that_is_written_exactly_so_comes_first(studio: Studio, exact: str) -> None:
    """Both may be there, and are two files."""
    studio.drop("p/cat.jpg")
    for name in (COMPOSED, APART):
        studio.drop(f"p/{name}.png")
    studio.ask("remove-objects", "p/cat.jpg.json", inputs={"mask": f"{exact}.png"})

    assert studio.task.resolved_order.inputs["mask"][0].key == f"p/{exact}.png"


def test_a_photo_whose_spec_is_spelt_otherwise_is_its_source(studio: Studio) -> None:
    """The spec's name implies it, in its own spelling."""
    studio.ask(SYNC_NONE, f"{COMPOSED}.jpg.json")
    studio.upload(f"{APART}.jpg")
    studio.arrive(Uploaded(f"{APART}.jpg"))

    assert studio.task.state == "queued"


def test_what_never_came_is_told_as_it_was_written(studio: Studio) -> None:
    """People look for the name that they know."""
    studio.ask("remove-objects", SPEC, inputs={"mask": f"{APART}.png"})
    assert f"photos/{APART}.png" in (studio.task.wait_reason or "")
    studio.clock.advance(studio.limits.inputs_s)
    sweep(studio.ports)
    studio.run()

    assert f"photos/{APART}.png" in studio.manifest()["failure"]["sentence"]
    assert unicodedata.is_normalized("NFC", studio.task.wants[-1])
