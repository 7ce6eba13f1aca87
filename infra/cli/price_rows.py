"""The known prices of routes as rows: one for each case of a price list and each charge.

Prices are those of the documents and of the environment's settings; what providers have charged
lately is added where the environment's table can be read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from infra.cli.offline_specs import find_routes

if TYPE_CHECKING:
    from darkroom.domain.prices import Charge, Price, ProviderCharges
    from darkroom.domain.routes import Route, Tariff
    from infra.aws.environments import Environment


@dataclass(frozen=True)
class PriceRow:
    """One price.

    Attributes:
        condition: the parameters that it is for; "" for any.
        per: whether it grows with one of them.
    """

    route: "Route"
    condition: str
    price: "Price"
    per: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The row as `--json` prints it."""
        return {
            "operation": self.route.operation,
            "provider": self.route.provider,
            "model": self.route.model,
            "parameters": self.condition,
            "per": self.per or None,
            **vars(self.price),
        }


@dataclass(frozen=True)
class KnownPrices:
    """What is known of prices.

    Attributes:
        tariffs: provider -> what its credits cost.
        charges: provider -> what it has charged lately; empty where that cannot be read.
    """

    routes: "Sequence[Route]"
    tariffs: "Mapping[str, Tariff]"
    charges: "Mapping[str, ProviderCharges]" = field(default_factory=dict)


def declared_prices(environment: "Environment") -> KnownPrices:
    """What documents and the environment's settings say; reads nothing from AWS."""
    from darkroom.providers.engine.preferences import Preferences  # noqa: PLC0415 - brings pydantic
    from darkroom.providers.registry import build_adapters  # noqa: PLC0415 - builds the routes

    preferences = Preferences(price=environment.prices)
    return KnownPrices(
        [preferences.applied_to(route) for route in find_routes() if route.refusal is None],
        {one.name: preferences.tariff_of(one.name, one.tariff) for one in build_adapters()},
    )


def build_rows(known: KnownPrices, routes: "Iterable[Route]", now: datetime) -> list[PriceRow]:
    """The rows of these routes, in their order."""
    return [row for route in routes for row in _rows_of(known, route, now)]


def _rows_of(known: KnownPrices, route: "Route", now: datetime) -> Iterator[PriceRow]:
    from darkroom.domain.prices import (  # noqa: PLC0415 - brings pydantic along
        charged_price,
        listed_price,
        recent,
        terms_of_figure,
        unknown_price,
    )

    tariff = known.tariffs[route.provider]
    table = route.credits
    charged: dict[str, Charge] = {}
    if route.provider in known.charges and not table.is_setting:
        for terms, charges in known.charges[route.provider].of(route).items():
            if lately := recent(charges, now):
                charged[terms] = lately[0]
    for case in table.cases:
        charge = None if case.per else charged.pop(terms_of_figure(case.credits), None)
        price = (
            listed_price(case.credits, route, tariff)
            if charge is None
            else charged_price(charge, route, tariff)
        )
        yield PriceRow(route, case.condition, price, case.per)
    for terms, charge in sorted(charged.items()):
        yield PriceRow(route, terms, charged_price(charge, route, tariff))
    if not table.cases and not charged:
        yield PriceRow(route, "", unknown_price(route))
