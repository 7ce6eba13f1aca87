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
from tests.pipeline.harness import PHOTO, Studio, in_state

STILL_S = int(STUCK_AFTER.total_seconds())
AT_WORK: tuple[State, ...] = ("queued", "submitting", "running", "delivering")


def test_before_its_deadline_a_task_may_wait(studio: Studio) -> None:
    """Nothing happens a second too early."""
    studio.ask(SYNC_NONE)
    studio.clock.advance(studio.limits.inputs_s - 1)

    assert sweep(studio.ports) == {}
    assert studio.task.state == "waiting"


def test_past_its_deadline_a_task_fails_and_names_what_is_missing(studio: Studio) -> None:
    """Manifest and event come with it; a photo that comes later starts nothing."""
    studio.ask(SYNC_NONE)
    studio.clock.advance(studio.limits.inputs_s)
    assert sweep(studio.ports) == {"given-up": 1}
    studio.run()
    studio.drop(PHOTO)
    studio.run()

    assert studio.task.state == "failed"
    assert studio.manifest()["failure"]["code"] == "inputs-missing"
    assert PHOTO in studio.manifest()["failure"]["sentence"]
    assert studio.tasks.wanted == []
    studio.clock.advance(STILL_S)
    assert sweep(studio.ports) == {}


def test_a_photo_whose_event_was_lost_is_found(studio: Studio) -> None:
    """The file is there, so the task starts instead of failing."""
    studio.ask(SYNC_NONE)
    studio.upload(PHOTO)
    studio.clock.advance(studio.limits.inputs_s + 1)

    assert sweep(studio.ports) == {"started": 1}
    studio.run()
    assert studio.task.state == "succeeded"


@pytest.mark.parametrize("state", AT_WORK)
def test_a_task_whose_run_is_alive_is_left_to_its_doors(state: State) -> None:
    """It is looked at again only after another while."""
    studio = in_state(state)
    before = studio.task
    studio.clock.advance(STILL_S)

    assert sweep(studio.ports) == {"alive": 1}
    assert sweep(studio.ports) == {}
    assert studio.task == before
    studio.clock.advance(STILL_S)
    assert sweep(studio.ports) == {"alive": 1}


@pytest.mark.parametrize("state", AT_WORK)
def test_a_task_whose_run_is_gone_goes_on_in_a_new_one(state: State) -> None:
    """Where it stood: what was paid for is not paid for again."""
    studio = in_state(state)
    studio.workflows.ended.add((studio.task.task_id, 1))
    studio.clock.advance(STILL_S)

    assert sweep(studio.ports) == {"new-run": 1}
    assert studio.task.run == 2
    studio.run()
    assert studio.task.state == "succeeded"
    assert len(studio.providers.charged) == 1
    assert studio.manifest()["run"] == 2


def test_results_that_the_last_run_copied_are_found_by_the_next(studio: Studio) -> None:
    """It died before it could say so, and by now they are no longer to be had elsewhere."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run(until=["delivering"])
    ports = studio.ports
    studio.ports = replace(ports, tasks=_Racing(studio))
    studio.door("deliver", studio.task.task_id)
    studio.ports = ports
    studio.providers.results.clear()
    studio.workflows.ended.add((studio.task.task_id, 1))
    studio.clock.advance(STILL_S)
    sweep(studio.ports)
    studio.run()

    assert studio.task.state == "succeeded"
    assert len(studio.manifest()["results"]) == 1


def test_a_run_that_was_never_started_is_started(studio: Studio) -> None:
    """Intake died, and its message went to the dead letters."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.workflows.started.clear()
    studio.clock.advance(STILL_S)

    assert sweep(studio.ports) == {"started": 1}
    studio.run()
    assert studio.task.state == "succeeded"


def test_runs_are_not_begun_for_ever(studio: Studio) -> None:
    """What breaks every run ends its task, with a manifest."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    for run in range(1, studio.limits.runs + 1):
        studio.workflows.ended.add((studio.task.task_id, run))
        studio.clock.advance(STILL_S)
        sweep(studio.ports)

    assert studio.task.run == studio.limits.runs
    assert studio.manifest()["failure"]["code"] == "internal"


def test_a_task_that_ended_without_saying_so_is_announced(studio: Studio) -> None:
    """Whoever ended it died, and so did everyone who could have known."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.events.refusals = 100
    with pytest.raises(Exception, match="event"):
        studio.run()
    assert studio.task.state == "succeeded"
    studio.events.refusals = 0
    studio.clock.advance(STILL_S)

    assert sweep(studio.ports) == {"concluded": 1}
    assert studio.endings(studio.task.task_id) == {"Task Succeeded"}
    assert sweep(studio.ports) == {}


def test_the_manifest_of_a_broken_run_is_written_once_more() -> None:
    """A door that outlived its run may have written another one over it."""
    studio = Studio(limits=Limits(runs=1))
    studio.drop(PHOTO)
    studio.ask(JOB_KEY)
    studio.run(until=["delivering"])
    late = studio.task
    fail_broken(studio)
    studio.outputs.put(late.manifest_key, b'{"status": "succeeded"}', "application/json")
    studio.clock.advance(STILL_S)

    assert sweep(studio.ports) == {"concluded": 1}
    assert studio.manifest()["status"] == studio.task.state == "failed"


