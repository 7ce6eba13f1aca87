"""The benchmark of scale counts what the quotas allow, and loses no task unnoticed."""

import pytest

from tests.benchmarks.cost import Stage, profile
from tests.benchmarks.scale import ACCOUNTS, Bucket, Burst, Quotas, sustained_bounds

WAY = (Stage("intake", 0.1, {"by-due": 8}), Stage("submit", 2.0, {}), Stage("wait", 5.0, {}))


def test_bucket_fills_at_its_rate_and_no_further() -> None:
    """Three a second, ten at most; those that take more wait behind each other."""
    bucket = Bucket(3, 10)
    assert bucket.take(0, 10) == 0
    assert bucket.take(0, 3) == 1
    assert bucket.take(0, 3) == 2
    assert bucket.take(100, 10) == 0


def test_sustained_rate_is_each_quota_divided_by_what_a_task_takes() -> None:
    """Four states: SUBMIT and the choice, the wait, the end."""
    bounds = sustained_bounds(WAY, Quotas(states_per_s=1000, functions=100, intake=10))
    assert bounds == pytest.approx(
        {
            "runs started": 300,
            "states entered": 250,
            "functions at once": 100 / 2.1,
            "INTAKE at once": 100,
            "partition by-due": 1000,
        }
    )


def test_profile_has_the_functions_in_their_order() -> None:
    """Photo and spec arrive, SUBMIT pays, the workflow waits, POLL delivers."""
    assert [stage.name for stage in profile(20)] == ["intake", "intake", "submit", "wait", "poll"]


@pytest.mark.parametrize("account", ACCOUNTS)
def test_burst_loses_nothing(account: str) -> None:
    """What is refused is tried again."""
    outcome = Burst(WAY, ACCOUNTS[account]).run(300)
    assert outcome.lost == 0
    assert outcome.took_s > sum(stage.seconds for stage in WAY)


def test_message_that_is_refused_every_time_is_lost() -> None:
    """A write that never fits into its partition, as many times as the queue delivers it."""
    way = (Stage("intake", 0.1, {"by-folder": 10_000}), Stage("submit", 1.0, {}))
    assert Burst(way, ACCOUNTS["large region"]).run(1).lost == 1
