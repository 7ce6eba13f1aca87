"""What a vendor's own history says of an account's jobs, page by page; and jobs read from it.

| vendor says                                   | state      | credits           |
|-----------------------------------------------|------------|-------------------|
| the job is done, or its charge is listed      | `charged`  | what was charged  |
| the job has failed, and its credits were kept | `failed`   | what was charged  |
| its credits were given back                   | `refunded` | 0                 |
| the job has not ended                         | `running`  | may change        |
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

VendorState = Literal["charged", "refunded", "failed", "running"]

MAX_WORD: Final = 80
"""Characters of a vendor's own word that are kept."""


@dataclass(frozen=True)
class HistoryRow:
    """One row of a vendor's history.

    Attributes:
        entry: names the row: a row that two pages show is one.
        job_id: as our attempts know the job.
        at_s: when the job was made or charged, seconds since 1970; None where that cannot be read.
        credits: charged; several rows of one job are added up, and some of them may be negative.
            None where the row has no amount in the credits that we count.
        what: the vendor's word for the model or the action, for people.
    """

    entry: str
    job_id: str
    at_s: float | None
    credits: float | None
    state: VendorState
    what: str = ""


@dataclass(frozen=True)
class HistoryPage:
    """A page of a vendor's history.

    Attributes:
        rows: newest first.
        after: what asks for the next page; "" if there is none.
        unreadable: how many rows could not be read.
        leaves_out: the models whose jobs the history does not list.
    """

    rows: tuple[HistoryRow, ...]
    after: str = ""
    unreadable: int = 0
    leaves_out: frozenset[str] = frozenset()


@dataclass(frozen=True)
class VendorJob:
    """A job as the vendor's history has it; see `HistoryRow` for the fields.

    `credits` is what is left to be paid of all its rows, never negative.
    """

    job_id: str
    at_s: float | None
    credits: float | None
    state: VendorState
    what: str = ""


@dataclass(frozen=True)
class VendorHistory:
    """What was read of a vendor's history.

    Attributes:
        jobs: by job id.
        since_s: it holds every job from then on, seconds since 1970.
        complete: whether it reaches back as far as was asked.
        unreadable: how many rows could not be read.
        leaves_out: the models whose jobs the history does not list.
    """

    provider: str
    jobs: Mapping[str, VendorJob]
    since_s: float
    complete: bool = True
    unreadable: int = 0
    leaves_out: frozenset[str] = field(default_factory=frozenset)


def jobs_of(rows: Iterable[HistoryRow]) -> dict[str, VendorJob]:
    """The jobs of these rows, newest first.

    A vendor may write what was spent as a negative or as a positive amount. So the sum of a job
    counts without its sign: amounts of both signs cancel each other out, and are a refund.
    """
    entries: dict[str, HistoryRow] = {}
    for row in rows:
        entries.setdefault(row.entry, row)
    found: dict[str, VendorJob] = {}
    for row in entries.values():
        job = VendorJob(row.job_id, row.at_s, row.credits, row.state, row.what)
        known = found.get(row.job_id)
        found[row.job_id] = _merged(known, job) if known else job
    return {job_id: _settled(job) for job_id, job in found.items()}


def _merged(known: VendorJob, more: VendorJob) -> VendorJob:
    """A job with two rows; it began at the earlier one."""
    times = [at for at in (known.at_s, more.at_s) if at is not None]
    amounts = (known.credits, more.credits)
    credits_ = None if None in amounts else sum(amount or 0 for amount in amounts)
    return replace(known, at_s=min(times, default=None), credits=credits_)


def _settled(job: VendorJob) -> VendorJob:
    if job.credits is None:
        return job
    amount = abs(round(job.credits, 6))
    gone = not amount and job.state in ("charged", "failed")
    return replace(job, credits=amount, state="refunded" if gone else job.state)
