"""What providers have charged lately, in memory."""

from darkroom.domain.prices import Charge, ProviderCharges
from darkroom.domain.routes import Route


class InMemoryCharges:
    """`darkroom.ports.Charges` in memory; `stored` is every provider's charges."""

    def __init__(self) -> None:
        self.stored: dict[str, ProviderCharges] = {}

    def known(self, provider: str) -> ProviderCharges:
        """The last charges of the provider's routes."""
        return self.stored.get(provider, ProviderCharges())

    def record(self, route: Route, terms: str, charge: Charge) -> bool:
        """Remember a charge of the route; whether it was new."""
        new = self.known(route.provider).after(route, terms, charge)
        if new is not None:
            self.stored[route.provider] = new
        return new is not None
