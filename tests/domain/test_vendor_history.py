"""The rows of a history become jobs."""

import pytest

from darkroom.domain.vendor_history import HistoryRow, VendorState, jobs_of


def _row(entry: str, credits_: float | None, state: VendorState = "charged") -> HistoryRow:
    return HistoryRow(entry, "job", 5.0, credits_, state)


@pytest.mark.parametrize(
    ("amounts", "state", "credits_"),
    [
        ([2.0], "charged", 2.0),
        ([-2.0], "charged", 2.0),
        ([-2.0, -1.0], "charged", 3.0),
        ([2.0, -2.0], "refunded", 0.0),
        ([-2.0, 0.5], "charged", 1.5),
        ([0.1, 0.2, -0.3], "refunded", 0.0),
        ([0.0], "refunded", 0.0),
        ([None], "charged", None),
        ([2.0, None], "charged", None),
    ],
)
def test_rows_of_a_job_are_added_up(
    amounts: list[float | None], state: VendorState, credits_: float | None
) -> None:
    """Whatever the sign of what was spent is; amounts of both signs are a refund."""
    job = jobs_of(_row(str(number), amount) for number, amount in enumerate(amounts))["job"]
    assert (job.state, job.credits) == (state, credits_)


def test_row_on_two_pages_is_one() -> None:
    """New jobs shift the others from page to page."""
    assert jobs_of([_row("a", 2.0), _row("a", 2.0)])["job"].credits == 2.0


def test_failed_job_without_credits_was_refunded_and_a_running_one_was_not() -> None:
    """A running one may still be charged."""
    assert jobs_of([_row("a", 0.0, "failed")])["job"].state == "refunded"
    assert jobs_of([_row("a", 1.0, "failed")])["job"].state == "failed"
    assert jobs_of([_row("a", 0.0, "running")])["job"].state == "running"


def test_job_began_at_its_earliest_row() -> None:
    """A row without a time says nothing."""
    rows = [
        HistoryRow("a", "job", 9.0, 1.0, "charged"),
        HistoryRow("b", "job", None, 1.0, "charged"),
        HistoryRow("c", "job", 4.0, 1.0, "charged"),
    ]
    assert jobs_of(rows)["job"].at_s == 4.0
