"""The account's credits: the balance, and an entry for every charge and refund.

An entry is written in the same locked step that checks the balance, so that concurrent calls can
neither overspend nor go unrecorded.
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
    """A paid call: its id in the sandbox, its price, and what identifies it for the client."""

    job_id: str
    route: str
    credits: int
    request_digest: str
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Entry:
    """One charge or refund, at a time in sandbox seconds."""

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
        """Set the balance, as a top-up or spending elsewhere would."""
        with self._lock:
            self._balance = balance

    def charge(self, purchase: Purchase, at: float | None = None) -> None:
        """Charge the price at `at`, by default now, or raise `OutOfCreditsError`."""
        with self._lock:
            if purchase.credits > self._balance:
                raise OutOfCreditsError(purchase.credits, self._balance)
            self._balance -= purchase.credits
            when = self._clock.now() if at is None else at
            self._entries.append(self._entry("charge", purchase, when))

    def refund(self, purchase: Purchase, at: float | None = None) -> None:
        """Refund the price at `at`, by default now; a second refund of a job changes nothing."""
        with self._lock:
            if any(e.kind == "refund" and e.job_id == purchase.job_id for e in self._entries):
                return
            self._balance += purchase.credits
            when = self._clock.now() if at is None else at
            self._entries.append(self._entry("refund", purchase, when))

    def entries(self) -> list[Entry]:
        """Return every entry, the oldest first."""
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
