"""How much of the budgets of a folder, and of its environment, is left."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.domain.budgets import Budget, account_name, describe_account, in_millionths, in_units
from darkroom.domain.errors import DefaultRefused
from darkroom.domain.folder_default import budgets_in
from darkroom.pipeline.orders.folder_defaults import find_chain
from darkroom.ports import Ports


@dataclass(frozen=True)
class BudgetState:
    """One account of a budget at one moment.

    Attributes:
        account: its name.
        limit: what it may hold, in millionths.
        held: what is spent or reserved, in millionths.
    """

    budget: Budget
    provider: str
    account: str
    limit: int
    held: int

    @property
    def left(self) -> int:
        """What may still be spent, in millionths: nothing below zero."""
        return max(0, self.limit - self.held)

    @property
    def text(self) -> str:
        """As in "the budget of photos/_darkroom.json of 100 credits a day at ...: 45 left"."""
        what = describe_account(self.account, self.limit)
        return f"{what}: {in_units(self.held):,.10g} spent or reserved, {self._left_text} left"

    @property
    def _left_text(self) -> str:
        left = in_units(self.left)
        return f"{left:,.10g}" if self.provider else f"${left:,.2f}"

    def as_dict(self) -> dict[str, Any]:
        """The state for manifests and events, in credits or dollars."""
        return {
            "owner": self.budget.owner,
            "unit": "credits" if self.provider else "usd",
            "provider": self.provider or None,
            "per": self.budget.per,
            "limit": in_units(self.limit),
            "held": in_units(self.held),
            "left": in_units(self.left),
        }


def find_budgets(ports: Ports, folder: str | None) -> Sequence[Budget]:
    """The budgets that tasks of photos in this folder count against; None for no folder.

    Those of a broken `_darkroom.json` are left out.
    """
    if folder is None:
        return ports.money.budgets
    try:
        chain = find_chain(ports.inputs, f"{folder}photo.jpg")
    except DefaultRefused:
        chain = ()
    return (*ports.money.budgets, *budgets_in(chain))


def read_budget_states(
    ports: Ports, budgets: Iterable[Budget], providers: Iterable[str]
) -> list[BudgetState]:
    """How much of these budgets is left in their present periods, at these providers.

    One read for each account: a limit in credits has an account at each provider.
    """
    named = sorted(set(providers))
    return [state for budget in budgets for state in _read(ports, budget, named)]


def _read(ports: Ports, budget: Budget, providers: Sequence[str]) -> Iterator[BudgetState]:
    now = ports.clock.now()
    if budget.credits is not None:
        for provider in providers:
            name = account_name(budget, "credits", provider, now)
            limit = in_millionths(budget.credits)
            yield BudgetState(budget, provider, name, limit, ports.budgets.held(name))
    if budget.usd is not None:
        name = account_name(budget, "usd", "", now)
        limit = in_millionths(budget.usd)
        yield BudgetState(budget, "", name, limit, ports.budgets.held(name))
