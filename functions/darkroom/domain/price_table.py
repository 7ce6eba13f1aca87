"""What a provider's documents, or an environment's settings, say that one call costs. Values only.

A table is a list of cases, each with the parameters that it holds for. What no case holds for has
no known price: nothing is guessed.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One figure of a price list.

    Attributes:
        credits: the provider's credits for one call, or for each `step` of `per`.
        where: parameter -> the values that it is for; None among them stands for "not given". With
            several parameters all of them must fit; without any it is for every call.
        per: the parameter whose number the price grows with, such as `duration`; "" for none.
        step: so much of `per` costs `credits`; a part of a step costs a whole one.
    """

    credits: float
    where: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    per: str = ""
    step: float = 1

    def fits(self, given: Mapping[str, Any]) -> bool:
        """Whether it is for a call with these parameters."""
        return all(given.get(name) in values for name, values in self.where.items())

    def credits_for(self, given: Mapping[str, Any]) -> float | None:
        """The credits of one call; None where the number that they grow with is not given."""
        if not self.per:
            return self.credits
        amount = given.get(self.per)
        if isinstance(amount, bool) or not isinstance(amount, int | float):
            return None
        return self.credits * math.ceil(amount / self.step)

    @property
    def condition(self) -> str:
        """What it is for, as in "mode std or not given, per 2 of dst_duration"; "" for all."""
        parts = [f"{name} {' or '.join(map(_show, values))}" for name, values in self.where.items()]
        if self.per:
            parts.append(f"per {self.step:g} of {self.per}")
        return ", ".join(parts)


@dataclass(frozen=True)
class PriceTable:
    """The known prices of a route; called with its parameters, it gives the credits of one call.

    Attributes:
        cases: the first one that fits holds; none where no price is known.
        given: reads the names and values of `Case.where` and `Case.per` from the parameters.
        is_setting: whether the environment's settings say so, and not the provider's documents.
    """

    cases: tuple[Case, ...] = ()
    given: Callable[[Any], Mapping[str, Any]] = vars
    is_setting: bool = False

    def __call__(self, params: Any) -> float | None:  # noqa: ANN401 - any route's parameters
        """The credits of one call with these parameters; None where they are not known."""
        if not self.cases:
            return None
        given = self.given(params)
        fitting = next((case for case in self.cases if case.fits(given)), None)
        return None if fitting is None else fitting.credits_for(given)

    def highest(self, given: Mapping[str, Any]) -> float | None:
        """The highest price of any case; None where all grow with a number that is not given."""
        known = [case.credits_for(given) for case in self.cases]
        return max((amount for amount in known if amount is not None), default=None)


def _show(value: object) -> str:
    return "not given" if value is None else str(value)


def fixed_price(credits_: float | None) -> PriceTable:
    """The same price for every call; no price for None."""
    return PriceTable(() if credits_ is None else (Case(credits_),))


NO_PRICE = PriceTable()
"""Nothing is known."""
