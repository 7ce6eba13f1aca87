"""What one call is expected to cost, and how sure that is. Values and arithmetic only, no I/O.

The first of these that knows a figure counts:

| basis        | the figure                                                                     |
|--------------|--------------------------------------------------------------------------------|
| `setting`    | the environment's settings name it                                             |
| `charged`    | the provider has reported such a charge lately, for this route and these terms |
| `documented` | the provider's documents name it                                               |
| `assumed`    | for limits only: the setting `assume_price`, or else the highest known price   |
|              | of the operation                                                               |

**Terms.** A charge says what another call costs only if they differ in nothing that the price
depends on. Where the documents have a price, that figure itself are the terms: what was charged for
`erase_mode` normal corrects the figure of that mode, and says nothing of `ultra`, for which the
documents still count. Where they have none, every parameter may matter except content: texts,
addresses, seeds. Terms that are too narrow leave a price unknown; too wide ones would make it
wrong.

**Last charges.** With the same terms a price may still differ, by the size of a picture for
example. The last charge is expected, and limits count with the highest of the last few.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from darkroom.domain.routes import Params, Route, Tariff

Basis = Literal["setting", "charged", "documented", "assumed", "unknown"]

LATELY: Final = timedelta(days=30)
"""Older charges say nothing: a vendor may have changed its prices."""
STALE: Final = timedelta(days=1)
"""The same charge is remembered again only after so long ..."""
CALM: Final = timedelta(minutes=1)
"""... and another one after so long: a price that varies is not written for every task."""
MAX_CHARGES: Final = 3
"""Of the same terms; each has another amount."""
MAX_TERMS: Final = 100
"""Of one provider, so that its charges are one small item; the oldest are forgotten."""
SETTINGS: Final = "the environment's settings"

_MAX_VALUE: Final = 24
"""Characters. A longer text is content or an address."""
_MAX_TERMS_LENGTH: Final = 80
_CONTENT: Final = frozenset({"lyrics", "negative_prompt", "prompt", "seed", "text"})


@dataclass(frozen=True)
class Price:
    """What one call is expected to cost.

    Attributes:
        credits: of the provider; None where they are not known.
        usd: US dollars; None where they are not known.
        basis: how sure it is; with `unknown` neither is known.
        as_of: the date of that knowledge (ISO); "" for a setting that names none.
        source: where it is from, in a few words.
    """

    credits: float | None
    usd: float | None
    basis: Basis
    as_of: str
    source: str


@dataclass(frozen=True)
class Balance:
    """What is in an account at a provider.

    Attributes:
        credits: of the provider; None where its answer has none.
        usd: US dollars; None where they are not known.
        note: what else the answer says, for people; "" for nothing.
    """

    credits: float | None
    usd: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Charge:
    """What a provider has charged for one call, in its credits, and when it said so."""

    credits: float
    at: datetime


Charged = Mapping[str, Sequence[Charge]]
"""Terms -> the last charges of one route, newest first, each of another amount."""


@dataclass(frozen=True)
class ProviderCharges:
    """The last charges of all routes of one provider.

    Attributes:
        version: counts the writes.
        routes: `route_name` -> terms -> the last charges, newest first.
    """

    version: int = 0
    routes: Mapping[str, Charged] = field(default_factory=dict)

    def of(self, route: Route) -> Charged:
        """Those of the route; empty before the first."""
        return self.routes.get(route_name(route), {})

    def after(self, route: Route, terms: str, charge: Charge) -> "ProviderCharges | None":
        """With one more charge; None if it adds nothing that must be stored now."""
        charged = self.of(route)
        last = next(iter(charged.get(terms, ())), None)
        if last is not None:
            since = charge.at - last.at
            if since < (STALE if charge.credits == last.credits else CALM):
                return None
        others = [one for one in charged.get(terms, ()) if one.credits != charge.credits]
        lately = (charge, *others[: MAX_CHARGES - 1])
        routes = {**self.routes, route_name(route): {**charged, terms: lately}}
        return ProviderCharges(self.version + 1, _newest(routes))


def route_name(route: Route) -> str:
    """The route's name among those of its provider."""
    return f"{route.operation}#{route.model}"


def terms_of(route: Route, params: Params) -> str:
    """What the price of a call with these parameters depends on, as text of at most 80 characters.

    See the module's docstring.
    """
    documented = route.credits(params)
    if documented is not None:
        return terms_of_figure(documented)
    given = params.model_dump(exclude_none=True)
    values = {name: _describe(value) for name, value in given.items() if name not in _CONTENT}
    terms = ", ".join(f"{name} {value}" for name, value in sorted(values.items()) if value)
    if len(terms) > _MAX_TERMS_LENGTH:
        return hashlib.sha256(terms.encode()).hexdigest()
    return terms or "any parameters"


def terms_of_figure(documented: float) -> str:
    """The terms of every call with this documented price."""
    return f"documented {documented:g}"


