"""What a simulation's environment and its users want of money: guards, ceilings, tariffs, wishes.

Chosen apart from everything else, by random numbers of its own: two simulations that differ in
nothing else have the same faults.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from darkroom.domain.money_rules import MoneyRules
from darkroom.domain.price_limit import PriceLimit
from tests.fakes.routes import JOB_KEY, SYNC_NONE
from tests.simulation.ledger import PRICE, REPORTED_PRICE

USD_PER_CREDIT: Final = 0.01
SUCCEEDED: Final = "succeeded"
GUARDS: Final = (500, 500, 500, 500, 3, 1, 0)
"""How many new tasks below one folder are not held."""
TARIFFS: Final = (USD_PER_CREDIT, USD_PER_CREDIT, USD_PER_CREDIT / 2, USD_PER_CREDIT * 2)
PROVIDERS: Final = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
MAX_PRICES: Final = (None,) * 9 + (PriceLimit(usd=1.25 * PRICE * USD_PER_CREDIT),)
"""Of environments; the one that is a limit lies between the listed and the reported price."""
TOO_LITTLE: Final = PRICE / 2


@dataclass(frozen=True)
class Wish:
    """What the user of one task wants.

    Attributes:
        fields: of its spec.
        end: how its task ends without faults; None if it depends.
        upload: what the metadata of its photo says: `hold`, `approved` or nothing.
        operation: what it is about; None for any.
        other_photo: whether its photo has other bytes than most.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    end: str | None = SUCCEEDED
    upload: str = ""
    operation: str | None = None
    other_photo: bool = False


_CEILINGS: Final = (
    Wish({"max_price": {"credits": TOO_LITTLE}}, "above-max-price"),
    Wish({"max_price": {"credits": PRICE}}, None),
    Wish({"max_price": {"credits": REPORTED_PRICE}}),
    Wish({"max_price": {"usd": PRICE * USD_PER_CREDIT}}, None),
)
_WISHES: Final = (
    *_CEILINGS,
    Wish({"fallback": "never"}),
    Wish({"fallback": "same-or-cheaper"}),
    Wish({"reuse": True}, operation=SYNC_NONE),
    Wish({"reuse": True}, operation=SYNC_NONE),
    Wish({"reuse": True}, operation=SYNC_NONE, other_photo=True),
    Wish({"reuse": True, "provider": ["beta", "alpha"]}, operation=SYNC_NONE),
    Wish({"reuse": True, "params": {"scale": 4}}, operation=JOB_KEY),
    Wish({"reuse": True}, operation=JOB_KEY),
    Wish(upload="hold"),
    Wish(upload="approved"),
)
WISHING: Final = 0.4
"""The share of the tasks whose users want something."""


@dataclass(frozen=True)
class MoneyWorld:
    """The rules of money of one simulation.

    Attributes:
        rules: the environment's.
        usd_per_credit: provider -> the price of its credit.
        draw: what users draw from; None if they want nothing.
        patient: whether held tasks are approved in the end, all of them.
    """

    rules: MoneyRules = field(default_factory=MoneyRules)
    usd_per_credit: Mapping[str, float] = field(default_factory=dict)
    draw: random.Random | None = None
    patient: bool = True

    def rate(self, provider: str) -> float:
        """The price of a credit, dollars."""
        return self.usd_per_credit.get(provider, USD_PER_CREDIT)

    def wish(self) -> Wish:
        """What the user of the next task wants."""
        if self.draw is None or self.draw.random() >= WISHING:
            return Wish()
        return self.draw.choice(_WISHES)


def build_money_world(seed: int, *, fault_free: bool) -> MoneyWorld:
    """The rules of a seed."""
    draw = random.Random(f"money {seed}")  # noqa: S311 - the same again, not a secret
    equal = draw.random() < 0.5
    rates = {name: USD_PER_CREDIT if equal else draw.choice(TARIFFS) for name in PROVIDERS}
    guard, ceiling = draw.choice(GUARDS), draw.choice(MAX_PRICES)
    if fault_free:  # there, it is known how each task ends
        rates, ceiling = {}, None
    rules = MoneyRules(max_price=ceiling, guard_tasks=guard)
    return MoneyWorld(rules, rates, draw, patient=fault_free)
