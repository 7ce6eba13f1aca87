"""What a paid call may cost, as budgets and ceilings see it."""

from collections.abc import Mapping
from typing import Any

from darkroom.domain.budgets import CallPrice
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.orders.match import read_params
from darkroom.pipeline.orders.price import price_for_limits
from darkroom.ports import Ports, Providers


def call_price(ports: Ports, task: Task, route: Route) -> CallPrice:
    """What limits count for the task's next call by this route."""
    price = price_for_limits(ports, route, task.resolved_order.params)
    rate = ports.providers.tariff(route.provider).usd_per_credit
    return CallPrice(route.provider, price.credits, price.usd, rate)


def price_of_call(route: Route, params: Mapping[str, Any], providers: Providers) -> CallPrice:
    """The listed price of a call by this route with these parameters, as a spec has them."""
    cost = route.credits(read_params(params, route))
    rate = providers.tariff(route.provider).usd_per_credit
    usd = None if cost is None or rate is None else cost * rate
    return CallPrice(route.provider, cost, usd, rate)


def why_too_dear(ports: Ports, task: Task, price: CallPrice) -> str | None:
    """Why the ceilings of the spec and the environment forbid a call; None if they allow it."""
    for ceiling, whose in (
        (task.resolved_order.max_price, "its max_price"),
        (ports.money.max_price, "the max_price of this environment"),
    ):
        why = ceiling.exceeded_by(price) if ceiling is not None else None
        if why is not None:
            return f"{price.provider} was not called because of {whose}: {why}."
    return None
