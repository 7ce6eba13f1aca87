"""Budgets: what may be spent, what is reserved of it, and what holds a task back.

    the intent to pay  ──▶ reserves what the call may cost, in the same write, if there is room
    the answer         ──▶ what was charged takes the place of what was reserved
    no charge          ──▶ nothing is reserved any more

Each budget has an account for each of its periods. Amounts are whole millionths of a credit or of a
dollar: sums of them are exact.

Nothing here is stored: `budget_moves` says how a write changes the accounts, `ports.Tasks.replace`
changes them, `ports.Budgets` reads them.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

Unit = Literal["credits", "usd"]
Period = Literal["day", "ever"]

MILLIONTHS: Final = 1_000_000
ENVIRONMENT: Final = "environment"
"""The owner of a budget that every task of an environment counts against."""
MAX_AMOUNT: Final = 1_000_000_000
"""The largest budget, in credits or dollars."""


@dataclass(frozen=True)
class Budget:
    """What may be spent, by the environment or by the photos below a folder.

    Attributes:
        owner: `ENVIRONMENT`, or the key of the folder default that has it.
        usd: dollars, whichever provider is paid; None for no such limit.
        credits: credits of each provider, counted apart; None for no such limit.
        per: the period; a day is a day in UTC.
    """

    owner: str
    usd: float | None = None
    credits: float | None = None
    per: Period = "day"


@dataclass(frozen=True)
class Reservation:
    """What a paid call holds of a budget.

    Attributes:
        account: the account's name.
        amount: what the call may cost, in millionths.
        per_credit: what one credit counts, in millionths; None while a credit's price is unknown.
        limit: what the account may hold, in millionths.
    """

    account: str
    amount: int
    per_credit: int | None
    limit: int


@dataclass(frozen=True)
class CallPrice:
    """What a paid call may cost: the figures that limits are checked against.

    Attributes:
        credits: None where nothing is known.
        usd: the same.
        usd_per_credit: the price of a credit; None where it is unknown.
    """

    provider: str
    credits: float | None
    usd: float | None
    usd_per_credit: float | None = None


@dataclass(frozen=True)
class Shortage:
    """A budget that has no room for a call, or cannot be checked.

    Attributes:
        account: the budget's account.
        limit: what it may hold, in millionths.
        price_known: whether it is known what the call may cost.
    """

    account: str
    limit: int
    price_known: bool = True

    @property
    def line(self) -> str:
        """The line of the tasks that wait for room in this budget, in any period."""
        return f"@budget{json.dumps(json.loads(self.account)[:3])}"

    @property
    def owner(self) -> str:
        """Whose budget it is."""
        owner: str = json.loads(self.account)[0]
        return owner

    def __str__(self) -> str:
        """Why a task is held, for users."""
        budget = describe_account(self.account, self.limit)
        if self.price_known:
            return f"is held: {budget} has no room for it"
        return (
            f"is held: it counts against {budget}, and what the call costs is not known; set its "
            "price in the settings of the environment"
        )


def reserve(
    budgets: Iterable[Budget], price: CallPrice, now: datetime
) -> tuple[Reservation, ...] | Shortage:
    """What a call reserves of these budgets, or the one that cannot be checked."""
    reserved: list[Reservation] = []
    for budget in budgets:
        if budget.credits is not None:
            name = account_name(budget, "credits", price.provider, now)
            limit = in_millionths(budget.credits)
            if price.credits is None:
                return Shortage(name, limit, price_known=False)
            reserved.append(Reservation(name, in_millionths(price.credits), MILLIONTHS, limit))
        if budget.usd is not None:
            name = account_name(budget, "usd", "", now)
            limit = in_millionths(budget.usd)
            if price.usd is None:
                return Shortage(name, limit, price_known=False)
            rate = price.usd_per_credit
            per_credit = None if rate is None else in_millionths(rate)
            reserved.append(Reservation(name, in_millionths(price.usd), per_credit, limit))
    return tuple(reserved)


def account_name(budget: Budget, unit: Unit, provider: str, now: datetime) -> str:
    """The name of the account that a budget has at this time, in this unit.

    A JSON list, so two budgets never share one, whatever their owners are called.
    """
    period = now.date().isoformat() if budget.per == "day" else ""
    return json.dumps([budget.owner, unit, provider, period])


def accounts_of(
    budget: Budget, providers: Iterable[str], now: datetime
) -> dict[str, tuple[str, int]]:
    """A short name of each account that a budget has -> the account, and what it may hold.

    Short names are "usd", and "credits-snapapi" and so on. The limit is in millionths.
    """
    accounts: dict[str, tuple[str, int]] = {}
    if budget.usd is not None:
        accounts["usd"] = account_name(budget, "usd", "", now), in_millionths(budget.usd)
    if budget.credits is not None:
        limit = in_millionths(budget.credits)
        for provider in providers:
            name = account_name(budget, "credits", provider, now)
            accounts[f"credits-{provider}"] = name, limit
    return accounts


def describe_account(name: str, limit: int) -> str:
    """The budget in words: "the budget of photos/_darkroom.json of 100 credits a day"."""
    owner, unit, provider, period = json.loads(name)
    whose = "of this environment" if owner == ENVIRONMENT else f"of {owner}"
    amount = f"{in_units(limit):g} credits" if unit == "credits" else f"${in_units(limit):,.2f}"
    a_day = " a day" if period else ""
    at = f" at {provider}" if provider else ""
    return f"the budget {whose} of {amount}{a_day}{at}"


def in_millionths(amount: float) -> int:
    """Rounded up: a limit is never passed because of rounding."""
    return math.ceil(round(amount * MILLIONTHS, 3))


def in_units(amount: int) -> float:
    """Millionths as credits or dollars."""
    return amount / MILLIONTHS
