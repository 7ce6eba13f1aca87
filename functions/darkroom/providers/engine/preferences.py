"""An environment's preferences among its providers, and the order of routes they give."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from darkroom.domain.price_settings import PriceSettings, check_amount
from darkroom.domain.price_table import fixed_price
from darkroom.domain.prices import SETTINGS
from darkroom.domain.rate_limits import AccountLimits, Rules
from darkroom.domain.routes import Route, Tariff
from darkroom.domain.validation_messages import nearest
from darkroom.providers.adapter import Adapter

ROUNDING = 1e-9
"""A share such as 1/49 of 49 open jobs is one job, whatever its last digit."""


@dataclass(frozen=True)
class Preferences:
    """An environment's settings for its providers.

    Attributes:
        order: operation -> providers to prefer, in order; "*" stands for every other operation.
        pace: provider -> limits of its account that differ from the adapter's.
        loopback: whether results may be on this machine, as the sandboxes' are.
        typical_s: no route's jobs usually take longer, seconds; None for what the routes declare.
        price: provider -> prices that differ from the documented ones.
    """

    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pace: Mapping[str, AccountLimits] = field(default_factory=dict)
    loopback: bool = False
    typical_s: int | None = None
    price: Mapping[str, PriceSettings] = field(default_factory=dict)

    def applied_to(self, route: Route) -> Route:
        """The route with these preferences in place of what it declares."""
        if self.typical_s is not None and route.typical_s > self.typical_s:
            route = replace(route, typical_s=self.typical_s)
        prices = self.price.get(route.provider, PriceSettings())
        amount = prices.credits_of(route.operation, route.models)
        if amount is None:
            return route
        return replace(
            route,
            credits=replace(fixed_price(amount), is_setting=True),
            price_as_of=prices.as_of,
            price_source=SETTINGS,
        )

    def tariff_of(self, provider: str, declared: Tariff) -> Tariff:
        """The provider's tariff with these preferences in place of what its adapter declares."""
        prices = self.price.get(provider)
        if prices is None or prices.usd_per_credit is None:
            return declared
        return Tariff(prices.usd_per_credit, prices.as_of, SETTINGS, is_setting=True)


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


def check_shares(adapters: Mapping[str, Adapter], pace: Mapping[str, AccountLimits]) -> None:
    """Refuse a share of an account's open jobs that is less than one job.

    Every environment may open at least one, so together they would open more than is allowed.

    Raises:
        ValueError: says which share, or how many open jobs, would do.
    """
    for provider in adapters.keys() & pace.keys():
        rules = pace[provider].applied_to(adapters[provider].rules)
        if rules.open_jobs is not None and rules.open_jobs * rules.share < 1 - ROUNDING:
            raise ValueError(_describe_share(provider, rules.open_jobs, rules))


def check_price_providers(providers: Iterable[str], named: Iterable[str], setting: str) -> None:
    """Refuse prices of a provider that does not exist. Raises `ValueError` with a sentence."""
    known = set(providers)
    for provider in named:
        if provider not in known:
            close = nearest(provider, known)
            raise ValueError(f"{setting} names an unknown provider '{provider}'.{close}")


def check_prices(
    adapters: Mapping[str, Adapter],
    price: Mapping[str, PriceSettings],
    assume_price: Mapping[str, float],
) -> None:
    """Refuse prices that are for nothing; builds the routes of the providers that `price` names.

    Args:
        adapters: provider -> its adapter.
        price: provider -> its prices.
        assume_price: provider, or "*" for all others -> credits; see `domain.limits`.

    Raises:
        ValueError: names the unknown provider, operation or model, or the impossible amount.
    """
    check_price_providers(adapters, price, "price")
    check_price_providers({*adapters, "*"}, assume_price, "assume_price")
    for amount in assume_price.values():
        check_amount(amount)
    for provider, prices in price.items():
        routes = adapters[provider].routes
        known = {route.operation for route in routes}
        known |= {f"{route.operation}:{model}" for route in routes for model in route.models}
        for name in prices.credits:
            if name not in known:
                close = nearest(name, known)
                raise ValueError(f"price: {provider} has no '{name}'.{close}")


def _describe_share(provider: str, open_jobs: int, rules: Rules) -> str:
    least = math.ceil(10_000 / open_jobs) / 10_000
    more = math.ceil(1 / rules.share - ROUNDING)
    jobs = "one open job" if open_jobs == 1 else f"{open_jobs} open jobs"
    return (
        f"a share of {rules.share:g} of the {jobs} of {provider} is less than one job, and every "
        f"environment opens at least one: set its share to at least {least:g}, or its open_jobs to "
        f"at least {more} if the account allows that many"
    )
