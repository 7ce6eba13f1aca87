"""A task's place in line, which every task store writes together with the task, or not at all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from darkroom.domain.errors import Conflict, Failure
from darkroom.domain.task import Ending, Task
from darkroom.domain.turns import Place, Waiter
from tests.contract.ports.conftest import LineHarness
from tests.fakes.clock import START
from tests.fakes.task_factory import sample_task

PLACE = Place("beta", START)
ELSEWHERE = Place("gamma", START, calls=3)
PROVIDERS = ("beta", "gamma")
LATER = START + timedelta(minutes=1)


def _queued(harness: LineHarness) -> Task:
    task = sample_task(1, place=PLACE)
    harness.tasks.create(task, previous=None, owner=None)
    return task


def _lines(harness: LineHarness) -> list[Waiter]:
    """Everyone in every line."""
    lines = harness.lines
    return [
        waiter
        for provider in PROVIDERS
        for waiter in (*lines.first(provider, 25), *lines.missed(provider))
    ]


def test_new_task_joins_its_line(line_harness: LineHarness) -> None:
    """And one without a place joins none."""
    task = _queued(line_harness)
    line_harness.tasks.create(sample_task(2), previous=None, owner=None)
    assert _lines(line_harness) == [Waiter(task.task_id, 1, PLACE)]
    assert line_harness.tasks.get(task.task_id) == task


def test_new_task_that_waits_for_files_and_its_turn_has_both_notes(
    line_harness: LineHarness,
) -> None:
    """One write makes all of them."""
    task = sample_task(1, wants=("photos/1.jpg",), place=PLACE)
    line_harness.tasks.create(task, previous=None, owner=None)
    assert _lines(line_harness) == [Waiter(task.task_id, 1, PLACE)]
    assert list(line_harness.tasks.wanting("photos/1.jpg")) == [task.task_id]


def test_task_that_is_not_created_is_in_no_line(line_harness: LineHarness) -> None:
    """A repeated event must not give an ended task another turn."""
    task = _queued(line_harness)
    line_harness.tasks.replace(task, replace(task, place=None))
    with pytest.raises(Conflict):
        line_harness.tasks.create(task, previous=None, owner=None)
    assert _lines(line_harness) == []


@pytest.mark.parametrize(
    "place",
    [
        ELSEWHERE,
        replace(PLACE, since=LATER),
        replace(PLACE, calls=6),
        replace(PLACE, opens_job=True),
        replace(PLACE, since=START + timedelta(microseconds=400)),
    ],
)
def test_task_has_one_place_after_it_has_moved(line_harness: LineHarness, place: Place) -> None:
    """To another line, in the same one, or with another number of calls at the same place."""
    task = _queued(line_harness)
    moved = line_harness.tasks.replace(task, replace(task, place=place))
    (waiter,) = _lines(line_harness)
    assert abs(waiter.place.since - place.since) < timedelta(milliseconds=1)
    assert waiter == Waiter(task.task_id, 1, replace(place, since=waiter.place.since))
    assert line_harness.tasks.get(task.task_id) == moved
    assert moved == replace(task, place=place, revision=1)


def test_next_run_of_a_task_has_not_missed_a_turn(line_harness: LineHarness) -> None:
    """It keeps its place, which now shows the new run."""
    task = _queued(line_harness)
    line_harness.lines.mark(task.task_id, PLACE, missed=True)
    line_harness.tasks.replace(task, replace(task, run=2))
    assert _lines(line_harness) == [Waiter(task.task_id, 2, PLACE)]


def test_other_changes_of_a_task_leave_its_place_as_it_is(line_harness: LineHarness) -> None:
    """A task that has missed its turn has still missed it, whatever its reason or deadline is."""
    task = _queued(line_harness)
    line_harness.lines.mark(task.task_id, PLACE, missed=True)
    later = task.with_state("queued", LATER, wait_reason="why", deadline=START + timedelta(days=3))
    line_harness.tasks.replace(task, later)
    assert _lines(line_harness) == [Waiter(task.task_id, 1, PLACE, missed=True)]


def test_task_joins_a_line_when_it_is_queued(line_harness: LineHarness) -> None:
    """A task that waited for its files."""
    task = sample_task(1, "waiting")
    line_harness.tasks.create(task, previous=None, owner=None)
    assert _lines(line_harness) == []
    line_harness.tasks.replace(task, task.with_state("queued", LATER, place=PLACE))
    assert _lines(line_harness) == [Waiter(task.task_id, 1, PLACE)]


@pytest.mark.parametrize("missed", [True, False])
def test_task_leaves_its_line_when_it_calls(line_harness: LineHarness, *, missed: bool) -> None:
    """Also one that has missed a turn."""
    task = _queued(line_harness)
    line_harness.lines.mark(task.task_id, PLACE, missed=missed)
    line_harness.tasks.replace(task, task.with_state("submitting", LATER))
    assert _lines(line_harness) == []


def test_task_leaves_its_line_when_it_ends(line_harness: LineHarness) -> None:
    """A cancelled task gets no turn."""
    task = _queued(line_harness)
    ending = Ending("cancelled", Failure("cancelled", "A user cancelled it."))
    line_harness.tasks.replace(task, task.with_state("cancelled", LATER, ending=ending))
    assert _lines(line_harness) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [(PLACE, None), (PLACE, ELSEWHERE), (PLACE, replace(PLACE, calls=6)), (None, ELSEWHERE)],
)
@pytest.mark.parametrize("run", [1, 2])
def test_outdated_write_changes_neither_task_nor_line(
    line_harness: LineHarness, before: Place | None, after: Place | None, run: int
) -> None:
    """Whether the task would join, move or leave."""
    outdated = sample_task(1, place=before)
    line_harness.tasks.create(outdated, previous=None, owner=None)
    current = line_harness.tasks.replace(outdated, replace(outdated, wait_reason="a newer write"))
    waiting = _lines(line_harness)

    with pytest.raises(Conflict):
        line_harness.tasks.replace(outdated, replace(outdated, place=after, run=run))
    assert line_harness.tasks.get(outdated.task_id) == current
    assert _lines(line_harness) == waiting
    assert len(waiting) == (before is not None)


def test_missing_task_cannot_join_a_line(line_harness: LineHarness) -> None:
    """Only `create` makes a task."""
    task = sample_task(1)
    with pytest.raises(Conflict):
        line_harness.tasks.replace(task, replace(task, place=PLACE))
    assert _lines(line_harness) == []