@pytest.mark.parametrize("state", sorted(FINISHED))
def test_an_ended_task_is_not_looked_at_again(state: State) -> None:
    """Its doors have said that nothing is left to do."""
    studio = in_state(state)
    studio.clock.advance(100 * STILL_S)

    assert sweep(studio.ports) == {}


def test_one_sweep_ends_all_that_are_due(studio: Studio) -> None:
    """Each with its own manifest."""
    for number in range(5):
        studio.ask(SYNC_NONE, key=f"photos/{number}.jpg.json")
    studio.clock.advance(studio.limits.inputs_s)

    assert sweep(studio.ports) == {"given-up": 5}
    studio.run()
    assert {studio.manifest(task)["status"] for task in studio.tasks.all} == {"failed"}


def test_a_sweep_stops_while_there_is_time(studio: Studio) -> None:
    """What it did not reach is still due for the next one."""
    for number in range(5):
        studio.ask(SYNC_NONE, key=f"photos/{number}.jpg.json")
    studio.clock.advance(studio.limits.inputs_s)
    left: Iterator[float] = iter([100.0, 60.0, 29.0, 0.0, 0.0])

    assert sweep(studio.ports, lambda: next(left)) == {"given-up": 2}
    assert sweep(studio.ports) == {"given-up": 3}


def test_what_fails_every_time_does_not_stand_before_the_others_every_time(
    studio: Studio,
) -> None:
    """One cannot be read, one cannot be looked after: they are put off, and the others go on."""
    for name in ("a", "b", "c"):
        studio.ask(SYNC_NONE, key=f"{name}.jpg.json")
        studio.upload(f"{name}.jpg")
    broken, failing, good = (task.task_id for task in studio.tasks.all)
    studio.tasks._items[broken]["task"] = {"unknown": 1}
    start = studio.workflows.start

    def refuse(task_id: str, run: int) -> None:
        if task_id == failing:
            raise RuntimeError("no")
        start(task_id, run)

    studio.workflows.start = refuse  # type: ignore[method-assign]
    studio.clock.advance(studio.limits.inputs_s)
    with pytest.raises(ValueError, match="not a task"):
        sweep(studio.ports)

    assert studio.workflows.started == [(good, 1)]
    now = studio.clock.now()
    assert not {broken, failing} & set(studio.tasks.due(now))
    assert broken in set(studio.tasks.due(now + RETRY_AFTER))
    assert failing in set(studio.tasks.due(now + STUCK_AFTER))


def test_one_broken_task_does_not_keep_the_others_from_it(studio: Studio) -> None:
    """Its trouble is told at the end."""
    for number in range(3):
        studio.ask(SYNC_NONE, key=f"photos/{number}.jpg.json")
    studio.clock.advance(studio.limits.inputs_s)
    studio.ports = replace(studio.ports, workflows=_Unwilling(studio, studio.tasks.all[1].task_id))

    with pytest.raises(TimeoutError):
        sweep(studio.ports)
    assert len(studio.workflows.started) == 2
    assert sum(task.ending is not None for task in studio.tasks.all) == 3


def test_a_task_that_someone_else_is_at_is_left_to_them(studio: Studio) -> None:
    """The race is lost without a word; the next sweep looks again."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    task = studio.task
    studio.workflows.ended.add((task.task_id, 1))
    studio.clock.advance(STILL_S)
    studio.ports = replace(studio.ports, tasks=_Racing(studio))

    assert sweep_task(studio.ports, task.task_id) == "untouched"
    assert studio.task.run == 1


def test_a_place_in_the_queue_is_waited_for(studio: Studio) -> None:
    """A burst queues for hours: nobody asks about a run before its turn has come and gone."""
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    task, turn = studio.task, studio.clock.now() + timedelta(hours=3)
    studio.tasks.replace(task, replace(task, slot=Slot("alpha", "submit", turn)))
    studio.clock.advance(3 * 3600 + STILL_S - 1)

    assert sweep(studio.ports) == {}
    studio.clock.advance(1)
    assert sweep(studio.ports) == {"alive": 1}


def test_the_limit_of_runs_is_a_setting() -> None:
    """With one run there is no second."""
    studio = Studio(limits=Limits(runs=1))
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.workflows.ended.add((studio.task.task_id, 1))
    studio.clock.advance(STILL_S)

    assert sweep(studio.ports) == {"given-up": 1}
    assert studio.task.state == "failed"


def fail_broken(studio: Studio) -> None:
    """The run was stopped from outside, and FAIL is told."""
    fail(studio.ports, studio.task.task_id, 1, broken="ABORTED")


class _Unwilling:
    """Workflows that will not start one task's run."""

    def __init__(self, studio: Studio, task_id: str) -> None:
        self._studio, self._task_id = studio, task_id

    def start(self, task_id: str, run: int) -> None:
        if task_id == self._task_id:
            raise TimeoutError
        self._studio.workflows.start(task_id, run)

    def status(self, task_id: str, run: int) -> RunStatus:
        return self._studio.workflows.status(task_id, run)


class _Racing(InMemoryTasks):
    """A task store in which every write comes too late."""

    def __init__(self, studio: Studio) -> None:
        self.__dict__.update(studio.tasks.__dict__)

    def replace(self, old: Task, new: Task) -> Task:
        raise Conflict(f"{old.task_id} was changed, and revision {new.revision} comes too late")
