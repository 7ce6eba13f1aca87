"""Which providers a spec agrees to when the one that it prefers refuses."""

from collections.abc import Sequence

from darkroom.domain.budgets import CallPrice, in_millionths
from darkroom.domain.spec import Fallback


def keep_agreed(
    prices: Sequence[CallPrice], fallback: Fallback | None, *, named: bool
) -> Sequence[CallPrice]:
    """The price of each provider that may be called, in the order of preference.

    Args:
        prices: of each provider that can do it; the first is the preferred one.
        fallback: as the spec says it; None where it says nothing.
        named: whether the spec itself lists the providers, and so agrees to them.
    """
    if fallback is None:
        fallback = "any" if named else "same-or-cheaper"
    match fallback:
        case "any":
            return prices
        case "never":
            return prices[:1]
        case "same-or-cheaper":
            first = prices[0]
            return [price for price in prices if price is first or not _is_dearer(price, first)]


def _is_dearer(price: CallPrice, than: CallPrice) -> bool:
    """Whether it costs more, or may do so: an unknown price counts as dearer than any."""
    if price.usd is None:
        return True
    return than.usd is not None and in_millionths(price.usd) > in_millionths(than.usd)
