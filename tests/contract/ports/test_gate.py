"""What every gate promises: slots that keep a rate, leases that end, standings that are kept."""

import pytest

from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.rate_limits import Bucket
from darkroom.ports import Limiter

BUCKET = Bucket(spacing_s=2.0, tolerance_s=2.0)
NOW = 1_770_000_000.0


def test_an_idle_lane_lets_a_few_calls_through_at_once(limiter: Limiter) -> None:
    """Then one after the other, at its spacing."""
    slots = [limiter.reserve("p", "submit", BUCKET, NOW) for _ in range(5)]
    assert slots == [NOW, NOW, NOW + 2, NOW + 4, NOW + 6]


def test_several_calls_take_several_slots(limiter: Limiter) -> None:
    """The next one waits for all of them."""
    assert limiter.reserve("p", "submit", BUCKET, NOW, 3) == NOW
    assert limiter.reserve("p", "submit", BUCKET, NOW) == NOW + 4


def test_time_that_passes_makes_room(limiter: Limiter) -> None:
    """A lane that was full is idle again after a while."""
    for _ in range(4):
        limiter.reserve("p", "submit", BUCKET, NOW)
    assert limiter.reserve("p", "submit", BUCKET, NOW + 60) == NOW + 60


def test_lanes_and_providers_do_not_touch_each_other(limiter: Limiter) -> None:
    """Each has its own share."""
    for _ in range(4):
        limiter.reserve("p", "submit", BUCKET, NOW)
    assert limiter.reserve("p", "poll", BUCKET, NOW) == NOW
    assert limiter.reserve("q", "submit", BUCKET, NOW) == NOW


def test_an_idle_lane_is_lent(limiter: Limiter) -> None:
    """Only when the own one is full, and only as long as it is idle."""
    slots = [limiter.reserve("p", "submit", BUCKET, NOW, 1, "poll") for _ in range(4)]
    assert slots == [NOW, NOW, NOW, NOW + 2]
    assert limiter.reserve("p", "poll", BUCKET, NOW) == NOW
    assert limiter.reserve("p", "poll", BUCKET, NOW) == NOW + 2


def test_no_more_jobs_are_open_than_may_be(limiter: Limiter) -> None:
    """A task has one lease, however often it asks."""
    assert limiter.lease("p", "a", NOW + 60, 2, NOW)
    assert limiter.lease("p", "a", NOW + 90, 2, NOW)
    assert limiter.lease("p", "b", NOW + 60, 2, NOW)
    assert not limiter.lease("p", "c", NOW + 60, 2, NOW)
    assert limiter.lease("q", "c", NOW + 60, 1, NOW)


def test_a_lease_that_is_given_back_makes_room(limiter: Limiter) -> None:
    """Giving back twice, or what one never had, changes nothing."""
    limiter.lease("p", "a", NOW + 60, 1, NOW)
    for task_id in ("a", "a", "z"):
        limiter.release("p", task_id)
    assert limiter.lease("p", "b", NOW + 60, 1, NOW)
    assert not limiter.lease("p", "c", NOW + 60, 1, NOW)


def test_a_lease_ends_by_itself(limiter: Limiter) -> None:
    """A task that died with it blocks nobody for ever."""
    limiter.lease("p", "a", NOW + 60, 1, NOW)
    assert not limiter.lease("p", "b", NOW + 120, 1, NOW + 59)
    assert limiter.lease("p", "b", NOW + 120, 1, NOW + 61)


def test_nothing_is_given_back_where_nothing_was_taken(limiter: Limiter) -> None:
    """The first task of all may be refused before it has a lease."""
    limiter.release("p", "a")
    assert limiter.lease("p", "b", NOW + 60, 1, NOW)


def test_a_provider_nobody_knows_stands_well(limiter: Limiter) -> None:
    """No refusals, no pause."""
    assert limiter.circuit("p") == CircuitState()


def test_a_standing_is_changed_by_one_of_those_who_saw_it(limiter: Limiter) -> None:
    """So one task alone tries a paused provider out."""
    paused = CircuitState(5, NOW + 30.5)
    assert limiter.compare_and_set("p", CircuitState(), paused)
    assert not limiter.compare_and_set("p", CircuitState(), CircuitState(1, 0))
    assert limiter.circuit("p") == paused
    assert limiter.compare_and_set("p", paused, CircuitState(5, NOW + 90))
    assert not limiter.compare_and_set("p", paused, CircuitState(5, NOW + 90.5))
    assert limiter.compare_and_set("p", CircuitState(5, NOW + 90), CircuitState())
    assert limiter.circuit("p") == CircuitState()


def test_a_reason_is_kept_with_a_standing(limiter: Limiter) -> None:
    """It is part of what one has seen."""
    paused = CircuitState(5, NOW + 30, "Add credits.")
    assert limiter.compare_and_set("p", CircuitState(), paused)
    assert limiter.circuit("p") == paused
    assert not limiter.compare_and_set("p", CircuitState(5, NOW + 30), CircuitState())
    assert limiter.compare_and_set("p", paused, CircuitState())
    assert limiter.circuit("p") == CircuitState()


@pytest.mark.parametrize("most", [1, 3])
def test_many_who_ask_at_once_get_as_many_leases_as_there_are(limiter: Limiter, most: int) -> None:
    """Whatever their order."""
    given = [limiter.lease("p", f"t{n}", NOW + 60, most, NOW) for n in range(10)]
    assert sum(given) == most
