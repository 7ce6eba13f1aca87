"""How fast a provider may be called: the account's rules, and the arithmetic of its rate limiter.

Nothing here is stored or waits; `turns.Turns` is the state, and `ports.Lines` keeps it.

Calls are spread by reservation (GCRA, a leaky bucket). Each provider has the time at which its
bucket will be empty, and every call moves that time on by its share of the documented window:

 now ──┬───────────── tolerance ─────────────┬──▶ time
       │  empty_at within it: go at once      │  empty_at beyond it: wait until it is within
"""

from dataclasses import dataclass, replace

HEADROOM = 0.1
"""The part of every documented limit that stays unused: clocks differ, and others may use the same
account."""
BURST_SHARE = 0.02
"""The part of the rate that may be used at once after an idle time: it is missing from the steady
rate, and a batch lives on that."""
MAX_LATE_S = 30.0
"""How long after its time a turn may be used where no rate is documented: a cold start takes a few
seconds."""
MAX_LATE_SHARE = 0.1
"""The same where there is a rate, as a part of its window. A window then holds the calls of at most
1.1 windows of turns: 1.1 x (1 - `HEADROOM`), which is below the limit."""


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
            reserved with the paid call.
    """

    rate: Rate | None = None
    open_jobs: int | None = None
    share: float = 1.0
    calls_per_file: int = 0
    calls_per_job: int = 0

    @property
    def max_open_jobs(self) -> int | None:
        """How many of this environment's jobs may be open; at least one."""
        return None if self.open_jobs is None else max(1, int(self.open_jobs * self.share))

    @property
    def max_late_s(self) -> float:
        """How late a task may be for its turn, seconds; after that it has missed it."""
        return self.rate.per_s * MAX_LATE_SHARE if self.rate else MAX_LATE_S

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
    """A leaky bucket.

    Attributes:
        spacing_s: seconds between calls at the steady rate.
        tolerance_s: how far ahead of the steady rate calls may run after an idle time.
    """

    spacing_s: float
    tolerance_s: float

    def slot(self, empty_at: float, now: float, calls: int = 1) -> tuple[float, float]:
        """When the calls may go, and when it is empty after them; seconds since 1970."""
        return max(now, empty_at - self.tolerance_s), max(now, empty_at) + calls * self.spacing_s


def bucket_of(rules: Rules) -> Bucket | None:
    """The bucket that keeps the rate in every window, bursts included; None without a rate.

    In a window of `per_s` it passes at most tolerance / spacing + 1 calls at once and one more
    every `spacing_s`: together the limit without the headroom, times the share.
    """
    if rules.rate is None:
        return None
    part = rules.rate.calls * (1 - HEADROOM) * rules.share
    at_once = max(1.0, part * BURST_SHARE)
    spacing = rules.rate.per_s / max(part - at_once, 0.1)
    return Bucket(spacing, (at_once - 1) * spacing)
