"""Shares of an account that several environments use."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.rate_limits import AccountLimits, Rate, Rules
from darkroom.providers.engine.preferences import check_shares


@dataclass(frozen=True)
class Declared:
    """An adapter, as far as its account's limits."""

    rules: Rules


def check(rules: Rules, limits: AccountLimits, provider: str = "beta") -> None:
    """Check one provider's share."""
    adapters: Any = {"beta": Declared(rules)}
    check_shares(adapters, {provider: limits})


@pytest.mark.parametrize(
    ("rules", "limits", "remedy"),
    [
        (Rules(open_jobs=1), AccountLimits(share=0.5), ("one open job", "least 1,", "least 2 if")),
        (
            Rules(open_jobs=3),
            AccountLimits(share=0.25),
            ("3 open jobs", "least 0.3334,", "least 4 if"),
        ),
        (
            Rules(open_jobs=9),
            AccountLimits(0.1, open_jobs=4),
            ("4 open jobs", "least 0.25,", "least 10 if"),
        ),
        (Rules(), AccountLimits(0.3, open_jobs=2), ("2 open jobs", "least 0.5,", "least 4 if")),
    ],
)
def test_share_of_less_than_one_job_is_refused(
    rules: Rules, limits: AccountLimits, remedy: tuple[str, ...]
) -> None:
    """Each environment opens at least one; the sentence says which settings would do."""
    with pytest.raises(ValueError, match="less than one job") as caught:
        check(rules, limits)
    assert all(part in str(caught.value) for part in ("beta", *remedy))


@pytest.mark.parametrize(
    ("rules", "limits"),
    [
        (Rules(open_jobs=1), AccountLimits()),
        (Rules(open_jobs=2), AccountLimits(share=0.5)),
        (Rules(open_jobs=1), AccountLimits(0.25, open_jobs=4)),
        (Rules(Rate(60, 60)), AccountLimits(share=0.01)),
        (Rules(open_jobs=49), AccountLimits(share=1 / 49)),
    ],
)
def test_share_of_a_job_or_of_unlimited_jobs_is_accepted(
    rules: Rules, limits: AccountLimits
) -> None:
    """Also one whose product is a little less than one in binary."""
    check(rules, limits)


def test_limits_of_another_provider_do_not_matter() -> None:
    """Only those with this name."""
    check(Rules(open_jobs=1), AccountLimits(share=0.5), "gamma")


@given(st.integers(1, 200), st.integers(1, 50))
def test_equal_shares_open_no_more_than_is_allowed(open_jobs: int, environments: int) -> None:
    """Together; where they would, the setting is refused."""
    limits = AccountLimits(share=1 / environments)
    rules = limits.applied_to(Rules(open_jobs=open_jobs))
    assert rules.max_open_jobs is not None
    try:
        check(Rules(open_jobs=open_jobs), limits)
    except ValueError:
        assert rules.max_open_jobs * environments > open_jobs
    else:
        assert rules.max_open_jobs * environments <= open_jobs
