"""Results are looked at when they are delivered, and never in the way of their delivery."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.quality import Look, Measured
from darkroom.pipeline.deliver import Room, deliver_within
from darkroom.pipeline.endings.manifest import read_results
from darkroom.pipeline.endings.measure_result import INTERRUPTED, NO_SOURCE
from darkroom.ports import NotMeasured
from tests.fakes.pictures import ScriptedPictures
from tests.fakes.providers import PNG
from tests.fakes.routes import JOB_KEY
from tests.pipeline.harness import PHOTO, Died, PipelineHarness

WHITE = Measured(Look(600, 400, flat=True), Look(600, 400))


@pytest.fixture
def harness() -> PipelineHarness:
    """With pictures that somebody looks at."""
    harness = PipelineHarness()
    harness.ports = replace(harness.ports, pictures=ScriptedPictures())
    return harness


def pictures_of(harness: PipelineHarness) -> ScriptedPictures:
    """Who looks at them."""
    assert isinstance(harness.ports.pictures, ScriptedPictures)
    return harness.ports.pictures


def deliver(harness: PipelineHarness, *script: Any) -> dict[str, Any]:
    """One task from its photo to its manifest, with these looks at its results."""
    pictures_of(harness).script.extend(script)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run()
    return harness.manifest()


def test_figures_are_in_the_manifest(harness: PipelineHarness) -> None:
    """Beside the result, and nothing is suspicious."""
    manifest = deliver(harness, Measured(Look(1200, 800), Look(600, 400)))
    assert manifest["results"][0]["quality"] == {"flat": False, "size_ratio": 2.0}
    assert manifest["warnings"] == []
    assert pictures_of(harness).sources == [PNG]


def test_warning_is_in_manifest_and_event_with_what_to_do(harness: PipelineHarness) -> None:
    """The task has succeeded."""
    manifest = deliver(harness, replace(WHITE, result=Look(1200, 800, flat=True)))
    (warning,) = manifest["warnings"]
    assert manifest["status"] == "succeeded"
    assert warning["code"] == "flat-result"
    assert warning["result"] == manifest["results"][0]["key"]
    assert warning["sentence"] == f"{warning['result']} has one single colour."
    assert warning["next_step"]
    (event,) = harness.events.published
    assert event.kind == "Task Succeeded"
    assert event.detail["warnings"] == manifest["warnings"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NotMeasured("It took too long."), "It took too long."),
        (MemoryError(), "It could not be looked at."),
        (OSError("no space left"), "It could not be looked at."),
        (ValueError("a bug of ours"), "It could not be looked at."),
    ],
)
def test_error_is_a_missing_figure(harness: PipelineHarness, error: Exception, words: str) -> None:
    """Never a failed task, and never a second delivery."""
    manifest = deliver(harness, error)
    assert harness.task.state == "succeeded"
    assert manifest["results"][0]["quality"] == {"missing": words}
    assert len(harness.outputs.versions(manifest["results"][0]["key"])) == 1
    assert len(harness.events.published) == 1


def test_picture_that_kills_the_process_is_looked_at_once(harness: PipelineHarness) -> None:
    """The next call finds the result that the dead one wrote, and leaves it alone."""
    pictures_of(harness).script.extend([Died() for _ in range(50)])
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["delivering"])
    task_id = harness.task.task_id
    with pytest.raises(Died):
        harness.step("deliver", task_id)
    harness.step("deliver", task_id)
    assert harness.task.state == "succeeded"
    assert len(pictures_of(harness).sources) == 1
    assert harness.manifest()["results"][0]["quality"] == {"missing": INTERRUPTED}


def test_result_over_an_older_tasks_result_is_looked_at(harness: PipelineHarness) -> None:
    """What lies there was written by another task: nobody has died of the new one."""
    deliver(harness)
    harness.upload_spec(JOB_KEY, params={"scale": 4})
    harness.run()
    assert len(pictures_of(harness).sources) == 2
    newest = max(harness.tasks.all, key=lambda task: task.created_at)
    assert "missing" not in harness.manifest(newest)["results"][0]["quality"]


def test_source_is_read_once_for_several_results(harness: PipelineHarness) -> None:
    """And closed in the end."""
    opened, close = harness.inputs.open, []
    harness.inputs.open = lambda *key: close.append(key) or opened(*key)  # type: ignore[method-assign, func-returns-value]
    data = base64.b64encode(PNG).decode()
    refs = tuple(ResultRef("image", data=data) for _ in range(3))
    harness.providers.script("poll", Finished(refs))
    deliver(harness)
    assert len(close) == 1
    assert pictures_of(harness).sources == [PNG] * 3


def test_missing_source_leaves_the_figures_of_the_result(harness: PipelineHarness) -> None:
    """And the manifest says what is missing."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["delivering"])
    harness.inputs.forbidden.add(PHOTO)
    pictures_of(harness).script.append(Measured(Look(600, 400)))
    harness.run()
    assert harness.manifest()["results"][0]["quality"] == {"flat": False, "missing": NO_SOURCE}


def test_large_file_is_not_looked_at() -> None:
    """Neither as a result nor as a source; the manifest says so."""
    harness = PipelineHarness()
    limits = replace(harness.limits, measure_bytes=len(PNG) - 1)
    harness.ports = replace(harness.ports, pictures=ScriptedPictures(), limits=limits)
    manifest = deliver(harness)
    assert manifest["results"][0]["quality"] == {"missing": "It is too large to be looked at."}
    assert pictures_of(harness).sources == []


def test_result_is_not_looked_at_when_little_time_is_left(harness: PipelineHarness) -> None:
    """It is delivered; the manifest still has to be written."""
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["delivering"])

    room = Room(None, 1 << 20, None, 5)
    deliver_within(harness.ports, harness.task.task_id, 1, room, lambda: 30.5)
    assert harness.task.state == "succeeded"
    assert harness.manifest()["results"][0]["quality"] == {
        "missing": "No time was left to look at it."
    }


def test_result_that_is_no_picture_has_no_figures(harness: PipelineHarness) -> None:
    """Nobody looks at a text."""
    text = ResultRef("text", data=base64.b64encode(b"a cat").decode())
    harness.providers.script("poll", Finished((text,)))
    manifest = deliver(harness)
    assert "quality" not in manifest["results"][0]
    assert pictures_of(harness).sources == []


def test_figures_survive_a_manifest_that_is_read_back(harness: PipelineHarness) -> None:
    """A call that died after its manifest is continued from it, when the result is gone."""
    manifest = deliver(harness, WHITE)

    body = json.dumps(manifest).encode()
    assert read_results(body, harness.task) == harness.task.results
    (result,) = harness.task.results
    assert result.quality is not None
    assert "flat-result" in result.quality.warnings
