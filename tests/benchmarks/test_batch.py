"""The benchmark of batches measures what it says."""

from typing import Final

import pytest

from tests.benchmarks.batch import ACCOUNTS, most_in_window, run

FLOORS_S: Final = {"snapapi": 1, "perfect": 18, "20 open jobs": 3}


def test_calls_are_counted_in_every_window() -> None:
    """A call at the end of a window is in the next one."""
    assert most_in_window([0, 30, 59, 60, 61], 60) == 4
    assert most_in_window([0, 60, 120], 60) == 1
    assert most_in_window([], 60) == 0


@pytest.mark.parametrize("name", ACCOUNTS)
def test_least_time_is_that_of_the_tighter_limit(name: str) -> None:
    """Perfect: six calls of a hundred in 300 s take longer than the job of 12 s."""
    assert ACCOUNTS[name].floor_s == FLOORS_S[name]


def test_small_batches_keep_the_limits() -> None:
    """Every figure is there, and no limit is broken."""
    figures = run(40, 60)["batches"]
    assert len(figures) == 2 * len(ACCOUNTS) + 1
    for one in figures:
        assert one["over_floor"] < 1.5
        assert one.get("worst_window_calls", 0) <= one.get("limit_calls", 0)
        assert one.get("worst_open_jobs", 0) <= one.get("limit_jobs", 0)
        assert one["transitions_per_task"] <= 1
