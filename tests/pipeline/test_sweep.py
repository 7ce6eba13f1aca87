"""SWEEP resumes or ends stuck tasks, and leaves those whose run is alive."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from darkroom.domain.errors import Conflict
from darkroom.domain.limits import Limits
from darkroom.domain.task import FINISHED, STUCK_AFTER, State, Task
from darkroom.pipeline.fail import fail
from darkroom.pipeline.sweep import RETRY_AFTER, sweep, sweep_task
from darkroom.ports import RunStatus
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.fakes.tasks import InMemoryTasks
from tests.pipeline.harness import PHOTO, PipelineHarness, in_state

STILL_S = int(STUCK_AFTER.total_seconds())
AT_WORK: tuple[State, ...] = ("queued", "submitting", "running", "delivering")


def test_sweep_leaves_a_waiting_task_before_its_deadline(harness: PipelineHarness) -> None:
    """It is looked at once, after a minute; nothing else happens a second too early."""
    harness.upload_spec(SYNC_NONE)
    harness.clock.advance(60)
    assert sweep(harness.ports) == {"alive": 1}
    harness.clock.advance(harness.limits.inputs_s - 61)

    assert sweep(harness.ports) == {}
    assert harness.task.state == "waiting"


def test_sweep_fails_a_waiting_task_past_its_deadline(harness: PipelineHarness) -> None:
    """With manifest and event; a photo that arrives later starts nothing."""
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


def test_sweep_finds_a_photo_whose_event_was_lost(harness: PipelineHarness) -> None:
    """The file exists, so the task starts instead of failing."""
    harness.upload_spec(SYNC_NONE)
    harness.put_file(PHOTO)
    harness.clock.advance(harness.limits.inputs_s + 1)

    assert sweep(harness.ports) == {"started": 1}
    harness.run()
    assert harness.task.state == "succeeded"


@pytest.mark.parametrize("state", AT_WORK)
def test_sweep_leaves_a_task_whose_run_is_alive(state: State) -> None:
    """It is due again only after `STUCK_AFTER`."""
    harness = in_state(state)
    before = harness.task
    harness.clock.advance(STILL_S)

    assert sweep(harness.ports) == {"alive": 1}
    assert sweep(harness.ports) == {}
    assert harness.task == before
    harness.clock.advance(STILL_S)
    assert sweep(harness.ports) == {"alive": 1}


@pytest.mark.parametrize("state", AT_WORK)
def test_sweep_replaces_a_lost_run(state: State) -> None:
    """The new run continues from the task's state: nothing is paid again."""
    harness = in_state(state)
    harness.workflows.ended.add((harness.task.task_id, 1))
    harness.clock.advance(STILL_S)

    assert sweep(harness.ports) == {"new-run": 1}
    assert harness.task.run == 2
    harness.run()
    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1
    assert harness.manifest()["run"] == 2


def test_new_run_finds_the_results_that_the_lost_run_copied(harness: PipelineHarness) -> None:
    """It died before it ended the task, and the results have expired at the provider."""
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


def test_sweep_starts_a_run_that_never_started(harness: PipelineHarness) -> None:
    """Intake died, and its message went to the dead-letter queue."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.workflows.started.clear()
    harness.clock.advance(STILL_S)

    assert sweep(harness.ports) == {"started": 1}
    harness.run()
    assert harness.task.state == "succeeded"


def test_sweep_ends_a_task_after_its_last_run(harness: PipelineHarness) -> None:
    """A task whose every run breaks ends, with a manifest."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    for run in range(1, harness.limits.runs + 1):
        harness.workflows.ended.add((harness.task.task_id, run))
        harness.clock.advance(STILL_S)
        sweep(harness.ports)

    assert harness.task.run == harness.limits.runs
    assert harness.manifest()["failure"]["code"] == "internal"


def test_sweep_announces_a_task_that_ended_silently(harness: PipelineHarness) -> None:
    """The process that ended it died."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.events.refusals = 1000
    harness.run()
    assert harness.task.state == "succeeded"
    assert harness.event_kinds(harness.task.task_id) == set()
    harness.events.refusals = 0
    harness.clock.advance(STILL_S)

    assert sweep(harness.ports) == {"concluded": 1}
    assert harness.event_kinds(harness.task.task_id) == {"Task Succeeded"}
    assert sweep(harness.ports) == {}


def test_sweep_writes_the_manifest_of_a_broken_run_again() -> None:
    """A step that outlived its run may have overwritten it."""
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
def test_sweep_does_not_check_a_finalized_task(state: State) -> None:
    """It was finalized and dismissed."""
    harness = in_state(state)
    harness.clock.advance(100 * STILL_S)

    assert sweep(harness.ports) == {}


def test_sweep_ends_every_task_that_is_due(harness: PipelineHarness) -> None:
    """Each with its own manifest."""
    for number in range(5):
        harness.upload_spec(SYNC_NONE, key=f"photos/{number}.jpg.json")
    harness.clock.advance(harness.limits.inputs_s)

    assert sweep(harness.ports) == {"given-up": 5}
    harness.run()
    assert {harness.manifest(task)["status"] for task in harness.tasks.all} == {"failed"}


def test_sweep_stops_before_its_time_is_over(harness: PipelineHarness) -> None:
    """What it did not reach is due for the next sweep."""
    for number in range(5):
        harness.upload_spec(SYNC_NONE, key=f"photos/{number}.jpg.json")
    harness.clock.advance(harness.limits.inputs_s)
    lines = [100.0] * len({route.provider for route in harness.providers.routes()})
    others = [100.0, 100.0]
    left: Iterator[float] = iter([*lines, *others, 100.0, 60.0, 29.0, 0.0, 0.0])

    assert sweep(harness.ports, lambda: next(left)) == {"given-up": 2}
    assert sweep(harness.ports) == {"given-up": 3}


def test_task_that_always_fails_moves_behind_the_others(
    harness: PipelineHarness,
) -> None:
    """One cannot be read, one cannot be checked: they are put off, and the others are checked."""
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


def test_broken_task_does_not_stop_the_sweep(harness: PipelineHarness) -> None:
    """Its error is raised at the end."""
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


def test_sweep_leaves_a_task_when_it_loses_a_race(harness: PipelineHarness) -> None:
    """The next sweep checks it again."""
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    task = harness.task
    harness.workflows.ended.add((task.task_id, 1))
    harness.clock.advance(STILL_S)
    harness.ports = replace(harness.ports, tasks=_Racing(harness))

    assert sweep_task(harness.ports, task.task_id) == "untouched"
    assert harness.task.run == 1


def test_limit_of_runs_is_a_setting() -> None:
    """With one run there is no second."""
    harness = PipelineHarness(limits=Limits(runs=1))
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.workflows.ended.add((harness.task.task_id, 1))
    harness.clock.advance(STILL_S)

    assert sweep(harness.ports) == {"given-up": 1}
    assert harness.task.state == "failed"


def fail_broken(harness: PipelineHarness) -> None:
    """The run was aborted, and FAIL is called for it."""
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
