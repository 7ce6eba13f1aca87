"""An environment's preferences among its providers, and the order of routes they give."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from darkroom.domain.rate_limits import AccountLimits, Rules
from darkroom.domain.routes import Route
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


def _describe_share(provider: str, open_jobs: int, rules: Rules) -> str:
    least = math.ceil(10_000 / open_jobs) / 10_000
    more = math.ceil(1 / rules.share - ROUNDING)
    jobs = "one open job" if open_jobs == 1 else f"{open_jobs} open jobs"
    return (
        f"a share of {rules.share:g} of the {jobs} of {provider} is less than one job, and every "
        f"environment opens at least one: set its share to at least {least:g}, or its open_jobs to "
        f"at least {more} if the account allows that many"
    )
