"""Prices that an environment's settings name, where documents say nothing or something else."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar


@dataclass(frozen=True)
class PriceSettings:
    """What one provider charges this environment; each figure replaces the documented one.

    Attributes:
        usd_per_credit: US dollars.
        credits: an operation, or an operation and a model as in "upscale:topaz", -> the credits of
            one call, whatever its parameters. The model comes first.
        as_of: when the figures were looked up (ISO date); "" without it.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    usd_per_credit: float | None = None
    credits: Mapping[str, float] = field(default_factory=dict)
    as_of: str = ""

    def __post_init__(self) -> None:
        for figure in (self.usd_per_credit, *self.credits.values()):
            check_amount(figure)
        if self.as_of:
            try:
                date.fromisoformat(self.as_of)
            except ValueError:
                raise ValueError("as_of must be a date like 2026-01-31") from None

    def credits_of(self, operation: str, models: tuple[str, ...]) -> float | None:
        """The credits of one call of a route; None where they are not named."""
        names = (*(f"{operation}:{model}" for model in models), operation)
        return next((self.credits[name] for name in names if name in self.credits), None)


def check_amount(figure: float | None) -> None:
    """Refuse an amount that no price can be. Raises `ValueError` with a sentence."""
    if figure is not None and not (math.isfinite(figure) and figure >= 0):
        raise ValueError("a price must be a number that is not negative")
