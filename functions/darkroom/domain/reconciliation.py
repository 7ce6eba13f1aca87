"""Our attempts beside a vendor's own history, by job id: what agrees, and what does not."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from darkroom.domain.attempt import Attempt
from darkroom.domain.task import State, Task
from darkroom.domain.vendor_history import VendorHistory, VendorJob

Kind = Literal[
    "ours-only",
    "theirs-only",
    "another-amount",
    "failed-and-charged",
    "refunded",
    "unknown",
]
"""How a job differs.

`refunded`: we count a charge that the vendor gave back. `unknown`: we do not know whether it was
charged, and the history says so.
"""

FRESH: Final = timedelta(minutes=10)
"""A job that only one side has is no difference yet: the other side may still write it down."""
AMOUNT_DIGITS: Final = 6
"""Amounts are compared in millionths of a credit."""
NEAR: Final = timedelta(seconds=60)
"""How much the clock of a vendor may differ from ours."""


@dataclass(frozen=True)
class OurCall:
    """One of our paid calls.

    Attributes:
        state: its task's.
        last: whether it is the last attempt of its task.
        same_account: whether it was made with the credentials in use.
    """

    task_id: str
    state: State
    attempt: Attempt
    last: bool
    under_way: bool
    same_account: bool = True

    @property
    def is_doubtful(self) -> bool:
        """Whether its task is `unknown` because of it."""
        return self.state == "unknown" and self.last


@dataclass(frozen=True)
class Difference:
    """A job of which the two sides say different things.

    Attributes:
        ours: None for `theirs-only`.
        theirs: None for `ours-only`.
        settles: whether the history says what we did not know, so that it can be written back.
        note: what a person should know about it; "" for nothing.
    """

    kind: Kind
    provider: str
    ours: OurCall | None
    theirs: VendorJob | None
    settles: bool = False
    note: str = ""

    @property
    def job_id(self) -> str:
        """The job; "" if neither side knows it."""
        if self.theirs is not None:
            return self.theirs.job_id
        return (self.ours.attempt.job_id if self.ours else None) or ""


@dataclass(frozen=True)
class Comparison:
    """What became of all jobs of one provider.

    Attributes:
        agreed: how many both sides say the same about.
        under_way: jobs that have not ended, or ended just now.
        not_compared: jobs that the history does not list, or lists without an amount.
        differences: those of ours by time, then the vendor's alone.
        unclaimed: every ended job that none of our calls has, also one that cost nothing.
    """

    provider: str
    agreed: int = 0
    under_way: int = 0
    not_compared: int = 0
    differences: Sequence[Difference] = field(default_factory=list)
    unclaimed: Sequence[VendorJob] = field(default_factory=list)


def calls_of(task: Task, account: str | None = None) -> Sequence[OurCall]:
    """The attempts of a task that a history may have.

    A call that was clearly refused is in none. `account`: the digest of the credentials in use.
    """
    return [
        OurCall(
            task.task_id,
            task.state,
            replace(attempt, request=None, answer=None),
            last=attempt is task.attempts[-1],
            under_way=not task.finished,
            same_account=account is None or attempt.account in (None, account),
        )
        for attempt in task.attempts
        if attempt.job_id or attempt.charged != "no" or attempt.outcome == "open"
    ]


def compare(
    history: VendorHistory, calls: Iterable[OurCall], since: datetime, now: datetime
) -> Comparison:
    """Compare one provider's history with our calls there.

    Args:
        history: begins before `since`, so that a job whose times differ a little is found.
        calls: the same, of this provider alone.
        since: differences of earlier jobs are left out.
        now: the time.
    """
    by_job: defaultdict[str, list[OurCall]] = defaultdict(list)
    without_job: list[OurCall] = []
    for call in calls:
        if call.attempt.job_id:
            by_job[call.attempt.job_id].append(call)
        else:
            without_job.append(call)
    tally = _Tally(history, since, now)
    for job_id, group in by_job.items():
        group.sort(key=_owns_first)
        tally.match(group[0], history.jobs.get(job_id))
        for call in group[1:]:  # the vendor has charged the job once
            tally.match(call, None)
    for call in without_job:
        tally.match(call, None)
    for job_id, job in history.jobs.items():
        if job_id not in by_job:
            tally.add_theirs(job)
    return tally.comparison()


def _owns_first(call: OurCall) -> tuple[bool, bool, datetime]:
    """The call whose job it is comes first: one that lost the job to another one has failed."""
    lost = call.attempt.failure is not None and call.attempt.failure.code == "job-claimed"
    return lost, call.attempt.charged != "yes", call.attempt.started_at


class _Tally:
    """Counts, and collects differences."""

    def __init__(self, history: VendorHistory, since: datetime, now: datetime) -> None:
        self._history = history
        self._since = since
        self._now = now
        self._counts = {"agreed": 0, "under_way": 0, "not_compared": 0}
        self._ours: list[Difference] = []
        self._theirs: list[Difference] = []
        self._unclaimed: list[VendorJob] = []

    def match(self, call: OurCall, job: VendorJob | None) -> None:
        """A call of ours, and the vendor's job if its history has it."""
        if call.attempt.started_at < self._since:
            return
        if call.under_way:
            self._counts["under_way"] += 1
        elif job is None:
            self._add_unlisted(call)
        else:
            self._add_listed(call, job)

    def add_theirs(self, job: VendorJob) -> None:
        """A job that none of our calls has."""
        at = _time_of(job)
        if at is not None and at < self._since:
            return
        if job.state == "running" or (at is not None and at > self._now - FRESH):
            self._counts["under_way"] += 1
            return
        self._unclaimed.append(job)
        if job.credits:
            note = "another environment or a person may have made it"
            self._theirs.append(
                Difference("theirs-only", self._history.provider, None, job, note=note)
            )
        else:  # it cost nothing, or an amount in another unit
            self._counts["not_compared" if job.credits is None else "agreed"] += 1

    def comparison(self) -> Comparison:
        """The result."""
        ours = [self._with_candidates(each) for each in self._ours]
        ours.sort(key=_time_of_ours)
        return Comparison(
            self._history.provider,
            differences=[*ours, *self._theirs],
            unclaimed=self._unclaimed,
            **self._counts,
        )

    def _add_unlisted(self, call: OurCall) -> None:
        attempt = call.attempt
        if attempt.charged == "no" or (attempt.charged == "yes" and attempt.credits == 0):
            self._counts["agreed"] += 1
        elif (attempt.ended_at or attempt.started_at) > self._now - FRESH:
            self._counts["under_way"] += 1
        elif (
            attempt.model in self._history.leaves_out
            or attempt.started_at.timestamp() < self._history.since_s
        ):
            self._counts["not_compared"] += 1
        else:
            note = "" if call.same_account else "made with other credentials than those in use"
            self._ours.append(
                Difference("ours-only", self._history.provider, call, None, note=note)
            )

    def _add_listed(self, call: OurCall, job: VendorJob) -> None:
        if job.state == "running":
            self._counts["under_way"] += 1
            return
        if job.credits is None:
            self._counts["not_compared"] += 1
            return
        kind = _kind_of(call.attempt, job, job.credits)
        if kind is None:
            self._counts["agreed"] += 1
            return
        settles = call.attempt.charged == "unknown"
        found = Difference(kind, self._history.provider, call, job, settles=settles)
        self._ours.append(found)

    def _with_candidates(self, difference: Difference) -> Difference:
        """An unknown call without a job id may have made a job that no other call has."""
        call = difference.ours
        if call is None or call.attempt.job_id or call.attempt.charged != "unknown":
            return difference
        near = [job.job_id for job in self._unclaimed if may_be_of(call, job)]
        if not near:
            return difference
        one = len(near) == 1
        note = (
            f"perhaps it made job {near[0]}" if one else f"perhaps it made one of {len(near)} jobs"
        )
        return replace(difference, note=note)


def may_be_of(call: OurCall, job: VendorJob) -> bool:
    """Whether a job was made at the time of a call."""
    at, attempt = _time_of(job), call.attempt
    return at is not None and attempt.started_at - NEAR <= at <= attempt.call_until + NEAR


def _kind_of(attempt: Attempt, job: VendorJob, charged: float) -> Kind | None:
    """How a job with this amount differs; None if both sides say the same."""
    if charged and (job.state == "failed" or _has_failed_unpaid(attempt)):
        return "failed-and-charged"
    if attempt.charged == "unknown":
        return "unknown"
    ours = attempt.credits if attempt.charged == "yes" else 0.0
    if ours is not None and not round(ours - charged, AMOUNT_DIGITS):
        return None
    return "another-amount" if charged else "refunded"


def _has_failed_unpaid(attempt: Attempt) -> bool:
    return attempt.charged == "no" and attempt.outcome in ("failed", "lost")


def _time_of(job: VendorJob) -> datetime | None:
    return None if job.at_s is None else datetime.fromtimestamp(job.at_s, UTC)


def _time_of_ours(difference: Difference) -> datetime:
    if difference.ours is None:
        raise AssertionError("only the vendor has it")
    return difference.ours.attempt.started_at
