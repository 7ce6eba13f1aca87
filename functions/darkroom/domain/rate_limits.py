"""How fast a provider may be asked: the rules, and the arithmetic of slots and pauses.

Nothing here is stored or waits; `ports.Limiter` keeps what has to be remembered.

Calls are spread by reservation (a leaky bucket, GCRA). Each lane has the time at which it will be
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
"""Of every documented limit: clocks differ, and others may use the same account."""
BURST_SHARE = 0.05
"""Of a lane's own part that may go at once after it was idle."""
LATE_SHARE = 0.1
"""Of the limit's window: whoever comes so late for a reserved slot has it still; whoever comes
later reserves again. A window then holds the calls of at most 1.1 windows of slots: 1.1 x (1 -
`HEADROOM`), which is less than the limit."""

OPENS_AFTER = 5
"""So many refusals in a row pause a provider."""
FIRST_PAUSE_S = 30
MAX_PAUSE_S = 900
PROBE_S = 60
"""How long one task may try a paused provider before another one may."""
MAX_BLOCKED_S = 90
"""The longest pause of ours where people have to do something: it goes on soon after they did."""
MAX_BLOCKED_STEPS = 2
"""After so many steps the pauses of a blocked account grow no more."""
MAX_HEEDED_S = 300
"""How long an account that is blocked is left alone at most, whatever was asked for before."""


@dataclass(frozen=True)
class Rate:
    """A documented limit: so many calls in any window of so many seconds."""

    calls: float
    per_s: float


@dataclass(frozen=True)
class Rules:
    """What an account at a provider bears.

    Attributes:
        rate: all calls together; None where nothing is documented.
        open_jobs: how many jobs may be open at once; None where jobs need no limit.
        share: of both that this environment may use, above 0 and at most 1.
        calls_per_file: besides the paid call, for each file that goes with it.
        calls_per_job: for asking about a job that must not be left alone; they are reserved with
            the paid call, and then nobody waits for the poll lane.
        polled: whether there is anything to be asked about afterwards.
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
        """Among how many the rate is divided."""
        return 1 if self.calls_per_job or not self.polled else len(LANES)

    @property
    def slot_good_for_s(self) -> float:
        """How late a call may be for its reserved slot, seconds."""
        return self.rate.per_s * LATE_SHARE if self.rate else math.inf

    def calls(self, files: int) -> int:
        """What a submission with so many files takes of the rate."""
        return 1 + files * self.calls_per_file + self.calls_per_job


@dataclass(frozen=True)
class AccountLimits:
    """What an environment says of its account at a provider, in place of what is declared.

    Attributes:
        share: of the account's limits, where several environments use it.
        calls_per_min: the account's own limit, where it has another than the documented one.
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

    def over(self, declared: Rules) -> Rules:
        """The rules that hold."""
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
    """One lane of a rate, ready to be counted with.

    Attributes:
        spacing_s: seconds between calls that follow each other for long.
        tolerance_s: how far ahead of that an idle lane may run.
    """

    spacing_s: float
    tolerance_s: float

    def slot(self, empty_at: float, now: float, calls: int = 1) -> tuple[float, float]:
        """When the calls may go, and when the lane is empty after them; seconds since 1970."""
        return max(now, empty_at - self.tolerance_s), max(now, empty_at) + calls * self.spacing_s


def bucket_of(rules: Rules) -> Bucket | None:
    """A lane that keeps its part of the rate in every window, bursts included; None without a rate.

    In a window of `per_s` a lane passes at most tolerance / spacing + 1 calls at once and one more
    every `spacing_s`: together its part of what is not kept back.
    """
    if rules.rate is None:
        return None
    part = rules.rate.calls * (1 - HEADROOM) * rules.share / rules.lanes
    at_once = max(1.0, part * BURST_SHARE)
    spacing = rules.rate.per_s / max(part - at_once, 0.1)
    return Bucket(spacing, (at_once - 1) * spacing)


@dataclass(frozen=True)
class CircuitState:
    """How a provider has answered lately.

    Attributes:
        refusals: how often in a row it did not take a call that was right.
        until: before this (seconds since 1970) nobody calls it.
        reason: why it is left alone, for people.
    """

    refusals: int = 0
    until: float = 0.0
    reason: str = ""

    @property
    def probing(self) -> bool:
        """Whether one task at a time tries it out (half-open)."""
        return self.refusals >= OPENS_AFTER

    def answered(self) -> "CircuitState":
        """After an answer; how long it asked to be left alone is kept, a pause of ours is not."""
        return CircuitState() if self.probing else CircuitState(0, self.until, self.reason)

    def refused(self, now: float, asked_s: float | None, reason: str = "") -> "CircuitState":
        """After one more refusal; `asked_s` is how long it wants to be left alone.

        Refusals without a time pause it from the `OPENS_AFTER`th on, each pause twice the last.
        """
        refusals = self.refusals + 1
        pause = float(asked_s or 0)
        if refusals >= OPENS_AFTER:
            doubled = FIRST_PAUSE_S * 2 ** min(refusals - OPENS_AFTER, 10)
            pause = max(pause, min(MAX_PAUSE_S, doubled))
        return CircuitState(refusals, max(self.until, now + pause), reason)

    def blocked(self, now: float, asked_s: float | None, reason: str) -> "CircuitState":
        """After a refusal that holds for everybody until people have done something about it.

        It is paused at once, for a short while each time: 30, 60, then 90 s. However often that
        was, a refusal of another kind that follows does not pause it for much longer.
        """
        refusals = min(max(self.refusals + 1, OPENS_AFTER), OPENS_AFTER + MAX_BLOCKED_STEPS)
        doubled = FIRST_PAUSE_S * 2 ** min(refusals - OPENS_AFTER, 10)
        pause = max(float(asked_s or 0), min(MAX_BLOCKED_S, doubled))
        return CircuitState(refusals, now + min(MAX_HEEDED_S, pause), reason)
