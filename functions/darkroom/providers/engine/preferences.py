"""An environment's preferences among its providers, and the order of routes they give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from darkroom.domain.rate_limits import AccountLimits
from darkroom.domain.routes import Route


@dataclass(frozen=True)
class Preferences:
    """An environment's settings for its providers.

    Attributes:
        order: operation -> providers to prefer, in order; "*" stands for every other operation.
        pace: provider -> limits of its account that differ from the adapter's.
        loopback: whether results may be on this machine, as the sandboxes' are.
        typical_s: no route's jobs usually take longer, seconds; None for what the routes declare.
    """

    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pace: Mapping[str, AccountLimits] = field(default_factory=dict)
    loopback: bool = False
    typical_s: int | None = None

    def applied_to(self, route: Route) -> Route:
        """The route with these preferences in place of what it declares."""
        if self.typical_s is None or route.typical_s <= self.typical_s:
            return route
        return replace(route, typical_s=self.typical_s)


def sort_routes(routes: Sequence[Route], order: Mapping[str, Sequence[str]]) -> tuple[Route, ...]:
    """The routes with the preferred providers of each operation first, otherwise in their order.

    Raises:
        ValueError: the order names an unknown operation or provider.
    """
    operations = {route.operation for route in routes} | {"*"}
    providers = {route.provider for route in routes}
    for operation, preferred in order.items():
        if operation not in operations:
            raise ValueError(f"the order of providers names an unknown operation '{operation}'")
        for provider in preferred:
            if provider not in providers:
                raise ValueError(f"the order of providers names an unknown one: '{provider}'")

    def place(route: Route) -> int:
        preferred = list(order.get(route.operation, order.get("*", ())))
        return preferred.index(route.provider) if route.provider in preferred else len(preferred)

    return tuple(sorted(routes, key=place))
