"""The state of a circuit breaker, as a value: how often calls failed, and until when it is open.

    closed ──FAILURES_TO_OPEN failures in a row, or a blocked account──▶ open until `until`
      ▲                                                                     │ `until` has passed
      └──────────one success────────── half-open: one probe at a time ◀─────┘
                                            └──failure──▶ open, for twice as long

There is one per provider, and one for our own delivery. `ports.Limiter` stores them; nothing here
is stored or waits. Times are seconds since 1970.
"""

from dataclasses import dataclass, replace
from typing import Final

from darkroom.domain.retries import exponential_s

FAILURES_TO_OPEN = 5
"""Failures in a row that open the circuit."""
FIRST_PAUSE_S = 30
MAX_PAUSE_S = 900
PROBE_S = 60
"""How long one task may probe a provider before another one may."""
MAX_BLOCKED_S = 90
"""The longest pause of ours for an account that a person has to fix: work resumes soon after."""
MAX_BLOCKED_STEPS = 2
"""After this many steps the pauses of a blocked account grow no more."""
ASK_BALANCE_S = 120
"""How often the balance of an empty account is asked for."""
EMPTY_PAUSE_S = 240
"""How long no task tries an account whose balance is too low: longer than until the balance is
asked for again, so that a task tries it only if that fails."""
MAX_HONORED_S = 300
"""A blocked account's circuit is never open for longer, whatever Retry-After the provider sent."""


NO_CREDITS: Final = "no-credits"
"""The failure code of a call that the account has too few credits for."""


@dataclass(frozen=True)
class Blocked:
    """An account that a person has to fix, from the first refusal to the next accepted call.

    Attributes:
        since: when it was refused first.
        code: the failure code of its last refusal.
        announced: whether the event that it is empty was published.
        asked_at: when its balance was asked for last; 0 for never.
    """

    since: float
    code: str
    announced: bool = False
    asked_at: float = 0.0


@dataclass(frozen=True)
class CircuitState:
    """How a provider has answered lately.

    Attributes:
        refusals: how often in a row it did not take a valid call.
        until: no task calls it before this time.
        reason: why it is paused, for users.
        blocked: what is known of a blocked account; None while it is not blocked.
    """

    refusals: int = 0
    until: float = 0.0
    reason: str = ""
    blocked: Blocked | None = None

    @property
    def probing(self) -> bool:
        """Whether only one task at a time may call, as a probe (half-open)."""
        return self.refusals >= FAILURES_TO_OPEN

    @property
    def empty_since(self) -> float | None:
        """Since when the account has too few credits; None if that is not why it is paused."""
        if self.blocked is None or self.blocked.code != NO_CREDITS:
            return None
        return self.blocked.since

    def after_success(self) -> "CircuitState":
        """The state after an answer: our own pause ends, a pause that the provider set does not."""
        return CircuitState() if self.probing else CircuitState(0, self.until, self.reason)

    def after_failure(
        self, now: float, retry_after_s: float | None, reason: str = ""
    ) -> "CircuitState":
        """The state after one more failure.

        From the `FAILURES_TO_OPEN`th on the circuit opens, each time for twice as long as before.

        Args:
            now: the time.
            retry_after_s: the pause that the provider set, or None.
            reason: why it failed, for users.
        """
        refusals = self.refusals + 1
        pause = float(retry_after_s or 0)
        if refusals >= FAILURES_TO_OPEN:
            opened = refusals - FAILURES_TO_OPEN + 1
            pause = max(pause, exponential_s(FIRST_PAUSE_S, opened, MAX_PAUSE_S))
        # It says nothing about the account: that stays as it was last known.
        return CircuitState(refusals, max(self.until, now + pause), reason, self.blocked)

    def after_block(
        self, now: float, retry_after_s: float | None, reason: str, code: str = ""
    ) -> "CircuitState":
        """The state after a refusal that holds for every task until a person fixes the account.

        The circuit opens at once, and briefly: for 30, 60, then 90 s. The count is capped, so that
        a failure of another kind that follows does not open it for much longer.

        Args:
            now: the time.
            retry_after_s: the pause that the provider set, or None.
            reason: why it is blocked, for users.
            code: the same for programs, the failure's; "" for trouble of our own.
        """
        most = FAILURES_TO_OPEN + MAX_BLOCKED_STEPS
        refusals = min(max(self.refusals + 1, FAILURES_TO_OPEN), most)
        opened = refusals - FAILURES_TO_OPEN + 1
        pause = max(float(retry_after_s or 0), exponential_s(FIRST_PAUSE_S, opened, MAX_BLOCKED_S))
        blocked = replace(self.blocked or Blocked(now, code), code=code) if code else None
        return CircuitState(refusals, now + min(MAX_HONORED_S, pause), reason, blocked)

    def after_balance(self, now: float, *, enough: bool) -> "CircuitState":
        """The state of an empty account whose balance is known.

        With enough of it one task may call at once; its success closes the circuit. With too
        little, no task needs to try before the balance is asked for again.
        """
        until = min(self.until, now) if enough else max(self.until, now + EMPTY_PAUSE_S)
        return replace(self, until=until)
