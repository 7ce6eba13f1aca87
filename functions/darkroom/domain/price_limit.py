"""A ceiling for the price of one call: `max_price` of a spec, a folder or an environment."""

from dataclasses import dataclass

from darkroom.domain.budgets import CallPrice, in_millionths


@dataclass(frozen=True)
class PriceLimit:
    """What one call may cost, in credits of its provider, in dollars, or both."""

    credits: float | None = None
    usd: float | None = None

    def exceeded_by(self, price: CallPrice) -> str | None:
        """Why a call of this price is not allowed, as the end of a sentence; None if it is."""
        for limit, cost, show in (
            (self.credits, price.credits, "{:g} credits"),
            (self.usd, price.usd, "${:g}"),
        ):
            if limit is None:
                continue
            if cost is None:
                return f"its price is not known, and {show.format(limit)} is the most allowed"
            if in_millionths(cost) > in_millionths(limit):
                return f"it costs {show.format(cost)}, and {show.format(limit)} is the most allowed"
        return None
