"""What tasks have cost, in the providers' credits and in money as far as its price is known."""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.domain.routes import Tariff
    from darkroom.domain.task_summary import TaskSummary


@dataclass(frozen=True)
class Cost:
    """A sum.

    Attributes:
        credits: provider -> credits.
        usd: all of them in US dollars; None if a price or a call's credits are not known.
        known: whether the credits of every call are known.
    """

    credits: Mapping[str, float] = field(default_factory=dict)
    usd: float | None = 0.0
    known: bool = True

    @property
    def text(self) -> str:
        """As in "12 credits at snapapi, 3 at goapi ($0.45)"."""
        if not self.credits:
            return "nothing"
        parts = [f"{amount:,.6g} {name}" for name, amount in sorted(self.credits.items())]
        money = "" if self.usd is None else f" (${self.usd:,.2f})"
        return f"{'' if self.known else 'at least '}{', '.join(parts)} credits{money}"

    def as_dict(self) -> dict[str, object]:
        """The sum as `--json` prints it."""
        return {"credits": dict(self.credits), "usd": self.usd, "known": self.known}


@functools.cache
def find_tariffs() -> "Mapping[str, Tariff]":
    """Provider -> what its credits cost."""
    from darkroom.providers.registry import build_adapters  # noqa: PLC0415 - builds the routes' models

    return {adapter.name: adapter.tariff for adapter in build_adapters()}


def sum_cost(summaries: "Iterable[TaskSummary]") -> Cost:
    """What these tasks have cost."""
    spent: Counter[str] = Counter()
    known = True
    for summary in summaries:
        spent.update(summary.spent)
        known = known and summary.cost_known
    usd: float | None = 0.0
    for provider, amount in spent.items():
        tariff = find_tariffs().get(provider)
        price = tariff.usd_per_credit if tariff else None
        usd = None if usd is None or price is None else usd + price * amount
    return Cost(dict(spent), round(usd, 6) if usd is not None and known else None, known)
