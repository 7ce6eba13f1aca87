"""Turns at a provider, as values: the rate and the open jobs are kept whatever happens."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.rate_limits import MAX_LATE_S, Rate, Rules
from darkroom.domain.turns import (
    AHEAD_S,
    Place,
    Turn,
    Turns,
    Waiter,
    expected_wait_s,
    place_in_line,
)

NOW = 1_770_000_000.0
SINCE = datetime.fromtimestamp(NOW, UTC)
MINUTE = Rules(Rate(60, 60))
SPACING_S = 60 / (54 - 1.08)


def _waiter(name: str, *, opens_job: bool = True, missed: bool = False) -> Waiter:
    return Waiter(name, 1, Place("p", SINCE, opens_job=opens_job), missed)


LINE = [_waiter(name) for name in "abcdefgh"]


def _names(waiters: object) -> str:
    return "".join(one.task_id for one in waiters)  # type: ignore[attr-defined]


def test_first_in_line_get_what_is_free() -> None:
    """In its order."""
    turns, started = Turns().give(LINE, Rules(open_jobs=3), NOW)
    assert _names(started) == "abc"
    assert turns.give(LINE, Rules(open_jobs=3), NOW) == (turns, [])


def test_used_turn_leaves_its_job_open_until_it_is_released() -> None:
    """Then the next one gets a turn."""
    rules = Rules(open_jobs=1)
    turns, _ = Turns().give(LINE, rules, NOW)
    turns = turns.used("a", NOW + 900)
    assert turns.open_jobs == {"a": NOW + 900}
    assert turns.usable_until("a", rules) is None
    assert _names(turns.give(LINE, rules, NOW)[1]) == ""
    assert _names(turns.released("a").give(LINE[1:], rules, NOW)[1]) == "b"


def test_turn_is_given_shortly_before_its_call_and_always_one_ahead() -> None:
    """So somebody is under way who gives the next one."""
    turns, started = Turns().give(LINE, MINUTE, NOW)
    assert len(started) == 1 + int(AHEAD_S / SPACING_S + 0.08)
    slow = Rules(Rate(1, 60))
    turns, started = Turns(empty_at=NOW + 500).give(LINE, slow, NOW)
    assert _names(started) == "a"
    assert turns.given["a"].at > NOW + 400


def test_turn_that_was_used_is_not_given_again_while_the_task_leaves_the_line() -> None:
    """Its intent to pay is written a moment later."""
    turns, _ = Turns().give(LINE[:1], MINUTE, NOW)
    turns = turns.used("a", None)
    assert _names(turns.give(LINE[:1], MINUTE, NOW)[1]) == ""


def test_unused_turn_gives_its_calls_back() -> None:
    """Used ones do not, nor do missed ones: later calls may not catch up."""
    turns, _ = Turns(empty_at=NOW).give(LINE[:1], MINUTE, NOW)
    assert turns.released("a").empty_at == pytest.approx(NOW)
    assert turns.used("a", None).released("a").empty_at == turns.empty_at
    late, missed = turns.without_expired(MINUTE, NOW + 60)
    assert (late.empty_at, late.given, missed) == (turns.empty_at, {}, {"a": turns.given["a"]})


@pytest.mark.parametrize(("rules", "unused_s"), [(MINUTE, 6), (Rules(open_jobs=1), MAX_LATE_S)])
def test_turn_is_missed_after_its_time(rules: Rules, unused_s: float) -> None:
    """To the second; a used one is not missed."""
    turns = Turns(given={"a": Turn(NOW), "b": Turn(NOW, used=True)})
    assert turns.without_expired(rules, NOW + unused_s) == (turns, {})
    assert turns.without_expired(rules, NOW + unused_s + 1) == (Turns(), {"a": Turn(NOW)})


def test_job_counts_as_open_for_a_limited_time() -> None:
    """To the second."""
    turns = Turns(open_jobs={"a": NOW})
    assert turns.without_expired(MINUTE, NOW - 1)[0] == turns
    assert turns.without_expired(MINUTE, NOW)[0] == Turns()


def test_waiter_that_has_missed_a_turn_is_left_out() -> None:
    """The next one goes."""
    line = [_waiter("a", missed=True), _waiter("b")]
    assert _names(Turns().give(line, Rules(open_jobs=1), NOW)[1]) == "b"


def test_only_so_many_turns_are_outstanding() -> None:
    """One, while a provider is probed."""
    turns, started = Turns().give(LINE, Rules(open_jobs=5), NOW, most=1)
    assert _names(started) == "a"
    assert _names(turns.used("a", NOW + 9).give(LINE, Rules(open_jobs=5), NOW, most=1)[1]) == "b"


@pytest.mark.parametrize(("priority", "hours"), [(5, 0), (9, 4), (0, -5)])
def test_priority_is_worth_an_hour_a_step(priority: int, hours: int) -> None:
    """The higher, the earlier it counts as having come."""
    place = place_in_line("p", SINCE, priority, MINUTE, files=0, opens_job=True)
    assert place == Place("p", SINCE - timedelta(hours=hours), 1, opens_job=False)


def test_expected_wait_is_that_of_the_tighter_limit() -> None:
    """By the rate, by the open jobs, or none."""
    assert expected_wait_s(9, Rules(), 60) is None
    assert expected_wait_s(9, MINUTE, 60) == pytest.approx(10 * SPACING_S)
    assert expected_wait_s(39, Rules(open_jobs=20), 60) == 120
    assert expected_wait_s(39, Rules(Rate(60, 60), open_jobs=1), 60) == 2400


@settings(deadline=None, max_examples=100)
@given(open_jobs=st.integers(1, 4), draw=st.randoms(use_true_random=False))
def test_whatever_happens_the_limits_hold_and_the_line_moves(
    open_jobs: int, draw: random.Random
) -> None:
    """Turns are used late or never, jobs end in any order; nobody has two."""
    rules = Rules(Rate(20, 20), open_jobs=open_jobs)
    line = [_waiter(f"t{number:02}") for number in range(30)]
    turns, now, calls = Turns(), NOW, list[float]()
    while line:
        now += draw.uniform(0.1, 3)
        turns, missed = turns.without_expired(rules, now)
        line = [_waiter(one.task_id, missed=one.task_id in missed) for one in line]
        turns, started = turns.give(line, rules, now)
        assert len({one.task_id for one in started}) == len(started)
        assert len(turns.open_jobs) + sum(not t.used for t in turns.given.values()) <= (
            rules.max_open_jobs or 0
        )
        for task_id, turn in dict(turns.given).items():
            until = turns.usable_until(task_id, rules)
            if until and turn.at <= now <= until and draw.random() < 0.5:
                calls.append(now)
                turns = turns.used(task_id, now + 50)
                line = [one for one in line if one.task_id != task_id]
        for task_id in list(turns.open_jobs):
            if draw.random() < 0.5:
                turns = turns.released(task_id)
    for first, later in zip(calls, calls[20:], strict=False):
        assert later - first >= 20
