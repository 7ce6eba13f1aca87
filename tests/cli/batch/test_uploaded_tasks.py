"""The tasks of uploaded photos and specs: found by id or in the index, also of newer versions."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from darkroom.domain.arrivals import Uploaded
from darkroom.domain.order import Trigger
from infra.cli.batch.newer import find_newer
from infra.cli.batch.uploaded_tasks import LOOK_AFTER_S, MAX_LOOKS, MAX_SINGLY, UploadedTasks
from infra.cli.files.upload import UploadedSpec
from tests.cli.batch.test_screen import Clock
from tests.cli.factories import make_task
from tests.fakes.providers import PNG
from tests.fakes.routes import SYNC_NONE
from tests.fakes.tasks import InMemoryTasks
from tests.pipeline.harness import PipelineHarness

SETTLE_S = 10
DEFAULT = {"operation": SYNC_NONE, "settle_s": SETTLE_S}


@pytest.fixture
def harness() -> PipelineHarness:
    """A system with a folder default."""
    harness = PipelineHarness()
    harness.upload("a/_darkroom.json", json.dumps(DEFAULT).encode())
    return harness


class Put:
    """What `put --wait` follows, on a clock of its own."""

    def __init__(self, harness: PipelineHarness, specs: Sequence[UploadedSpec]) -> None:
        self.clock, self.said, self.looks = Clock(), list[str](), 0
        self._harness = harness
        self.tasks = UploadedTasks(
            harness.tasks, specs, SETTLE_S, self._find, tell=self.said.append, clock=self.clock
        )

    def _find(self, spec: UploadedSpec) -> Any:
        self.looks += 1
        return find_newer(self._harness.ports, spec)

    def settle(self) -> None:
        """Let the time to settle pass, and INTAKE make the tasks."""
        inputs = self._harness.inputs
        self._harness.clock.advance(SETTLE_S)
        for key in inputs.list_keys("a/"):
            found = inputs.find(key)
            assert found is not None
            self._harness.receive(Uploaded(key, found.version_id))
        self._harness.run()
        self.clock.now += SETTLE_S + LOOK_AFTER_S


def photo(harness: PipelineHarness, key: str, body: bytes = PNG) -> UploadedSpec:
    """Upload a photo under a folder default; its event is delivered when it has settled."""
    version = harness.put_file(key, body).version_id or ""
    trigger = Trigger.of_photo(harness.ports.inputs.bucket, key, version, None)
    return UploadedSpec(trigger.key, trigger.task_id, trigger)


def test_uploaded_tasks_are_read_by_id_or_from_the_index() -> None:
    """Other tasks of the folder are none of theirs; ended ones are not read again."""
    for count in (3, MAX_SINGLY + 1):
        tasks = InMemoryTasks()
        specs = [UploadedSpec(f"a/{n}.jpg.json", f"{n:032x}") for n in range(count)]
        for n, task_id in enumerate([*(s.task_id for s in specs[1:]), "f" * 32], start=1):
            task = make_task(task_id, key=f"a/{n}.jpg.json", output=f"a/{n}")
            tasks.create(task, previous=None, owner=None)
        reading = UploadedTasks(tasks, specs).read()
        assert {each.task_id for each in reading.summaries} == {s.task_id for s in specs[1:]}
        assert (reading.unread, reading.ended) == (1, False)


def test_photo_that_is_replaced_while_it_settles_is_followed_in_its_newest_version(
    harness: PipelineHarness,
) -> None:
    """Its own version gets no task; a sentence says so, once."""
    put = Put(harness, [photo(harness, "a/1.png"), photo(harness, "a/2.png")])
    newest = photo(harness, "a/1.png", b"another photo")
    put.settle()
    put.tasks.read()
    assert put.said == ["a/1.png was replaced; its newest version is followed"]
    assert put.looks == 1
    reading = put.tasks.read()
    assert (reading.ended, len(reading.summaries)) == (True, 2)
    assert newest.task_id in {each.task_id for each in reading.summaries}
    assert newest in put.tasks.specs


def test_photo_that_is_replaced_twice_is_followed_to_the_end(harness: PipelineHarness) -> None:
    """Each version has its time to settle before the next look."""
    put = Put(harness, [photo(harness, "a/1.png")])
    photo(harness, "a/1.png", b"second")
    put.clock.now += SETTLE_S + LOOK_AFTER_S
    assert put.tasks.read().settling == 1
    last = photo(harness, "a/1.png", b"third")
    put.tasks.read()
    assert put.looks == 1
    put.settle()
    put.tasks.read()
    assert [each.task_id for each in put.tasks.read().summaries] == [last.task_id]


def test_own_spec_that_came_in_time_is_followed_instead(harness: PipelineHarness) -> None:
    """The folder default makes no task of such a photo."""
    put = Put(harness, [photo(harness, "a/1.png")])
    harness.put_file("a/1.png.thumb.json", json.dumps({"operation": SYNC_NONE}).encode())
    put.settle()
    put.tasks.read()
    assert put.said == ["a/1.png has a spec of its own now; a/1.png.thumb.json is followed"]
    reading = put.tasks.read()
    assert [each.key for each in reading.summaries] == ["a/1.png.thumb.json"]
    assert reading.ended


@pytest.mark.parametrize("how", ["deleted", "excluded"])
def test_photo_that_nothing_comes_of_is_no_longer_waited_for(
    harness: PipelineHarness, how: str
) -> None:
    """It was deleted, or its folder default was changed; it counts as gone."""
    one = photo(harness, "a/1.png")
    put = Put(harness, [one])
    if how == "deleted":
        harness.inputs.delete("a/1.png")
        sentence = "a/1.png was deleted before it began"
    else:
        harness.put_file("a/_darkroom.json", json.dumps({**DEFAULT, "exclude": ["*"]}).encode())
        sentence = "a/1.png is left alone by a/_darkroom.json now: '*' excludes it."
    put.settle()
    assert put.tasks.read().ended
    assert put.said == [sentence]
    assert (put.tasks.gone, put.tasks.specs) == ([one], ())


def test_changed_labels_are_followed(harness: PipelineHarness) -> None:
    """The photo has another result than was asked for."""
    put = Put(harness, [photo(harness, "a/1.png")])
    spec = {"label": "x", "operation": SYNC_NONE}
    harness.put_file("a/_darkroom.json", json.dumps([spec]).encode())
    put.settle()
    put.tasks.read()
    assert put.said == ["the folder default of a/1.png was changed; its results are followed"]
    assert [each.key for each in put.tasks.read().summaries] == ["a/1.png.x.json"]


def test_photos_are_looked_at_late_and_only_a_few_at_a_time(harness: PipelineHarness) -> None:
    """INTAKE may be busy with many; each look costs a few requests."""
    many = [photo(harness, f"a/{n}.png") for n in range(3 * MAX_LOOKS)]
    put = Put(harness, many)
    put.clock.now = SETTLE_S + LOOK_AFTER_S - 1
    put.tasks.read()
    assert put.looks == 0
    put.clock.now += 1
    for looks in (MAX_LOOKS, 2 * MAX_LOOKS, 3 * MAX_LOOKS, 3 * MAX_LOOKS):
        assert put.tasks.read().unread == len(many)
        assert put.looks == looks
    assert put.said == []


def test_photos_settle_and_are_then_not_read_yet(harness: PipelineHarness) -> None:
    """A spec does not settle."""
    spec = UploadedSpec("a/2.png.json", "f" * 32)
    put = Put(harness, [photo(harness, "a/1.png"), spec])
    reading = put.tasks.read()
    assert (reading.settling, reading.unread, reading.ended) == (1, 1, False)
    put.clock.now += SETTLE_S
    reading = put.tasks.read()
    assert (reading.settling, reading.unread) == (0, 2)
