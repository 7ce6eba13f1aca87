"""What a call is expected to cost: which source counts, and what a charge says of other calls."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest

from darkroom.domain.price_table import Case, PriceTable, fixed_price
from darkroom.domain.prices import (
    LATELY,
    MAX_TERMS,
    Charge,
    Charged,
    Price,
    Priced,
    ProviderCharges,
    assumed_price,
    expected_price,
    limit_price,
    terms_of,
)
from darkroom.domain.routes import Params, Route, Tariff
from tests.fakes.clock import START

DAY = timedelta(days=1)
TARIFF = Tariff(0.01, "2026-01-02", "a price list")
FREE_TARIFF = Tariff(None, "2026-01-02", "a price list without dollars")


class Erase(Params):
    """Parameters of a call."""

    mode: Literal["normal", "ultra"] = "normal"
    prompt: str | None = None
    seed: int | None = None
    duration: int | None = None
    note: str | None = None
    shots: list[str] | None = None


BY_MODE = PriceTable((Case(3, {"mode": ("normal",)}), Case(13, {"mode": ("ultra",)})))
ROUTE = Route(
    "erase",
    "alpha",
    ("alpha-1",),
    params=Erase,
    credits=BY_MODE,
    price_as_of="2026-01-02",
    price_source="the price page",
)
UNPRICED = replace(ROUTE, credits=PriceTable())
SET = replace(
    ROUTE,
    credits=replace(fixed_price(7), is_setting=True),
    price_as_of="",
    price_source="the environment's settings",
)
NORMAL, ULTRA = Erase(), Erase(mode="ultra")


def _charged(route: Route, params: Params, *amounts: float, age: timedelta = DAY) -> Charged:
    charges = tuple(Charge(amount, START - age) for amount in amounts)
    return {terms_of(route, params): charges}


def _expected(
    route: Route, params: Params, charged: Charged | None = None, tariff: Tariff = TARIFF
) -> Price:
    return expected_price(route, tariff, params, charged or {}, START)


def test_documented_price_names_its_date_and_source() -> None:
    """And dollars by the provider's tariff."""
    price = Price(3, 0.03, "documented", "2026-01-02", "the price page")
    assert _expected(ROUTE, NORMAL) == price
    assert _expected(ROUTE, ULTRA).credits == 13


def test_dollars_are_unknown_without_a_tariff() -> None:
    """The credits are known even so."""
    price = _expected(ROUTE, NORMAL, tariff=FREE_TARIFF)
    assert (price.credits, price.usd, price.basis) == (3, None, "documented")


def test_price_that_nobody_names_is_unknown() -> None:
    """It says where it was looked up."""
    price = Price(None, None, "unknown", "2026-01-02", "not named in the price page")
    assert _expected(UNPRICED, NORMAL) == price


def test_charge_counts_before_the_documents() -> None:
    """For a call with the same documented price."""
    charged = _charged(ROUTE, NORMAL, 4)
    price = Price(4, 0.04, "charged", (START - DAY).date().isoformat(), "charged by alpha")
    assert _expected(ROUTE, NORMAL, charged) == price


def test_charge_says_nothing_of_a_call_with_another_documented_price() -> None:
    """There the documents still count."""
    price = _expected(ROUTE, ULTRA, _charged(ROUTE, NORMAL, 4))
    assert (price.credits, price.basis) == (13, "documented")


def test_setting_counts_before_every_charge() -> None:
    """The user knows the contract."""
    price = _expected(SET, NORMAL, _charged(SET, NORMAL, 4))
    assert price == Price(7, 0.07, "setting", "", "the environment's settings")


def test_old_charge_says_nothing() -> None:
    """The vendor may have changed its prices since."""
    charged = _charged(ROUTE, NORMAL, 4, age=LATELY)
    assert _expected(ROUTE, NORMAL, charged).basis == "documented"
    assert _expected(UNPRICED, NORMAL, _charged(UNPRICED, NORMAL, 4, age=LATELY)).basis == "unknown"


def test_last_of_several_charges_is_expected_and_the_highest_limits() -> None:
    """A price may differ with the size of the picture."""
    charged = _charged(UNPRICED, NORMAL, 4, 9, 2)
    assert _expected(UNPRICED, NORMAL, charged).credits == 4
    limit = limit_price(Priced(UNPRICED, TARIFF, charged), NORMAL, START)
    assert limit is not None
    assert (limit.credits, limit.usd, limit.basis) == (9, 0.09, "charged")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"prompt": "a cat"}, {"prompt": "two dogs", "seed": 7}, True),
        ({"note": "https://a.example/cat.jpg"}, {"note": "https://a.example/dog.jpg"}, True),
        ({"mode": "ultra"}, {}, False),
        ({"duration": 5}, {"duration": 10}, False),
        ({"duration": 5}, {}, False),
        ({"note": "v2"}, {"note": "v3"}, False),
        ({"shots": ["a", "b"]}, {"shots": ["c", "d"]}, True),
        ({"shots": ["a", "b"]}, {"shots": ["c"]}, False),
    ],
)
def test_terms_without_a_documented_price_are_all_but_content(
    one: dict[str, Any], other: dict[str, Any], *, same: bool
) -> None:
    """What a picture shows costs nothing; what else a call says may."""
    terms = [terms_of(UNPRICED, Erase.model_validate(params)) for params in (one, other)]
    assert (terms[0] == terms[1]) == same
    assert all(0 < len(text) <= 80 for text in terms)


