"""SWEEP puts right what stands still, and leaves what is alive to its doors."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from darkroom.domain.errors import Conflict
from darkroom.domain.limits import Limits
from darkroom.domain.task import FINISHED, STUCK_AFTER, Slot, State, Task
from darkroom.pipeline.fail import fail
from darkroom.pipeline.sweep import RETRY_AFTER, sweep, sweep_task
from darkroom.ports import RunStatus
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.fakes.tasks import InMemoryTasks
from tests.pipeline.harness import PHOTO, PipelineHarness, in_state

STILL_S = int(STUCK_AFTER.total_seconds())
AT_WORK: tuple[State, ...] = ("queued", "submitting", "running", "delivering")


def test_before_its_deadline_a_task_may_wait(harness: PipelineHarness) -> None:
    """Nothing happens a second too early."""
    harness.upload_spec(SYNC_NONE)
    harness.clock.advance(harness.limits.inputs_s - 1)

    assert sweep(harness.ports) == {}
    assert harness.task.state == "waiting"


def test_past_its_deadline_a_task_fails_and_names_what_is_missing(harness: PipelineHarness) -> None:
    """Manifest and event come with it; a photo that comes later starts nothing."""
    harness.upload_spec(SYNC_NONE)
    harness.clock.advance(harness.limits.inputs_s)
    assert sweep(harness.ports) == {"given-up": 1}
    harness.run()
    harness.upload(PHOTO)
    harness.run()

    assert harness.task.state == "failed"
    assert harness.manifest()["failure"]["code"] == "inputs-missing"
    assert PHOTO in harness.manifest()["failure"]["sentence"]
    assert harness.tasks.wanted == []
    harness.clock.advance(STILL_S)
    assert sweep(harness.ports) == {}


def test_a_photo_whose_event_was_lost_is_found(harness: PipelineHarness) -> None:
    """The file is there, so the task starts instead of failing."""
    harness.upload_spec(SYNC_NONE)
    harness.put_file(PHOTO)
    harness.clock.advance(harness.limits.inputs_s + 1)

    assert sweep(harness.ports) == {"started": 1}
    harness.run()
    assert harness.task.state == "succeeded"


@pytest.mark.parametrize("state", AT_WORK)
def test_a_task_whose_run_is_alive_is_left_to_its_doors(state: State) -> None:
    """It is looked at again only after another while."""
    harness = in_state(state)
    before = harness.task
    harness.clock.advance(STILL_S)

    assert sweep(harness.ports) == {"alive": 1}
    assert sweep(harness.ports) == {}
    assert harness.task == before
    harness.clock.advance(STILL_S)
    assert sweep(harness.ports) == {"alive": 1}


@pytest.mark.parametrize("state", AT_WORK)
def test_a_task_whose_run_is_gone_goes_on_in_a_new_one(state: State) -> None:
    """Where it stood: what was paid for is not paid for again."""
    harness = in_state(state)
    harness.workflows.ended.add((harness.task.task_id, 1))
    harness.clock.advance(STILL_S)

    assert sweep(harness.ports) == {"new-run": 1}
    assert harness.task.run == 2
    harness.run()
    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1
    assert harness.manifest()["run"] == 2


def test_results_that_the_last_run_copied_are_found_by_the_next(harness: PipelineHarness) -> None:
    """It died before it could say so, and by now they are no longer to be had elsewhere."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run(until=["delivering"])
    ports = harness.ports
    harness.ports = replace(ports, tasks=_Racing(harness))
    harness.step("deliver", harness.task.task_id)
    harness.ports = ports
    harness.providers.results.clear()
    harness.workflows.ended.add((harness.task.task_id, 1))
    harness.clock.advance(STILL_S)
    sweep(harness.ports)
    harness.run()

    assert harness.task.state == "succeeded"
    assert len(harness.manifest()["results"]) == 1


def test_a_run_that_was_never_started_is_started(harness: PipelineHarness) -> None:
    """Intake died, and its message went to the dead letters."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.workflows.started.clear()
    harness.clock.advance(STILL_S)

    assert sweep(harness.ports) == {"started": 1}
    harness.run()
    assert harness.task.state == "succeeded"


def test_runs_are_not_begun_for_ever(harness: PipelineHarness) -> None:
    """What breaks every run ends its task, with a manifest."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    for run in range(1, harness.limits.runs + 1):
        harness.workflows.ended.add((harness.task.task_id, run))
        harness.clock.advance(STILL_S)
        sweep(harness.ports)

    assert harness.task.run == harness.limits.runs
    assert harness.manifest()["failure"]["code"] == "internal"


