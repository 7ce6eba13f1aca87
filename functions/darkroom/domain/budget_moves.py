"""How the accounts of budgets change when a task's attempts do.

What an account holds follows from the attempts of all tasks alone, so the write that changes an
attempt changes the account by the difference.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkroom.domain.attempt import Attempt
from darkroom.domain.budgets import MILLIONTHS, Reservation, in_millionths


@dataclass(frozen=True)
class Move:
    """How a write of a task changes an account.

    Attributes:
        amount: millionths to add; less than 0 when something is free again.
        limit: what the account may hold then; None where the change only records what was paid.
    """

    account: str
    amount: int
    limit: int | None = None


def moves(old: Sequence[Attempt], new: Sequence[Attempt]) -> Sequence[Move]:
    """How the accounts change when a task's attempts do, by account."""
    before, after = counted(old), counted(new)
    known = {attempt.number for attempt in old if attempt.outcome == "open"}
    limits = {
        one.account: one.limit
        for attempt in new
        if attempt.outcome == "open" and attempt.number not in known
        for one in attempt.reserved
    }
    return [
        Move(account, after.get(account, 0) - before.get(account, 0), limits.get(account))
        for account in sorted(before.keys() | after.keys())
        if after.get(account, 0) != before.get(account, 0)
    ]


def counted(attempts: Sequence[Attempt]) -> Mapping[str, int]:
    """What these attempts hold of each account, in millionths.

    What was reserved, until it is known what was charged; an unclear charge counts as reserved.
    """
    held: Counter[str] = Counter()
    for attempt in attempts:
        for one in attempt.reserved:
            held[one.account] += _counted(attempt, one)
    return held


def _counted(attempt: Attempt, reserved: Reservation) -> int:
    if attempt.outcome == "open":
        return reserved.amount
    if attempt.charged == "no":
        return 0
    if attempt.credits is None or reserved.per_credit is None:
        return reserved.amount
    return in_millionths(attempt.credits * reserved.per_credit / MILLIONTHS)
