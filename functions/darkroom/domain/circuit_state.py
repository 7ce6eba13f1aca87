"""The state of a circuit breaker, as a value: how often calls failed, and until when it is open.

    closed ──FAILURES_TO_OPEN failures in a row, or a blocked account──▶ open until `until`
      ▲                                                                     │ `until` has passed
      └──────────one success────────── half-open: one probe at a time ◀─────┘
                                            └──failure──▶ open, for twice as long

There is one per provider, and one for our own delivery. `ports.Limiter` stores them; nothing here
is stored or waits. Times are seconds since 1970.
"""

from dataclasses import dataclass

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
MAX_HONORED_S = 300
"""A blocked account's circuit is never open for longer, whatever Retry-After the provider sent."""


@dataclass(frozen=True)
class CircuitState:
    """How a provider has answered lately.

    Attributes:
        refusals: how often in a row it did not take a valid call.
        until: no task calls it before this time.
        reason: why it is paused, for users.
    """

    refusals: int = 0
    until: float = 0.0
    reason: str = ""

    @property
    def probing(self) -> bool:
        """Whether only one task at a time may call, as a probe (half-open)."""
        return self.refusals >= FAILURES_TO_OPEN

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
        return CircuitState(refusals, max(self.until, now + pause), reason)

    def after_block(self, now: float, retry_after_s: float | None, reason: str) -> "CircuitState":
        """The state after a refusal that holds for every task until a person fixes the account.

        The circuit opens at once, and briefly: for 30, 60, then 90 s. The count is capped, so that
        a failure of another kind that follows does not open it for much longer.
        """
        most = FAILURES_TO_OPEN + MAX_BLOCKED_STEPS
        refusals = min(max(self.refusals + 1, FAILURES_TO_OPEN), most)
        opened = refusals - FAILURES_TO_OPEN + 1
        pause = max(float(retry_after_s or 0), exponential_s(FIRST_PAUSE_S, opened, MAX_BLOCKED_S))
        return CircuitState(refusals, now + min(MAX_HONORED_S, pause), reason)
