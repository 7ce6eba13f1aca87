"""One name, several tasks: an older one never lands over a newer, however late it writes."""

import base64
import io
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

import pytest

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import Busy, Conflict
from darkroom.domain.object_keys import results_stem
from darkroom.domain.task import Result, Task
from darkroom.pipeline.endings.move_aside import claim_output_name
from darkroom.pipeline.endings.owned_writes import put_if_owner
from tests.fakes.outputs import InMemoryOutputs
from tests.fakes.providers import PNG
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, PipelineHarness


class HeldUp(InMemoryOutputs):
    """Lets something happen while a write is on its way."""

    def __init__(self) -> None:
        super().__init__()
        self.interference: Callable[[], None] | None = None

    def put_over(
        self,
        key: str,
        body: BinaryIO | bytes,
        content_type: str,
        etag: str | None,
        writer: str = "",
    ) -> None:
        """Write, after the interference."""
        interference, self.interference = self.interference, None
        if interference:
            interference()
        super().put_over(key, body, content_type, etag, writer)


def overwritten() -> tuple[PipelineHarness, HeldUp, Task]:
    """A task that is about to deliver, and whose spec a person is about to overwrite."""
    outputs = HeldUp()
    harness = PipelineHarness(outputs=outputs)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["delivering"])
    return harness, outputs, harness.task


def newer_one_is_done(harness: PipelineHarness) -> None:
    """The spec's new version runs from its upload to its results."""
    event = harness.put_file(SPEC, b'{"operation": "upscale", "params": {"scale": 4}}')
    harness.receive(event)
    task_id, run = harness.workflows.started[-1]
    for verb in ("submit", "poll", "poll", "deliver"):
        harness.clock.advance(30)
        harness.step(verb, task_id, run)
    newer = harness.tasks.get(task_id)
    assert newer
    assert newer.state == "succeeded"


@pytest.mark.parametrize("write", ["result", "manifest"])
def test_delayed_write_does_not_overwrite_a_newer_tasks_file(write: str) -> None:
    """It finds another ETag than expected, and the task moves aside."""
    harness, outputs, older = overwritten()
    if write == "manifest":
        outputs.put_over = _second(outputs, lambda: newer_one_is_done(harness))  # type: ignore[method-assign]
    else:
        outputs.interference = lambda: newer_one_is_done(harness)
    harness.run()

    done = harness.tasks.get(older.task_id)
    assert done
    assert done.state == "succeeded"
    assert done.manifest_key == f"{older.output}@{older.task_id[:8]}.manifest.json"
    newer = next(task for task in harness.tasks.all if task.task_id != older.task_id)
    assert newer.manifest_key == f"{older.output}.manifest.json"
    for task in (done, newer):
        assert harness.manifest(task)["task_id"] == task.task_id
        assert all(results_stem(task.manifest_key) in result.key for result in task.results)


def test_results_copied_before_the_name_was_taken_are_copied_again() -> None:
    """Under the other name: the objects under the first are the newer task's by now."""
    harness, _, older = overwritten()
    refs = tuple(
        ResultRef("image", data=base64.b64encode(PNG + bytes([n])).decode()) for n in (1, 2)
    )
    first = Result(f"{older.output}-1.png", "image", "image/png", len(PNG) + 1, "0" * 64)
    attempt = replace(older.last_attempt, answer=Finished(refs))
    older = harness.tasks.replace(older, replace(older, attempts=(attempt,), results=(first,)))
    newer_one_is_done(harness)
    harness.run()

    done = harness.tasks.get(older.task_id)
    assert done
    aside = results_stem(done.manifest_key)
    assert [result.key for result in done.results] == [f"{aside}-1.png", f"{aside}-2.png"]


def test_task_overwrites_its_own_files() -> None:
    """Each step may be repeated; the answer of the first write may have been lost."""
    harness, outputs, task = overwritten()
    for body in (b"one", io.BytesIO(b"two")):
        put_if_owner(harness.ports, task, f"{task.output}.png", body, "image/png")
    assert outputs.get(f"{task.output}.png") == b"two"


def test_late_writer_finds_that_its_task_changed() -> None:
    """A finished task's manifest is not reset to an older state."""
    harness, outputs, before = overwritten()
    harness.run()
    with pytest.raises(Conflict):
        put_if_owner(harness.ports, before, before.manifest_key, b"{}", "application/json")
    assert harness.manifest()["status"] == "succeeded"
    assert outputs.get(before.manifest_key) != b"{}"


def test_contended_write_raises_busy() -> None:
    """It does not loop without end."""
    harness, outputs, task = overwritten()

    def always(key: str, *_: object) -> None:
        raise Conflict(f"somebody writes to {key}")

    outputs.put_over = always  # type: ignore[method-assign, assignment]
    with pytest.raises(Busy):
        put_if_owner(harness.ports, task, f"{task.output}.png", b"x", "image/png")


