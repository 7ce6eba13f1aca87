"""What tasks have cost, in the providers' credits and in money as far as its price is known."""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from infra.cli.target import LOCAL

if TYPE_CHECKING:
    from darkroom.domain.routes import Tariff
    from darkroom.domain.task_summary import TaskSummary

SMALL_USD: Final = 0.1
"""Below it, amounts are shown with four digits behind the point."""


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
        money = "" if self.usd is None else f" ({money_text(self.usd)})"
        return f"{'' if self.known else 'at least '}{', '.join(parts)} credits{money}"

    def as_dict(self) -> dict[str, object]:
        """The sum as `--json` prints it."""
        return {"credits": dict(self.credits), "usd": self.usd, "known": self.known}


@functools.cache
def find_tariffs(environment: str = LOCAL) -> "Mapping[str, Tariff]":
    """Provider -> what its credits cost, by the environment's settings or else the documents."""
    from darkroom.providers.engine.preferences import Preferences  # noqa: PLC0415 - brings pydantic
    from darkroom.providers.registry import build_adapters  # noqa: PLC0415 - builds the routes' models
    from infra.aws.environments import find_environment  # noqa: PLC0415 - only for this

    preferences = Preferences(price=find_environment(environment).prices)
    return {one.name: preferences.tariff_of(one.name, one.tariff) for one in build_adapters()}


def money_text(usd: float) -> str:
    """As in "$6.08", or "$0.0005": a small amount is not shown as nothing."""
    if not 0 < usd < SMALL_USD:
        return f"${usd:,.2f}"
    digits = f"{usd:.4f}"
    return f"${digits[:-2]}{digits[-2:].rstrip('0')}"


def usd_of(credits_: float, provider: str, environment: str) -> float | None:
    """What these credits cost in US dollars; None where their price is not known."""
    tariff = find_tariffs(environment).get(provider)
    price = tariff.usd_per_credit if tariff else None
    return None if price is None else price * credits_


def sum_cost(summaries: "Iterable[TaskSummary]", environment: str = LOCAL) -> Cost:
    """What these tasks have cost in an environment."""
    spent: Counter[str] = Counter()
    known = True
    for summary in summaries:
        spent.update(summary.spent)
        known = known and summary.cost_known
    usd: float | None = 0.0
    for provider, amount in spent.items():
        money = usd_of(amount, provider, environment)
        usd = None if usd is None or money is None else usd + money
    return Cost(dict(spent), round(usd, 6) if usd is not None and known else None, known)
