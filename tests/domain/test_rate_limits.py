"""The arithmetic of pace: no window ever holds more calls than are allowed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, MAX_HONORED_S, CircuitState
from darkroom.domain.rate_limits import HEADROOM, AccountLimits, Rate, Rules, bucket_of

MINUTE = Rate(60, 60)
FIVE = Rate(100, 300)


@settings(deadline=None, max_examples=60)
@given(
    rate=st.sampled_from([MINUTE, FIVE, Rate(1000, 60), Rate(40, 10)]),
    share=st.sampled_from([1.0, 0.5]),
    gaps=st.lists(st.floats(0, 20), min_size=30, max_size=200),
)
def test_no_window_holds_more_calls_than_the_limit(
    rate: Rate, share: float, gaps: list[float]
) -> None:
    """Whenever calls are asked for."""
    bucket = bucket_of(Rules(rate, share=share))
    assert bucket is not None
    now = 0.0
    slots: list[float] = []
    empty_at = 0.0
    for gap in gaps:
        now += gap
        slot, empty_at = bucket.slot(empty_at, now)
        assert slot >= now
        slots.append(slot)
    for start in slots:
        inside = sum(start <= slot < start + rate.per_s for slot in slots)
        assert inside <= rate.calls * share


@settings(deadline=None, max_examples=60)
@given(
    rate=st.sampled_from([MINUTE, FIVE, Rate(1000, 60), Rate(6, 60), Rate(60, 600)]),
    late=st.lists(st.floats(0, 1), min_size=30, max_size=200),
    rest=st.lists(st.floats(0, 3), min_size=200, max_size=200),
)
def test_no_window_exceeds_the_limit_with_late_calls(
    rate: Rate, late: list[float], rest: list[float]
) -> None:
    """As late as a slot is good for, each as it likes."""
    rules = Rules(rate)
    bucket = bucket_of(rules)
    assert bucket is not None
    now, empty_at, calls = 0.0, 0.0, []
    for share, gap in zip(late, rest, strict=False):
        now += gap * bucket.spacing_s
        slot, empty_at = bucket.slot(empty_at, now)
        calls.append(slot + share * rules.max_late_s)
    for start in calls:
        inside = sum(start <= at < start + rate.per_s for at in calls)
        assert inside <= rate.calls


def test_rate_is_usable_up_to_the_headroom() -> None:
    """What is kept back, and no more, is left unused by those who never rest."""
    bucket = bucket_of(Rules(MINUTE))
    assert bucket is not None
    empty_at = 0.0
    slots: list[float] = []
    while not slots or slots[-1] < 600:
        slot, empty_at = bucket.slot(empty_at, 0.0)
        slots.append(slot)
    assert len(slots) / 10 > MINUTE.calls * (1 - HEADROOM) * 0.97


def test_account_without_a_rate_has_no_bucket() -> None:
    """No slot is reserved."""
    assert bucket_of(Rules()) is None
    assert Rules().max_open_jobs is None


def test_environment_uses_its_share_and_at_least_one_lease() -> None:
    """Half of 20 is 10; a tenth of 3 is still one."""
    assert Rules(open_jobs=20, share=0.5).max_open_jobs == 10
    assert Rules(open_jobs=3, share=0.1).max_open_jobs == 1


def test_account_limits_replace_the_declared_ones() -> None:
    """Only those that are set."""
    declared = Rules(MINUTE, 20, calls_per_file=1)
    assert AccountLimits().applied_to(declared) == declared
    said = AccountLimits(share=0.5, calls_per_min=12.5, open_jobs=4).applied_to(declared)
    assert said == Rules(Rate(12.5, 60), 4, 0.5, 1)


@pytest.mark.parametrize(
    "wrong", [{"share": 0.0}, {"share": 1.5}, {"calls_per_min": 0.0}, {"open_jobs": -1}]
)
def test_account_limits_of_zero_are_refused(wrong: dict[str, float]) -> None:
    """A mistake in the settings is found before work starts."""
    with pytest.raises(ValueError, match="must be above 0"):
        AccountLimits(**wrong)  # type: ignore[arg-type]


def test_polls_of_jobs_with_a_max_gap_are_reserved_with_the_call() -> None:
    """They are calls of the same rate."""
    rules = Rules(FIVE, calls_per_file=1, calls_per_job=4)
    assert rules.calls(files=2) == 7
    assert bucket_of(rules) == bucket_of(Rules(FIVE))


def test_circuit_opens_after_failures_in_a_row_and_longer_each_time() -> None:
    """A few change nothing; then it opens for half a minute, a minute, ... at most 15."""
    standing = CircuitState()
    pauses = []
    for _ in range(FAILURES_TO_OPEN + 7):
        standing = standing.after_failure(1000.0, None)
        pauses.append(standing.until - 1000.0 if standing.until else 0.0)
    assert pauses[: FAILURES_TO_OPEN - 1] == [0.0] * (FAILURES_TO_OPEN - 1)
    assert pauses[FAILURES_TO_OPEN - 1 : FAILURES_TO_OPEN + 3] == [30, 60, 120, 240]
    assert pauses[-1] == 900


def test_blocked_account_opens_the_circuit_at_once_and_briefly() -> None:
    """It may be fixed at any moment; until then one task probes."""
    standing = CircuitState()
    pauses = []
    for _ in range(5):
        standing = standing.after_block(1000.0, None, "Add credits.")
        assert (standing.probing, standing.reason) == (True, "Add credits.")
        pauses.append(standing.until - 1000.0)
    assert pauses == [30, 60, 90, 90, 90]
    assert CircuitState(3, 9000.0).after_block(1000.0, 3600, "Later.").until == 1300.0
    assert standing.after_success() == CircuitState()


def test_failure_after_a_block_does_not_pause_for_long() -> None:
    """However often the account was tried: those refusals say nothing about how busy it is."""
    standing = CircuitState()
    for _ in range(30):
        standing = standing.after_block(1000.0, None, "Add credits.")
    assert standing.after_failure(1000.0, None, "Busy.").until - 1000 <= MAX_HONORED_S
    busy = CircuitState()
    for _ in range(30):
        busy = busy.after_failure(1000.0, None, "Busy.")
    mixed = busy.after_block(5000.0, None, "Add credits.").after_failure(5000.0, None, "Busy.")
    assert mixed.until - 5000 <= MAX_HONORED_S


def test_retry_after_opens_the_circuit_at_once() -> None:
    """For every task, and for that long."""
    standing = CircuitState().after_failure(1000.0, 7)
    assert (standing.until, standing.probing) == (1007.0, False)


def test_success_ends_our_pause_but_not_a_retry_after() -> None:
    """A call that began before it may succeed after it."""
    asked = CircuitState().after_failure(1000.0, 90)
    assert asked.after_success() == CircuitState(0, 1090.0)
    ours = CircuitState(FAILURES_TO_OPEN, 1090.0)
    assert ours.after_success() == CircuitState()