def test_move_aside_is_stored_once() -> None:
    """Of two steps that do so at once, one has to read the task again."""
    harness, _, older = overwritten()
    newer_one_is_done(harness)
    aside = claim_output_name(harness.ports, older)
    assert harness.tasks.get(older.task_id) == aside
    with pytest.raises(Conflict):
        claim_output_name(harness.ports, replace(older))
    assert claim_output_name(harness.ports, aside) == aside


def _second(outputs: HeldUp, act: Callable[[], None]) -> Callable[..., None]:
    """Let something happen before the second write."""
    write, count = outputs.put_over, [0]

    def put_over(*args: object) -> None:
        count[0] += 1
        if count[0] == 2:
            outputs.interference = act
        write(*args)  # type: ignore[arg-type]

    return put_over


def two_pictures(harness: PipelineHarness, key: str, operation: str = SYNC_NONE) -> None:
    """A spec with two results, from its upload to its end."""
    refs = tuple(ResultRef("image", data=base64.b64encode(PNG + word).decode()) for word in TWO)
    harness.providers.script("submit", Finished(refs))
    harness.upload_spec(operation, key, provider="alpha")
    harness.run()


def a_picture(harness: PipelineHarness, key: str) -> None:
    """A spec without a source that is named like a numbered result, from its upload to its end."""
    harness.upload_spec("generate", key, provider="alpha", params={"prompt": "x"})
    harness.run()


def written_by_two(harness: PipelineHarness) -> set[str]:
    """Keys that several tasks tell of as theirs."""
    keys = [result.key for task in harness.tasks.all for result in task.results]
    return {key for key in keys if keys.count(key) > 1}


TWO = (b"one", b"two")
NUMBERED = f"{PHOTO}/{SYNC_NONE}-1"


def test_spec_named_like_a_numbered_result_is_refused() -> None:
    """The result exists, and belongs to another spec."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    two_pictures(harness, SPEC)
    a_picture(harness, f"{NUMBERED}.json")

    first, second = harness.tasks.all
    assert harness.manifest(second)["failure"]["code"] == "name-taken"
    assert SPEC in harness.manifest(second)["failure"]["sentence"]
    assert [harness.outputs.get(result.key) for result in first.results] == [PNG + b for b in TWO]
    assert len(harness.providers.sent) == 1


def test_results_move_aside_when_another_spec_owns_a_numbered_name() -> None:
    """All of them, so that they stay together; the manifest keeps its key."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    a_picture(harness, f"{NUMBERED}.json")
    two_pictures(harness, SPEC)

    _, second = harness.tasks.all
    aside = f"{second.output}@{second.task_id[:8]}"
    assert [result.key for result in second.results] == [f"{aside}-1.png", f"{aside}-2.png"]
    assert second.manifest_key == f"{PHOTO}/{SYNC_NONE}.manifest.json"
    assert harness.manifest(second)["status"] == "succeeded"
    assert written_by_two(harness) == set()


def test_numbered_name_of_a_deleted_spec_is_free() -> None:
    """As any other name."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    a_picture(harness, f"{NUMBERED}.json")
    harness.delete(f"{NUMBERED}.json")
    two_pictures(harness, SPEC)

    assert harness.tasks.all[1].results[0].key == f"{NUMBERED}.png"


def test_newer_version_of_a_spec_takes_its_numbered_names() -> None:
    """They belong to the spec, not to one task."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    two_pictures(harness, SPEC)
    two_pictures(harness, SPEC)

    first, second = harness.tasks.all
    assert [r.key for r in first.results] == [r.key for r in second.results]
    assert harness.tasks.owner(NUMBERED) == second.task_id


def test_numbered_names_are_claimed_before_the_first_write() -> None:
    """A spec that arrives between claim and write is refused, too."""
    outputs = HeldUp()
    harness = PipelineHarness(outputs=outputs)
    harness.upload(PHOTO)
    outputs.interference = lambda: a_picture(harness, f"{NUMBERED}.json")
    two_pictures(harness, SPEC)

    assert written_by_two(harness) == set()
    assert sorted(task.state for task in harness.tasks.all) == ["failed", "succeeded"]


def test_name_aside_is_claimed_too() -> None:
    """A user could name a spec like that; an older task then moves elsewhere."""
    harness, outputs, old = overwritten()
    key = f"{old.output}@{old.task_id[:8]}.json"
    harness.upload_spec("generate", key, provider="alpha", params={"prompt": "x"})
    outputs.interference = lambda: newer_one_is_done(harness)
    for _ in range(2):
        harness.step("deliver", old.task_id)

    stored = harness.tasks.get(old.task_id)
    assert stored
    harness.run()
    assert stored.manifest_key == f"_darkroom/{old.task_id}.manifest.json"
    assert written_by_two(harness) == set()