def expected_price(
    route: Route, tariff: Tariff, params: Params, charged: Charged, now: datetime
) -> Price:
    """What a call with these parameters is expected to cost; `unknown` where nobody says.

    Args:
        route: with its documented prices, or those of the environment's settings.
        tariff: of its provider.
        params: validated.
        charged: the last charges of the route.
        now: UTC.
    """
    listed = route.credits(params)
    if listed is None or not route.credits.is_setting:
        charges = recent(charged.get(terms_of(route, params), ()), now)
        if charges:
            return charged_price(charges[0], route, tariff)
    return unknown_price(route) if listed is None else listed_price(listed, route, tariff)


def listed_price(credits_: float, route: Route, tariff: Tariff) -> Price:
    """A price that the route declares, by its provider's documents or the settings."""
    basis: Basis = "setting" if route.credits.is_setting else "documented"
    return Price(credits_, _usd(credits_, tariff), basis, route.price_as_of, route.price_source)


def charged_price(charge: Charge, route: Route, tariff: Tariff) -> Price:
    """A price that the provider has charged."""
    as_of, source = charge.at.date().isoformat(), f"charged by {route.provider}"
    return Price(charge.credits, _usd(charge.credits, tariff), "charged", as_of, source)


def unknown_price(route: Route) -> Price:
    """The price of a call for which nobody names one."""
    return Price(None, None, "unknown", route.price_as_of, f"not named in {route.price_source}")


def recent(charges: Sequence[Charge], now: datetime) -> Sequence[Charge]:
    """Those that still say something, newest first."""
    return [charge for charge in charges if now - charge.at < LATELY]


@dataclass(frozen=True)
class Priced:
    """A route with what is known of its prices."""

    route: Route
    tariff: Tariff
    charged: Charged


def limit_price(own: Priced, params: Params, now: datetime) -> Price | None:
    """What limits count for a call with these parameters; None where the price is not known."""
    price = expected_price(own.route, own.tariff, params, own.charged, now)
    if price.basis == "charged":
        charges = recent(own.charged[terms_of(own.route, params)], now)
        most = max(charges, key=lambda charge: charge.credits)
        return charged_price(most, own.route, own.tariff)
    return None if price.basis == "unknown" else price


def assumed_price(
    own: Priced,
    params: Params,
    same_operation: Iterable[Priced],
    assumed: float | None,
    now: datetime,
) -> Price:
    """What limits count for a call whose price is not known: rather too much than too little.

    With the setting `assume_price` it is that. Else it is the highest known price of any route of
    the operation: in dollars at all providers, because dollars compare, and in credits only at the
    same one, because credits of two providers are different units.

    Args:
        own: the route that is called.
        params: validated.
        same_operation: every route of the operation, of all providers, `own` among them.
        assumed: credits, by the setting; None without it.
        now: UTC.

    Returns:
        The price; `unknown` only if no price of the operation is known.
    """
    operation, rate = own.route.operation, own.tariff.usd_per_credit
    given = own.route.credits.given(params)
    known = [
        (each, amount)
        for each in same_operation
        if (amount := _highest(each, given, now)) is not None
    ]
    usd = max((_usd(amount, each.tariff) or 0 for each, amount in known), default=0) or None
    if assumed is not None:
        worth = usd if rate is None else _usd(assumed, own.tariff)
        return Price(assumed, worth, "assumed", "", f"{SETTINGS}: assume_price")
    provider = own.route.provider
    credits_ = max(
        (amount for each, amount in known if each.route.provider == provider), default=None
    )
    if usd is not None and rate:
        credits_ = round(usd / rate, 6)
    if credits_ is None and usd is None:
        source = f"no price of {operation} is known"
        return Price(None, None, "unknown", own.route.price_as_of, source)
    as_of = max(each.route.price_as_of for each, _ in known)
    return Price(credits_, usd, "assumed", as_of, f"the highest known price of {operation}")


def _usd(credits_: float, tariff: Tariff) -> float | None:
    rate = tariff.usd_per_credit
    return None if rate is None else round(credits_ * rate, 9)


def _highest(priced: Priced, given: Mapping[str, object], now: datetime) -> float | None:
    """The highest known price of the route, whatever the parameters, in its provider's credits."""
    listed = priced.route.credits.highest(given)
    if priced.route.credits.is_setting:
        return listed
    amounts = [
        charge.credits for charges in priced.charged.values() for charge in recent(charges, now)
    ]
    return max([*amounts, *([] if listed is None else [listed])], default=None)


def _describe(value: object) -> str:
    """A value as its part of the terms; "" for content."""
    if isinstance(value, list):
        return f"x{len(value)}"  # such as several pictures or shots; they are content themselves
    if isinstance(value, dict):
        return ""
    text = str(value)
    return "" if len(text) > _MAX_VALUE or not text.strip() else text


def _newest(routes: Mapping[str, Charged]) -> Mapping[str, Charged]:
    """The routes without their oldest terms, where there are more than `MAX_TERMS`."""
    entries = sorted(_entries(routes), key=lambda entry: entry[2][0].at, reverse=True)
    kept: dict[str, dict[str, Sequence[Charge]]] = {}
    for name, terms, charges in entries[:MAX_TERMS]:
        kept.setdefault(name, {})[terms] = charges
    return kept


def _entries(routes: Mapping[str, Charged]) -> Iterator[tuple[str, str, Sequence[Charge]]]:
    for name, charged in routes.items():
        for terms, charges in charged.items():
            yield name, terms, charges