def test_a_task_that_ended_without_saying_so_is_announced(harness: PipelineHarness) -> None:
    """Whoever ended it died, and so did everyone who could have known."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.events.refusals = 100
    with pytest.raises(Exception, match="event"):
        harness.run()
    assert harness.task.state == "succeeded"
    harness.events.refusals = 0
    harness.clock.advance(STILL_S)

    assert sweep(harness.ports) == {"concluded": 1}
    assert harness.event_kinds(harness.task.task_id) == {"Task Succeeded"}
    assert sweep(harness.ports) == {}


def test_the_manifest_of_a_broken_run_is_written_once_more() -> None:
    """A door that outlived its run may have written another one over it."""
    harness = PipelineHarness(limits=Limits(runs=1))
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["delivering"])
    late = harness.task
    fail_broken(harness)
    harness.outputs.put(late.manifest_key, b'{"status": "succeeded"}', "application/json")
    harness.clock.advance(STILL_S)

    assert sweep(harness.ports) == {"concluded": 1}
    assert harness.manifest()["status"] == harness.task.state == "failed"


@pytest.mark.parametrize("state", sorted(FINISHED))
def test_an_ended_task_is_not_looked_at_again(state: State) -> None:
    """Its doors have said that nothing is left to do."""
    harness = in_state(state)
    harness.clock.advance(100 * STILL_S)

    assert sweep(harness.ports) == {}


def test_one_sweep_ends_all_that_are_due(harness: PipelineHarness) -> None:
    """Each with its own manifest."""
    for number in range(5):
        harness.upload_spec(SYNC_NONE, key=f"photos/{number}.jpg.json")
    harness.clock.advance(harness.limits.inputs_s)

    assert sweep(harness.ports) == {"given-up": 5}
    harness.run()
    assert {harness.manifest(task)["status"] for task in harness.tasks.all} == {"failed"}


def test_a_sweep_stops_while_there_is_time(harness: PipelineHarness) -> None:
    """What it did not reach is still due for the next one."""
    for number in range(5):
        harness.upload_spec(SYNC_NONE, key=f"photos/{number}.jpg.json")
    harness.clock.advance(harness.limits.inputs_s)
    left: Iterator[float] = iter([100.0, 60.0, 29.0, 0.0, 0.0])

    assert sweep(harness.ports, lambda: next(left)) == {"given-up": 2}
    assert sweep(harness.ports) == {"given-up": 3}


def test_what_fails_every_time_does_not_stand_before_the_others_every_time(
    harness: PipelineHarness,
) -> None:
    """One cannot be read, one cannot be looked after: they are put off, and the others go on."""
    for name in ("a", "b", "c"):
        harness.upload_spec(SYNC_NONE, key=f"{name}.jpg.json")
        harness.put_file(f"{name}.jpg")
    broken, failing, good = (task.task_id for task in harness.tasks.all)
    harness.tasks._items[broken]["task"] = {"unknown": 1}
    start = harness.workflows.start

    def refuse(task_id: str, run: int) -> None:
        if task_id == failing:
            raise RuntimeError("no")
        start(task_id, run)

    harness.workflows.start = refuse  # type: ignore[method-assign]
    harness.clock.advance(harness.limits.inputs_s)
    with pytest.raises(ValueError, match="not a task"):
        sweep(harness.ports)

    assert harness.workflows.started == [(good, 1)]
    now = harness.clock.now()
    assert not {broken, failing} & set(harness.tasks.due(now))
    assert broken in set(harness.tasks.due(now + RETRY_AFTER))
    assert failing in set(harness.tasks.due(now + STUCK_AFTER))


def test_one_broken_task_does_not_keep_the_others_from_it(harness: PipelineHarness) -> None:
    """Its trouble is told at the end."""
    for number in range(3):
        harness.upload_spec(SYNC_NONE, key=f"photos/{number}.jpg.json")
    harness.clock.advance(harness.limits.inputs_s)
    harness.ports = replace(
        harness.ports, workflows=_Unwilling(harness, harness.tasks.all[1].task_id)
    )

    with pytest.raises(TimeoutError):
        sweep(harness.ports)
    assert len(harness.workflows.started) == 2
    assert sum(task.ending is not None for task in harness.tasks.all) == 3


def test_a_task_that_someone_else_is_at_is_left_to_them(harness: PipelineHarness) -> None:
    """The race is lost without a word; the next sweep looks again."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    task = harness.task
    harness.workflows.ended.add((task.task_id, 1))
    harness.clock.advance(STILL_S)
    harness.ports = replace(harness.ports, tasks=_Racing(harness))

    assert sweep_task(harness.ports, task.task_id) == "untouched"
    assert harness.task.run == 1


def test_a_place_in_the_queue_is_waited_for(harness: PipelineHarness) -> None:
    """A burst queues for hours: nobody asks about a run before its turn has come and gone."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    task, turn = harness.task, harness.clock.now() + timedelta(hours=3)
    harness.tasks.replace(task, replace(task, slot=Slot("alpha", "submit", turn)))
    harness.clock.advance(3 * 3600 + STILL_S - 1)

    assert sweep(harness.ports) == {}
    harness.clock.advance(1)
    assert sweep(harness.ports) == {"alive": 1}


def test_the_limit_of_runs_is_a_setting() -> None:
    """With one run there is no second."""
    harness = PipelineHarness(limits=Limits(runs=1))
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.workflows.ended.add((harness.task.task_id, 1))
    harness.clock.advance(STILL_S)

    assert sweep(harness.ports) == {"given-up": 1}
    assert harness.task.state == "failed"


def fail_broken(harness: PipelineHarness) -> None:
    """The run was stopped from outside, and FAIL is told."""
    fail(harness.ports, harness.task.task_id, 1, broken="ABORTED")


class _Unwilling:
    """Workflows that will not start one task's run."""

    def __init__(self, harness: PipelineHarness, task_id: str) -> None:
        self._studio, self._task_id = harness, task_id

    def start(self, task_id: str, run: int) -> None:
        if task_id == self._task_id:
            raise TimeoutError
        self._studio.workflows.start(task_id, run)

    def status(self, task_id: str, run: int) -> RunStatus:
        return self._studio.workflows.status(task_id, run)


class _Racing(InMemoryTasks):
    """A task store in which every write comes too late."""

    def __init__(self, harness: PipelineHarness) -> None:
        self.__dict__.update(harness.tasks.__dict__)

    def replace(self, old: Task, new: Task) -> Task:
        raise Conflict(f"{old.task_id} was changed, and revision {new.revision} comes too late")
