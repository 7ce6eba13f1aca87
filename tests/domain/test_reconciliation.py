"""Our attempts beside a vendor's history."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.attempt import Attempt, Charged, Outcome
from darkroom.domain.errors import Failure
from darkroom.domain.reconciliation import FRESH, Comparison, OurCall, calls_of, compare
from darkroom.domain.task import State
from darkroom.domain.vendor_history import VendorHistory, VendorJob, VendorState
from tests.fakes.clock import START
from tests.fakes.task_factory import sample_task

SINCE = START - timedelta(days=30)
NOW = START + timedelta(hours=2)


def _call(
    charged: Charged = "yes",
    credits_: float | None = 2.0,
    outcome: Outcome = "succeeded",
    state: State = "succeeded",
    **changes: Any,
) -> OurCall:
    fields: dict[str, Any] = {"job_id": "job", "started_at": START, **changes}
    attempt = Attempt(
        number=1,
        provider="beta",
        model=fields.pop("model", "beta-1"),
        call_until=fields["started_at"] + timedelta(seconds=90),
        outcome=outcome,
        charged=charged,
        credits=credits_,
        **fields,
    )
    return OurCall("a" * 32, state, attempt, last=True, under_way=False)


def _job(credits_: float | None = 2.0, state: VendorState = "charged") -> VendorJob:
    return VendorJob("job", START.timestamp() + 3, credits_, state)


def _compare(calls: list[OurCall], *jobs: VendorJob, **history: Any) -> Comparison:
    fields = {"since_s": SINCE.timestamp(), **history}
    read = VendorHistory("beta", {job.job_id: job for job in jobs}, **fields)
    return compare(read, calls, SINCE, NOW)


def _kinds(comparison: Comparison) -> list[str]:
    return [each.kind for each in comparison.differences]


@pytest.mark.parametrize(
    ("call", "job", "kind"),
    [
        (_call(), _job(), None),
        (_call(), _job(2.0000001), None),
        (_call(), _job(3.0), "another-amount"),
        (_call(credits_=None), _job(), "another-amount"),
        (_call("no", 0, "succeeded"), _job(), "another-amount"),
        (_call(), _job(0.0, "refunded"), "refunded"),
        (_call(credits_=0.0), _job(0.0, "refunded"), None),
        (_call(outcome="failed"), _job(2.0, "failed"), "failed-and-charged"),
        (_call("no", 2.0, "failed"), _job(), "failed-and-charged"),
        (_call("no", 2.0, "lost"), _job(), "failed-and-charged"),
        (_call("unknown", 2.0, "failed"), _job(2.0, "failed"), "failed-and-charged"),
        (_call("no", 2.0, "failed"), _job(0.0, "refunded"), None),
        (_call("unknown", 2.0, "unknown"), _job(), "unknown"),
        (_call("unknown", 2.0, "failed"), _job(0.0, "refunded"), "unknown"),
        (_call(), None, "ours-only"),
        (_call("unknown", 2.0, "unknown"), None, "ours-only"),
        (_call("no", 2.0, "failed"), None, None),
        (_call("yes", 0.0), None, None),
        (None, _job(), "theirs-only"),
        (None, _job(0.0, "refunded"), None),
    ],
)
def test_kind_of_a_difference(
    call: OurCall | None, job: VendorJob | None, kind: str | None
) -> None:
    """By what both sides say; no kind where they agree."""
    comparison = _compare([call] if call else [], *([job] if job else []))
    assert _kinds(comparison) == ([kind] if kind else [])
    assert comparison.agreed == (kind is None)
    for each in comparison.differences:
        unknown = call is not None and call.attempt.charged == "unknown"
        assert each.settles == (unknown and job is not None)


@pytest.mark.parametrize(
    ("calls", "jobs"),
    [
        ([replace(_call(), under_way=True)], []),
        ([replace(_call(), under_way=True)], [_job(7.0)]),
        ([_call("unknown", 2.0, "unknown")], [_job(2.0, "running")]),
        ([], [_job(2.0, "running")]),
        ([], [replace(_job(), at_s=(NOW - FRESH).timestamp() + 1)]),
        ([_call(ended_at=NOW - FRESH + timedelta(seconds=1))], []),
    ],
)
def test_what_may_still_change_is_no_difference(
    calls: list[OurCall], jobs: list[VendorJob]
) -> None:
    """Neither side is done with it."""
    comparison = _compare(calls, *jobs)
    assert (comparison.under_way, _kinds(comparison)) == (1, [])


def test_job_of_a_task_under_way_is_not_theirs_alone() -> None:
    """Its attempt is not compared, but known."""
    assert _kinds(_compare([replace(_call(), under_way=True)], _job())) == []


@pytest.mark.parametrize(
    ("calls", "jobs", "history"),
    [
        ([_call()], [_job(None)], {}),
        ([_call("unknown", 2.0)], [_job(None)], {}),
        ([], [_job(None)], {}),
        ([_call(model="v2")], [], {"leaves_out": frozenset({"v2"})}),
        ([_call()], [], {"since_s": START.timestamp() + 1, "complete": False}),
    ],
)
def test_what_a_history_does_not_say_is_not_compared(
    calls: list[OurCall], jobs: list[VendorJob], history: dict[str, Any]
) -> None:
    """No amount, a model that it leaves out, or a time before it was read."""
    comparison = _compare(calls, *jobs, **history)
    assert (comparison.not_compared, _kinds(comparison)) == (1, [])


def test_earlier_jobs_are_known_and_not_reported() -> None:
    """Both sides are read from before the time that is asked for."""
    early = SINCE - timedelta(hours=1)
    call = _call(started_at=early)
    job = replace(_job(), job_id="other", at_s=early.timestamp())
    assert _compare([call], job) == Comparison("beta", differences=[])


def test_two_attempts_cannot_share_a_charge() -> None:
    """The one that lost the job to the other is ours alone; it settles nothing."""
    claimed = Failure("job-claimed", "It belongs to another.")
    loser = _call("unknown", 2.0, "failed", failure=claimed)
    comparison = _compare([loser, _call()], _job())
    assert comparison.agreed == 1
    [difference] = comparison.differences
    assert (difference.kind, difference.ours, difference.settles) == ("ours-only", loser, False)


def test_unknown_call_names_the_job_that_it_may_have_made() -> None:
    """Only a job of its time; two of them are counted."""
    call = _call("unknown", 2.0, "unknown", "unknown", job_id=None)
    job = replace(_job(), job_id="theirs")
    late = replace(job, job_id="late", at_s=START.timestamp() + 3600)
    [ours, *_] = _compare([call], job, late).differences
    assert ours.note == "perhaps it made job theirs"
    [ours, *_] = _compare([call], job, replace(job, job_id="b")).differences
    assert ours.note == "perhaps it made one of 2 jobs"
    free = replace(job, credits=0.0, state="refunded")
    [ours] = _compare([call], free).differences
    assert ours.note == "perhaps it made job theirs"
    [ours, *_] = _compare([call], late).differences
    assert ours.note == ""


def test_other_credentials_are_noted() -> None:
    """Another account does not know the job."""
    [difference] = _compare([replace(_call(), same_account=False)]).differences
    assert difference.note == "made with other credentials than those in use"


def test_calls_that_no_history_can_have_are_left_out() -> None:
    """A refusal made no job; the answer and the request are not kept in memory."""
    refused = replace(_call("no", None, "refused").attempt, job_id=None)
    paid = replace(_call().attempt, number=2, account="old", request="secret")
    task = sample_task(1, "succeeded", attempts=(refused, paid))
    [call] = calls_of(task, "new")
    assert (call.attempt, call.last) == (replace(paid, request=None), True)
    assert (call.same_account, call.under_way) == (False, False)
    assert calls_of(task)[0].same_account
    [call] = calls_of(replace(task, state="running"))
    assert call.under_way
