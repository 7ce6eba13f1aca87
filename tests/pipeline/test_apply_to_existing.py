"""Photos that lie in the bucket already: page by page, each once, and on from where it stopped."""

import json

import pytest

from darkroom.pipeline import apply_to_existing
from darkroom.pipeline.apply_to_existing import Backfill, Progress, run_backfill
from tests.fakes.providers import PNG
from tests.fakes.routes import JOB_KEY, SYNC_KEY
from tests.pipeline.harness import Died, PipelineHarness
from tests.pipeline.test_folder_defaults import UPSCALE, put

APPLY = Backfill("photos/")
RETOUCH = Backfill("old/", {"operation": SYNC_KEY})


def fill(harness: PipelineHarness, folder: str, count: int) -> list[str]:
    """Put photos into a folder without an event, with a text between them."""
    keys = [f"{folder}{number:02}.png" for number in range(count)]
    for key in keys:
        harness.inputs.put(key, PNG)
    harness.inputs.put(f"{folder}00.txt", b"a text")
    return keys


def test_defaults_are_applied_to_what_is_there(harness: PipelineHarness) -> None:
    """Each photo is one task, and stays one when it is applied again."""
    keys = fill(harness, "photos/", 3)
    put(harness, UPSCALE)
    first = run_backfill(harness.ports, APPLY)
    harness.run_errands()
    run_backfill(harness.ports, APPLY)
    harness.run_errands()

    assert first == Progress(3)
    assert [task.source for task in harness.tasks.all] == keys
    assert {task.resolved_order.operation for task in harness.tasks.all} == {JOB_KEY}


def test_photo_with_an_own_spec_or_an_event_before_it_is_not_done_again(
    harness: PipelineHarness,
) -> None:
    """INTAKE knows the version and the specs."""
    put(harness, UPSCALE)
    harness.upload("photos/00.png")
    harness.upload("photos/01.png")
    harness.upload_spec(SYNC_KEY, "photos/01.png.json")
    before = len(harness.tasks.all)
    run_backfill(harness.ports, APPLY)
    harness.run_errands()

    assert len(harness.tasks.all) == before


def test_any_operation_is_done_on_an_archive_at_low_priority(harness: PipelineHarness) -> None:
    """What has a task with such results is skipped, however it was asked for."""
    keys = fill(harness, "old/", 3)
    harness.upload_spec(SYNC_KEY, "old/01.png.json")
    done = run_backfill(harness.ports, RETOUCH)
    harness.run_errands()

    assert (done.sent, done.skipped) == (2, 1)
    made = {task.source: task for task in harness.tasks.all}
    assert sorted(made, key=str) == keys
    assert made["old/00.png"].resolved_order.priority == 0
    assert made["old/00.png"].output == f"old/00.png/{SYNC_KEY}"


def test_limit_goes_on_where_the_last_run_stopped(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Skipped photos do not count; after the end it begins again."""
    monkeypatch.setattr(apply_to_existing, "PAGE", 2)
    keys = fill(harness, "old/", 5)
    runs = []
    for _ in range(4):
        runs.append(run_backfill(harness.ports, RETOUCH, limit=2))
        harness.run_errands()

    assert [(run.sent, run.after) for run in runs[:2]] == [(2, keys[1]), (2, keys[3])]
    assert (runs[2].sent, runs[2].after) == (1, "")
    assert (runs[3].sent, runs[3].skipped, runs[3].after) == (0, 5, "")
    assert len(harness.tasks.all) == 5


def test_run_that_dies_is_continued(
    harness: PipelineHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the last page that was sent; a page that is sent twice pays nothing twice."""
    monkeypatch.setattr(apply_to_existing, "PAGE", 2)
    fill(harness, "old/", 5)
    write, died = harness.outputs.put, list[str]()

    def dies_once(key: str, body: bytes, content_type: str) -> None:
        if not died and json.loads(body)["after"] == "old/02.png":
            died.append(key)
            raise Died
        write(key, body, content_type)

    monkeypatch.setattr(harness.outputs, "put", dies_once)
    with pytest.raises(Died):
        run_backfill(harness.ports, RETOUCH)
    harness.run_errands()
    run_backfill(harness.ports, RETOUCH)
    harness.run_errands()

    assert died
    assert len(harness.tasks.all) == 5


def test_each_prefix_spec_and_label_has_its_own_place(harness: PipelineHarness) -> None:
    """So they do not continue each other."""
    works = (
        APPLY,
        RETOUCH,
        Backfill("old/", {"operation": JOB_KEY}),
        Backfill("old/", {"operation": SYNC_KEY}, "thumb"),
    )
    assert len({work.cursor_key for work in works}) == 4
    fill(harness, "old/", 1)
    run_backfill(harness.ports, works[3])
    harness.run_errands()
    assert harness.task.output == "old/00.png/thumb"
