"""What a call is expected to cost, and what providers' charges teach about it.

The rules are in `domain.prices`. What is learned is read at most once a minute and process
(`ports.Charges`); nothing else here calls anything. Whatever fails while it is read or written, a
task goes on as if nothing had been learned.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from darkroom.domain.budgets import CallPrice
from darkroom.domain.prices import (
    Charge,
    Charged,
    Price,
    Priced,
    assumed_price,
    expected_price,
    limit_price,
    terms_of,
)
from darkroom.domain.routes import Params, Route
from darkroom.domain.task import Task
from darkroom.pipeline.orders.match import read_params
from darkroom.ports import Ports

ALL_PROVIDERS = "*"
"""In the setting `assume_price`: every provider that it does not name."""


def price_for(ports: Ports, route: Route, params: Params | Mapping[str, Any]) -> Price:
    """What a call by this route with these parameters is expected to cost.

    Args:
        ports: the outside.
        route: as `ports.providers` offers it.
        params: validated, or as a spec names them.

    Raises:
        SpecRefused: the route does not take such parameters (`bad-params`).
    """
    priced = _priced(ports, route)
    now = ports.clock.now()
    return expected_price(route, priced.tariff, _validated(params, route), priced.charged, now)


def price_for_limits(ports: Ports, route: Route, params: Params | Mapping[str, Any]) -> Price:
    """What limits count for that call: rather too much than too little.

    Its `basis` is `unknown` only where no price of the operation is known. The arguments and errors
    are those of `price_for`. A price that is known costs no look at other routes.
    """
    own, given, now = _priced(ports, route), _validated(params, route), ports.clock.now()
    price = limit_price(own, given, now)
    if price is not None:
        return price
    setting = ports.limits.assume_price
    assumed = setting.get(route.provider, setting.get(ALL_PROVIDERS))
    others = (each for each in ports.providers.routes() if each.operation == route.operation)
    return assumed_price(own, given, (_priced(ports, each) for each in others), assumed, now)


def call_price(ports: Ports, task: Task, route: Route) -> CallPrice:
    """What limits count for the task's next call by this route."""
    price = price_for_limits(ports, route, task.resolved_order.params)
    rate = ports.providers.tariff(route.provider).usd_per_credit
    return CallPrice(route.provider, price.credits, price.usd, rate)


def learn_charge(ports: Ports, task: Task, route: Route, reported: float | None) -> None:
    """Remember what the provider says that it has charged for the task's last attempt.

    Called after that is stored. A charge of nothing teaches nothing: the call was covered by a
    subscription, or is not billed yet.

    Args:
        ports: the outside.
        task: of the attempt.
        route: of the attempt.
        reported: credits in the provider's answer; None where it named none.
    """
    if reported is None or not math.isfinite(reported) or reported <= 0:
        return
    with suppress(Exception):
        terms = terms_of(route, read_params(task.resolved_order.params, route))
        ports.charges.record(route, terms, Charge(reported, ports.clock.now()))


def _priced(ports: Ports, route: Route) -> Priced:
    return Priced(route, ports.providers.tariff(route.provider), _known(ports, route))


def _known(ports: Ports, route: Route) -> Charged:
    with suppress(Exception):
        return ports.charges.known(route.provider).of(route)
    return {}


def _validated(params: Params | Mapping[str, Any], route: Route) -> Params:
    if isinstance(params, Params):
        return params
    validated: Params = read_params(params, route)
    return validated