def test_terms_with_many_parameters_are_short() -> None:
    """They are names in a small item."""
    names = {f"parameter_{n}": (int, n) for n in range(20)}
    model: Any = type(
        "Many", (Params,), {"__annotations__": dict.fromkeys(names, int), **dict.fromkeys(names, 1)}
    )
    first, second = model(), model(parameter_7=2)
    assert len(terms_of(UNPRICED, first)) <= 80
    assert terms_of(UNPRICED, first) != terms_of(UNPRICED, second)


def test_charges_of_a_provider_stay_few() -> None:
    """The oldest are forgotten."""
    charges = ProviderCharges()
    for number in range(MAX_TERMS + 20):
        known = charges.after(ROUTE, f"terms {number}", Charge(1, START + number * DAY))
        assert known is not None
        charges = known
    kept = charges.of(ROUTE)
    assert len(kept) == MAX_TERMS
    assert "terms 19" not in kept
    assert "terms 20" in kept
    assert charges.version == MAX_TERMS + 20


def _assumed(
    own: Priced, *others: Priced, params: Params = NORMAL, setting: float | None = None
) -> Price:
    return assumed_price(own, params, (own, *others), setting, START)


def _priced(
    provider: str, price: PriceTable, rate: float | None, charged: Charged | None
) -> Priced:
    route = replace(ROUTE, provider=provider, credits=price)
    return Priced(route, Tariff(rate, "2026-01-02", "a list"), charged or {})


OWN = _priced("alpha", PriceTable(), 0.01, None)
OWN_WITHOUT_DOLLARS = _priced("alpha", PriceTable(), None, None)
BETA = _priced("beta", fixed_price(10), 0.02, None)
GAMMA = _priced("gamma", fixed_price(1000), None, None)


def test_assumed_price_is_the_highest_known_one_of_the_operation() -> None:
    """Compared in dollars, and given in the provider's own credits: 10 at $0.02 are 20 at $0.01."""
    price = _assumed(OWN, BETA, GAMMA, _priced("delta", fixed_price(3), 0.05, None))
    assert (price.credits, price.usd, price.basis) == (20, 0.2, "assumed")
    assert price.source == "the highest known price of erase"


def test_credits_of_another_provider_are_not_compared() -> None:
    """1000 of gamma's say nothing of alpha's, and where no dollars are known nothing is."""
    price = _assumed(OWN_WITHOUT_DOLLARS, GAMMA)
    assert price.basis == "unknown"
    assert price.source == "no price of erase is known"
    assert _assumed(OWN_WITHOUT_DOLLARS, BETA).usd == 0.2
    assert _assumed(OWN_WITHOUT_DOLLARS, BETA).credits is None


def test_credits_of_the_same_provider_are_compared() -> None:
    """Another model's, and what was charged for other parameters."""
    sibling = replace(OWN_WITHOUT_DOLLARS.route, models=("alpha-2",), credits=fixed_price(5))
    charged = _charged(UNPRICED, ULTRA, 8)
    own = replace(OWN_WITHOUT_DOLLARS, charged=charged)
    assert _assumed(own, Priced(sibling, FREE_TARIFF, {})).credits == 8
    assert _assumed(OWN_WITHOUT_DOLLARS, Priced(sibling, FREE_TARIFF, {})).credits == 5


def test_price_by_the_second_is_assumed_for_the_seconds_of_the_call() -> None:
    """A route whose price grows with what the call does not say has no highest price."""
    video = _priced("beta", PriceTable((Case(2, per="duration"),)), 0.01, None)
    assert _assumed(OWN, video, params=Erase(duration=10)).credits == 20
    assert _assumed(OWN, video).basis == "unknown"


@pytest.mark.parametrize(
    ("own", "usd"), [(OWN, 0.5), (OWN_WITHOUT_DOLLARS, 0.2)], ids=["dollars", "no dollars"]
)
def test_setting_is_assumed_before_any_other_price(own: Priced, usd: float) -> None:
    """It is in credits; where they have no price, the dollars are those of the dearest route."""
    price = _assumed(own, BETA, setting=50)
    assert (price.credits, price.usd, price.basis) == (50, usd, "assumed")
    assert "assume_price" in price.source


@pytest.mark.parametrize("route", [ROUTE, SET])
def test_known_price_is_not_assumed(route: Route) -> None:
    """Limits count what is expected."""
    assert limit_price(Priced(route, TARIFF, {}), NORMAL, START) == _expected(route, NORMAL)
    assert limit_price(Priced(UNPRICED, TARIFF, {}), NORMAL, START) is None


def test_setting_of_another_route_is_its_highest_price() -> None:
    """Whatever was charged before."""
    sibling = Priced(replace(SET, models=("alpha-2",)), FREE_TARIFF, _charged(SET, NORMAL, 99))
    routes: Sequence[Priced] = (OWN_WITHOUT_DOLLARS, sibling)
    assert assumed_price(OWN_WITHOUT_DOLLARS, NORMAL, routes, None, START).credits == 7
