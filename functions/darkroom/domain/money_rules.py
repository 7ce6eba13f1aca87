"""An environment's rules of money, as its settings give them to the functions."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from darkroom.domain.budgets import Budget
from darkroom.domain.price_limit import PriceLimit

DEFAULT_GUARD_TASKS: Final = 500
GUARD_WINDOW: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class MoneyRules:
    """An environment's rules of money.

    Attributes:
        budgets: what may be spent in this environment.
        max_price: what one call may cost; None for any price.
        guard_tasks: how many new tasks may come below one folder of the first level within
            `GUARD_WINDOW`; those above are held until a person approves them.
    """

    budgets: tuple[Budget, ...] = ()
    max_price: PriceLimit | None = None
    guard_tasks: int = DEFAULT_GUARD_TASKS
