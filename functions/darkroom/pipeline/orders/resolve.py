"""From a spec to an order: which providers can do it, and which files it names.

Nothing here reads an object or calls a provider; it compares a spec with declarations.
"""

from darkroom.domain.budgets import CallPrice
from darkroom.domain.fallback import keep_agreed
from darkroom.domain.object_keys import SpecName, input_key
from darkroom.domain.order import Choice, Order
from darkroom.domain.price_limit import PriceLimit
from darkroom.domain.routes import Route
from darkroom.domain.spec import Spec
from darkroom.pipeline.orders.match import Keys, choose_routes, read_params, with_source
from darkroom.ports import Providers


def resolve(
    spec: Spec, name: SpecName, providers: Providers, most: PriceLimit | None = None
) -> Order:
    """The order of a spec, with its files named but not yet looked up.

    `most` is what a call may cost in this environment. A provider that is dearer than that or than
    the spec's own ceiling is left out, unless all are.

    Raises:
        SpecRefused: `unknown-operation`, `unknown-provider`, `operation-not-offered`,
            `provider-not-set-up`, `no-provider-set-up`, `not-documented`, `missing-model`,
            `unknown-model`, `unknown-task-type`, `unknown-role`, `missing-role`,
            `too-many-files`, `bad-params` or `bad-input-path`.
    """
    keys = _input_keys(spec, name)
    routes = choose_routes(spec, keys, name, providers)
    for route in routes.values():
        keys = with_source(keys, route, name)
    prices = [_listed_price(route, spec, providers) for route in routes.values()]
    ceiling = PriceLimit(spec.max_price.credits, spec.max_price.usd) if spec.max_price else None
    ceilings = [limit for limit in (ceiling, most) if limit is not None]
    # If all are too dear, the first one is named when the task is about to be paid.
    cheap = [price for price in prices if not any(limit.exceeded_by(price) for limit in ceilings)]
    kept = keep_agreed(cheap or prices[:1], spec.fallback, named=bool(spec.preferred))
    return Order(
        operation=spec.operation,
        choices=tuple(Choice(one.provider, routes[one.provider].model) for one in kept),
        keys=keys,
        params=spec.params,
        metadata=spec.metadata,
        on_unknown=spec.on_unknown,
        priority=spec.priority,
        max_price=ceiling,
        reuse=spec.reuse,
        leaves_empty=spec.fallback == "any",
    )


def _input_keys(spec: Spec, name: SpecName) -> Keys:
    return {
        role: tuple(
            input_key(name.folder, path) for path in ([paths] if isinstance(paths, str) else paths)
        )
        for role, paths in spec.inputs.items()
    }


def _listed_price(route: Route, spec: Spec, providers: Providers) -> CallPrice:
    """The price by the provider's documents or the environment's settings."""
    cost = route.credits(read_params(spec.params, route))
    rate = providers.tariff(route.provider).usd_per_credit
    usd = None if cost is None or rate is None else cost * rate
    return CallPrice(route.provider, cost, usd, rate)
