"""The arithmetic of pace at its edges, in figures that can be counted on one's fingers."""

import pytest

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, MAX_PAUSE_S, CircuitState
from darkroom.domain.rate_limits import AccountLimits, Bucket, Rate, Rules, bucket_of


def test_call_waits_until_the_bucket_is_within_its_tolerance() -> None:
    """It takes its spacing from when the bucket is empty, or from now if that has passed."""
    bucket = Bucket(spacing_s=2.0, tolerance_s=3.0)
    assert bucket.slot(0.0, 100.0) == (100.0, 102.0)
    assert bucket.slot(103.0, 100.0) == (100.0, 105.0)
    assert bucket.slot(104.0, 100.0) == (101.0, 106.0)
    assert bucket.slot(104.0, 100.0, calls=3) == (101.0, 110.0)


def test_headroom_is_a_tenth_and_burst_a_fiftieth_of_the_rest() -> None:
    """100 in 300 s: 90 are used; 1.8 at once, and the other 88.2 one by one."""
    bucket = bucket_of(Rules(Rate(100, 300)))
    assert bucket is not None
    assert bucket.spacing_s == pytest.approx(300 / 88.2)
    assert bucket.tolerance_s == pytest.approx(0.8 * 300 / 88.2)


def test_half_the_account_is_half_the_calls() -> None:
    """At least one at once."""
    half = bucket_of(Rules(Rate(100, 300), share=0.5))
    assert half is not None
    assert half.spacing_s == pytest.approx(300 / 44)
    assert half.tolerance_s == 0


def test_rate_below_one_call_is_slow_but_finite() -> None:
    """One at once, and the next after its spacing; no division by zero."""
    bucket = bucket_of(Rules(Rate(1, 60), share=0.1))
    assert bucket is not None
    assert bucket.tolerance_s == 0
    assert bucket.spacing_s == pytest.approx(600)


@pytest.mark.parametrize(
    ("rules", "files", "calls"),
    [
        (Rules(), 0, 1),
        (Rules(), 9, 1),
        (Rules(calls_per_file=2), 3, 7),
        (Rules(calls_per_file=1, calls_per_job=4), 2, 7),
    ],
)
def test_submission_takes_its_paid_call_files_and_polls(
    rules: Rules, files: int, calls: int
) -> None:
    """The paid call, what goes with each file, and the questions that follow."""
    assert rules.calls(files) == calls


@pytest.mark.parametrize(
    ("open_jobs", "share", "leases"), [(None, 1.0, None), (20, 1.0, 20), (3, 0.5, 1), (1, 0.1, 1)]
)
def test_leases_are_whole_and_at_least_one(
    open_jobs: int | None, share: float, leases: int | None
) -> None:
    """Rounded down: one too many would be refused."""
    assert Rules(open_jobs=open_jobs, share=share).max_open_jobs == leases


@pytest.mark.parametrize(
    "right", [{"share": 1.0}, {"share": 0.01}, {"calls_per_min": 0.5}, {"open_jobs": 1}]
)
def test_account_limits_accept_their_bounds(right: dict[str, float]) -> None:
    """The limits themselves are allowed."""
    assert AccountLimits(**right)  # type: ignore[arg-type]


def test_open_circuit_never_closes_earlier() -> None:
    """Neither by a later failure with a shorter Retry-After, nor by a pause of ours."""
    asked = CircuitState().after_failure(1000.0, 5000)
    assert asked.after_failure(1001.0, 3) == CircuitState(2, 6000.0)
    assert asked.after_failure(1001.0, None) == CircuitState(2, 6000.0)
    paused = CircuitState(FAILURES_TO_OPEN - 1, 0.0).after_failure(1000.0, 3)
    assert paused == CircuitState(FAILURES_TO_OPEN, 1030.0)
    assert CircuitState(FAILURES_TO_OPEN - 1, 0.0).after_failure(1000.0, 90) == CircuitState(
        FAILURES_TO_OPEN, 1090.0
    )


def test_pause_has_a_maximum() -> None:
    """Also after weeks, whose doublings no number could hold."""
    standing = CircuitState(FAILURES_TO_OPEN + 5000, 0.0).after_failure(0.0, None)
    assert standing == CircuitState(FAILURES_TO_OPEN + 5001, float(MAX_PAUSE_S))


@pytest.mark.parametrize(
    ("refusals", "probing"), [(FAILURES_TO_OPEN - 1, False), (FAILURES_TO_OPEN, True)]
)
def test_circuit_is_half_open_from_the_limit_on(refusals: int, probing: object) -> None:
    """Below it every task may call, and a Retry-After is kept."""
    standing = CircuitState(refusals, 99.0)
    assert standing.probing is probing
    assert standing.after_success() == CircuitState(0, 0.0 if probing else 99.0)
