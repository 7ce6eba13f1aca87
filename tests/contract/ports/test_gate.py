"""What every gate promises: slots that keep a rate, leases that end, standings that are kept."""

import pytest

from darkroom.domain.rate_limits import Bucket, Standing
from darkroom.ports import Gate

BUCKET = Bucket(spacing_s=2.0, tolerance_s=2.0)
NOW = 1_770_000_000.0


def test_an_idle_lane_lets_a_few_calls_through_at_once(gate: Gate) -> None:
    """Then one after the other, at its spacing."""
    slots = [gate.reserve("p", "submit", BUCKET, NOW) for _ in range(5)]
    assert slots == [NOW, NOW, NOW + 2, NOW + 4, NOW + 6]


def test_several_calls_take_several_slots(gate: Gate) -> None:
    """The next one waits for all of them."""
    assert gate.reserve("p", "submit", BUCKET, NOW, 3) == NOW
    assert gate.reserve("p", "submit", BUCKET, NOW) == NOW + 4


def test_time_that_passes_makes_room(gate: Gate) -> None:
    """A lane that was full is idle again after a while."""
    for _ in range(4):
        gate.reserve("p", "submit", BUCKET, NOW)
    assert gate.reserve("p", "submit", BUCKET, NOW + 60) == NOW + 60


def test_lanes_and_providers_do_not_touch_each_other(gate: Gate) -> None:
    """Each has its own share."""
    for _ in range(4):
        gate.reserve("p", "submit", BUCKET, NOW)
    assert gate.reserve("p", "poll", BUCKET, NOW) == NOW
    assert gate.reserve("q", "submit", BUCKET, NOW) == NOW


def test_an_idle_lane_is_lent(gate: Gate) -> None:
    """Only when the own one is full, and only as long as it is idle."""
    slots = [gate.reserve("p", "submit", BUCKET, NOW, 1, "poll") for _ in range(4)]
    assert slots == [NOW, NOW, NOW, NOW + 2]
    assert gate.reserve("p", "poll", BUCKET, NOW) == NOW
    assert gate.reserve("p", "poll", BUCKET, NOW) == NOW + 2


def test_no_more_jobs_are_open_than_may_be(gate: Gate) -> None:
    """A task has one lease, however often it asks."""
    assert gate.lease("p", "a", NOW + 60, 2, NOW)
    assert gate.lease("p", "a", NOW + 90, 2, NOW)
    assert gate.lease("p", "b", NOW + 60, 2, NOW)
    assert not gate.lease("p", "c", NOW + 60, 2, NOW)
    assert gate.lease("q", "c", NOW + 60, 1, NOW)


def test_a_lease_that_is_given_back_makes_room(gate: Gate) -> None:
    """Giving back twice, or what one never had, changes nothing."""
    gate.lease("p", "a", NOW + 60, 1, NOW)
    for task_id in ("a", "a", "z"):
        gate.release("p", task_id)
    assert gate.lease("p", "b", NOW + 60, 1, NOW)
    assert not gate.lease("p", "c", NOW + 60, 1, NOW)


def test_a_lease_ends_by_itself(gate: Gate) -> None:
    """A task that died with it blocks nobody for ever."""
    gate.lease("p", "a", NOW + 60, 1, NOW)
    assert not gate.lease("p", "b", NOW + 120, 1, NOW + 59)
    assert gate.lease("p", "b", NOW + 120, 1, NOW + 61)


def test_nothing_is_given_back_where_nothing_was_taken(gate: Gate) -> None:
    """The first task of all may be refused before it has a lease."""
    gate.release("p", "a")
    assert gate.lease("p", "b", NOW + 60, 1, NOW)


def test_a_provider_nobody_knows_stands_well(gate: Gate) -> None:
    """No refusals, no pause."""
    assert gate.standing("p") == Standing()


def test_a_standing_is_changed_by_one_of_those_who_saw_it(gate: Gate) -> None:
    """So one task alone tries a paused provider out."""
    paused = Standing(5, NOW + 30.5)
    assert gate.change("p", Standing(), paused)
    assert not gate.change("p", Standing(), Standing(1, 0))
    assert gate.standing("p") == paused
    assert gate.change("p", paused, Standing(5, NOW + 90))
    assert not gate.change("p", paused, Standing(5, NOW + 90.5))
    assert gate.change("p", Standing(5, NOW + 90), Standing())
    assert gate.standing("p") == Standing()


def test_a_reason_is_kept_with_a_standing(gate: Gate) -> None:
    """It is part of what one has seen."""
    paused = Standing(5, NOW + 30, "Add credits.")
    assert gate.change("p", Standing(), paused)
    assert gate.standing("p") == paused
    assert not gate.change("p", Standing(5, NOW + 30), Standing())
    assert gate.change("p", paused, Standing())
    assert gate.standing("p") == Standing()


@pytest.mark.parametrize("most", [1, 3])
def test_many_who_ask_at_once_get_as_many_leases_as_there_are(gate: Gate, most: int) -> None:
    """Whatever their order."""
    given = [gate.lease("p", f"t{n}", NOW + 60, most, NOW) for n in range(10)]
    assert sum(given) == most
