"""What every line promises: its order, who has missed a turn, and turns that one writer changes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from darkroom.domain.task import Task
from darkroom.domain.turns import Place, Turn, Turns, Waiter
from darkroom.ports import Lines
from tests.contract.ports.conftest import LineHarness
from tests.fakes.clock import START
from tests.fakes.task_factory import sample_task

NOW = START.timestamp()
GIVEN = Turns(
    empty_at=NOW + 2.5,
    given={"a": Turn(NOW, 1.125, since=NOW - 7.25), "b": Turn(NOW + 0.001, 0.0, used=True)},
    open_jobs={"b": NOW + 3600.75},
)


def _place(minutes: float = 0, provider: str = "beta", **changes: object) -> Place:
    return replace(Place(provider, START + timedelta(minutes=minutes)), **changes)  # type: ignore[arg-type]


def _add(harness: LineHarness, number: int, place: Place) -> Task:
    """Put a new task into a line."""
    task = sample_task(number, place=place)
    harness.tasks.create(task, previous=None, owner=None)
    return task


def _first(lines: Lines, provider: str = "beta", most: int = 25) -> list[str]:
    return [waiter.task_id for waiter in lines.first(provider, most)]


def test_provider_without_a_line_has_nothing_given_out(line_harness: LineHarness) -> None:
    """Nobody waits, and everything is free."""
    lines = line_harness.lines
    assert lines.turns("beta") == Turns()
    assert (list(lines.first("beta", 25)), list(lines.missed("beta"))) == ([], [])
    assert lines.ahead("0" * 32, _place()) == 0


def test_turns_are_read_as_they_were_written(line_harness: LineHarness) -> None:
    """To the millisecond; only the version is the store's own."""
    lines = line_harness.lines
    assert lines.compare_and_set("beta", Turns(), replace(GIVEN, version=77))
    assert lines.turns("beta") == replace(GIVEN, version=1)

    assert lines.compare_and_set("beta", lines.turns("beta"), Turns())
    assert lines.turns("beta") == Turns(version=2)
    assert lines.turns("gamma") == Turns()


def test_turns_are_changed_by_one_of_their_readers(line_harness: LineHarness) -> None:
    """Otherwise two tasks would get the same call of the rate. The first write stays."""
    lines = line_harness.lines
    assert lines.compare_and_set("beta", Turns(), GIVEN)
    assert not lines.compare_and_set("beta", Turns(), Turns(empty_at=1.0))
    assert not lines.compare_and_set("beta", Turns(version=2), Turns(empty_at=1.0))
    read = lines.turns("beta")
    assert read == replace(GIVEN, version=1)

    assert lines.compare_and_set("beta", read, read)
    assert not lines.compare_and_set("beta", read, Turns())
    assert lines.turns("beta") == replace(GIVEN, version=2)


def test_line_is_in_the_order_of_its_places(line_harness: LineHarness) -> None:
    """Earlier places first, whenever they were written; equal ones by the task's id."""
    late, equal, other, early = (
        _add(line_harness, number, _place(minutes))
        for number, minutes in ((1, 5), (3, 0), (2, 0), (4, -240.5))
    )
    lines = line_harness.lines
    everyone = [early.task_id, other.task_id, equal.task_id, late.task_id]
    assert _first(lines) == everyone
    assert _first(lines, most=3) == everyone[:3]
    assert [lines.ahead(task.task_id, task.place or _place()) for task in (early, late)] == [0, 3]


def test_places_within_a_millisecond_are_equal(line_harness: LineHarness) -> None:
    """Then the ids decide, in the line as in the number of those ahead."""
    low, high = _place(0), _place(0, since=START + timedelta(microseconds=400))
    later, sooner = _add(line_harness, 2, low), _add(line_harness, 1, high)
    assert _first(line_harness.lines) == [sooner.task_id, later.task_id]
    assert line_harness.lines.ahead(sooner.task_id, high) == 0
    assert line_harness.lines.ahead(later.task_id, low) == 1


def test_waiter_shows_what_its_turn_needs(line_harness: LineHarness) -> None:
    """Which run to start, how many calls it takes, and whether its job counts as open."""
    place = _place(0, calls=6, opens_job=True)
    task = _add(line_harness, 1, place)
    assert list(line_harness.lines.first("beta", 1)) == [Waiter(task.task_id, 1, place)]


def test_every_provider_has_its_own_line(line_harness: LineHarness) -> None:
    """A name that begins like another one is another one."""
    one, two = _add(line_harness, 1, _place()), _add(line_harness, 2, _place(provider="beta2"))
    assert _first(line_harness.lines) == [one.task_id]
    assert _first(line_harness.lines, "beta2") == [two.task_id]
    assert line_harness.lines.ahead(two.task_id, _place(9, "beta2")) == 1
    assert [line_harness.lines.length(name) for name in ("beta", "beta2", "beta3")] == [1, 1, 0]


def test_number_ahead_does_not_depend_on_being_in_line(line_harness: LineHarness) -> None:
    """A task that joins later sees who is before it."""
    for number, minutes in ((1, 0), (2, 1), (3, 9)):
        _add(line_harness, number, _place(minutes))
    assert line_harness.lines.ahead("f" * 32, _place(5)) == 2


def test_task_that_missed_its_turn_keeps_its_place(line_harness: LineHarness) -> None:
    """The others are the first now; it still counts as ahead of them."""
    missing, next_one = _add(line_harness, 1, _place(0)), _add(line_harness, 2, _place(1))
    lines = line_harness.lines
    lines.mark(missing.task_id, _place(0), missed=True)
    assert _first(lines, most=1) == [next_one.task_id]
    assert list(lines.missed("beta")) == [Waiter(missing.task_id, 1, _place(0), missed=True)]
    assert lines.ahead(next_one.task_id, _place(1)) == 1
    assert lines.length("beta") == 2

    lines.mark(missing.task_id, _place(0), missed=False)
    assert _first(lines) == [missing.task_id, next_one.task_id]
    assert list(lines.missed("beta")) == []


def test_first_in_line_are_found_behind_those_who_missed_turns(line_harness: LineHarness) -> None:
    """However many they are."""
    for number in range(1, 6):
        _add(line_harness, number, _place(number))
        if number < 4:
            line_harness.lines.mark(sample_task(number).task_id, _place(number), missed=True)
    assert _first(line_harness.lines, most=1) == [sample_task(4).task_id]
    assert _first(line_harness.lines, most=2) == [sample_task(4).task_id, sample_task(5).task_id]
    missed = [waiter.task_id for waiter in line_harness.lines.missed("beta")]
    assert missed == [sample_task(number).task_id for number in (1, 2, 3)]


@pytest.mark.parametrize("missed", [True, False])
def test_mark_of_a_place_that_was_left_does_nothing(
    line_harness: LineHarness, *, missed: bool
) -> None:
    """Neither for a task that has left the line, nor for one with another place in it."""
    tasks, lines = line_harness.tasks, line_harness.lines
    task = _add(line_harness, 1, _place(0))
    moved = tasks.replace(task, replace(task, place=_place(7)))
    lines.mark(task.task_id, _place(0), missed=missed)
    assert list(lines.first("beta", 9)) == [Waiter(task.task_id, 1, _place(7))]

    tasks.replace(moved, replace(moved, place=None))
    lines.mark(task.task_id, _place(7), missed=missed)
    assert (list(lines.first("beta", 9)), list(lines.missed("beta"))) == ([], [])
