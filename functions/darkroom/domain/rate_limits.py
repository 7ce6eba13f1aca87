"""How fast a provider may be called: the account's rules, and the arithmetic of its rate limiter.

Nothing here is stored or waits; `ports.Limiter` keeps the state.

Calls are spread by reservation (GCRA, a leaky bucket). Each lane has the time at which it will be
empty, and every call moves that time on by its share of the documented window:

 now ──┬───────────── tolerance ─────────────┬──▶ time
       │  empty_at within it: go at once      │  empty_at beyond it: wait until it is within
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

Lane = Literal["submit", "poll"]
LANES: tuple[Lane, ...] = ("submit", "poll")

HEADROOM = 0.1
"""The part of every documented limit that stays unused: clocks differ, and others may use the same
account."""
BURST_SHARE = 0.05
"""The part of a lane's rate that may be used at once after the lane was idle."""
SLOT_TTL_SHARE = 0.1
"""The part of the window for which a reserved slot stays valid after its time; a later task
reserves again. A window then holds the calls of at most 1.1 windows of slots: 1.1 x (1 -
`HEADROOM`), which is below the limit."""


@dataclass(frozen=True)
class Rate:
    """A documented limit: at most `calls` in any window of `per_s` seconds."""

    calls: float
    per_s: float


@dataclass(frozen=True)
class Rules:
    """What an account at a provider allows.

    Attributes:
        rate: all calls together; None where nothing is documented.
        open_jobs: how many jobs may be open at once; None where jobs need no limit.
        share: the part of both that this environment may use, above 0 and at most 1.
        calls_per_file: further calls for each file that goes with the paid call.
        calls_per_job: further calls for polling a job that must not be left alone; they are
            reserved with the paid call, and then no task waits for the poll lane.
        polled: whether jobs are polled at all.
    """

    rate: Rate | None = None
    open_jobs: int | None = None
    share: float = 1.0
    calls_per_file: int = 0
    calls_per_job: int = 0
    polled: bool = True

    @property
    def leases(self) -> int | None:
        """How many of this environment's jobs may be open; at least one."""
        return None if self.open_jobs is None else max(1, int(self.open_jobs * self.share))

    @property
    def lanes(self) -> int:
        """The number of lanes that share the rate."""
        return 1 if self.calls_per_job or not self.polled else len(LANES)

    @property
    def slot_ttl_s(self) -> float:
        """How late a call may be for its reserved slot, seconds."""
        return self.rate.per_s * SLOT_TTL_SHARE if self.rate else math.inf

    def calls(self, files: int) -> int:
        """The calls that a submission with this many files takes of the rate."""
        return 1 + files * self.calls_per_file + self.calls_per_job


@dataclass(frozen=True)
class AccountLimits:
    """An environment's own limits of its account at a provider, in place of the declared ones.

    Attributes:
        share: the part of the account's limits, where several environments use it.
        calls_per_min: the account's own rate, where it differs from the documented one.
        open_jobs: how many jobs may be open at once.
    """

    share: float = 1.0
    calls_per_min: float | None = None
    open_jobs: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError("share must be above 0 and at most 1")
        if any(limit is not None and limit <= 0 for limit in (self.calls_per_min, self.open_jobs)):
            raise ValueError("calls_per_min and open_jobs must be above 0")

    def applied_to(self, declared: Rules) -> Rules:
        """The declared rules with these limits in their place."""
        rate = declared.rate
        if self.calls_per_min is not None:
            rate = Rate(self.calls_per_min, 60)
        return replace(
            declared,
            rate=rate,
            open_jobs=self.open_jobs or declared.open_jobs,
            share=self.share,
        )


@dataclass(frozen=True)
class Bucket:
    """One lane's leaky bucket.

    Attributes:
        spacing_s: seconds between calls at the steady rate.
        tolerance_s: how far ahead of the steady rate an idle lane may run.
    """

    spacing_s: float
    tolerance_s: float

    def slot(self, empty_at: float, now: float, calls: int = 1) -> tuple[float, float]:
        """When the calls may go, and when the lane is empty after them; seconds since 1970."""
        return max(now, empty_at - self.tolerance_s), max(now, empty_at) + calls * self.spacing_s


def bucket_of(rules: Rules) -> Bucket | None:
    """The bucket that keeps a lane's part of the rate in every window, bursts included.

    In a window of `per_s` a lane passes at most tolerance / spacing + 1 calls at once and one more
    every `spacing_s`: together its part of the limit without the headroom. None without a rate.
    """
    if rules.rate is None:
        return None
    part = rules.rate.calls * (1 - HEADROOM) * rules.share / rules.lanes
    at_once = max(1.0, part * BURST_SHARE)
    spacing = rules.rate.per_s / max(part - at_once, 0.1)
    return Bucket(spacing, (at_once - 1) * spacing)
