"""The account's credits and every movement of them.

One entry per accepted paid call, written in the same locked step that checks the balance, so that
calls at the same moment can neither overspend nor go unrecorded.
"""

import threading
from dataclasses import dataclass
from typing import Literal

from infra.sandbox.clock import Clock


class OutOfCreditsError(Exception):
    """The balance does not cover the price; nothing was charged."""

    def __init__(self, required: int, available: int) -> None:
        super().__init__(f"{required} credits are needed, {available} are left")
        self.required = required
        self.available = available


@dataclass(frozen=True)
class Purchase:
    """What is bought: the id of the call over here, and what identifies it over there."""

    job_id: str
    route: str
    credits: int
    request_digest: str
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Entry:
    """One movement of credits."""

    at: float
    kind: Literal["charge", "refund"]
    credits: int
    job_id: str
    route: str
    key: str | None
    request_digest: str


class Ledger:
    """One account: a balance and its entries, oldest first."""

    def __init__(self, clock: Clock, balance: int) -> None:
        self._clock = clock
        self._balance = balance
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    @property
    def balance(self) -> int:
        """Credits left."""
        with self._lock:
            return self._balance

    def set_balance(self, balance: int) -> None:
        """Put the balance to a figure, as a top-up or a spending spree elsewhere would."""
        with self._lock:
            self._balance = balance

    def charge(self, purchase: Purchase, at: float | None = None) -> None:
        """Take the price, booked `at` or now; or raise `OutOfCreditsError` and take nothing."""
        with self._lock:
            if purchase.credits > self._balance:
                raise OutOfCreditsError(purchase.credits, self._balance)
            self._balance -= purchase.credits
            when = self._clock.now() if at is None else at
            self._entries.append(self._entry("charge", purchase, when))

    def refund(self, purchase: Purchase, at: float | None = None) -> None:
        """Give the price back, at `at` or now; a second refund of the same job changes nothing."""
        with self._lock:
            if any(e.kind == "refund" and e.job_id == purchase.job_id for e in self._entries):
                return
            self._balance += purchase.credits
            when = self._clock.now() if at is None else at
            self._entries.append(self._entry("refund", purchase, when))

    def entries(self) -> list[Entry]:
        """Return every movement, the oldest first."""
        with self._lock:
            return list(self._entries)

    def report(self) -> dict[str, object]:
        """Return entries, sums and balance, ready for JSON."""
        with self._lock:
            return {
                "entries": [dict(vars(entry)) for entry in self._entries],
                "charged": sum(e.credits for e in self._entries if e.kind == "charge"),
                "refunded": sum(e.credits for e in self._entries if e.kind == "refund"),
                "balance": self._balance,
            }

    @staticmethod
    def _entry(kind: Literal["charge", "refund"], purchase: Purchase, at: float) -> Entry:
        return Entry(
            at=at,
            kind=kind,
            credits=purchase.credits,
            job_id=purchase.job_id,
            route=purchase.route,
            key=purchase.idempotency_key,
            request_digest=purchase.request_digest,
        )
