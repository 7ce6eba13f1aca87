"""What an environment says about its providers, and the order of routes that follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from darkroom.domain.rate_limits import AccountLimits
from darkroom.domain.routes import Route


@dataclass(frozen=True)
class Preferences:
    """What an environment says about its providers.

    Attributes:
        order: operation -> providers to prefer, in order; "*" stands for every other operation.
        pace: provider -> what its account bears, where that is not as declared.
        loopback: whether results may lie on this machine, as those of the sandboxes do.
    """

    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pace: Mapping[str, AccountLimits] = field(default_factory=dict)
    loopback: bool = False


def in_order(routes: Sequence[Route], order: Mapping[str, Sequence[str]]) -> tuple[Route, ...]:
    """The routes with the preferred providers of each operation first, else as they were.

    Raises:
        ValueError: the order names an operation that nobody has, or a provider that there is not.
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
