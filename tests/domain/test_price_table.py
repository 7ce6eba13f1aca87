"""Price lists: the first case that fits holds, and nothing is guessed."""

from typing import Any, Literal

import pytest

from darkroom.domain.price_table import NO_PRICE, Case, PriceTable, fixed_price
from darkroom.domain.routes import Params


class Video(Params):
    """Parameters with and without a price of their own."""

    mode: Literal["std", "pro"] | None = None
    duration: float | None = None
    width: int | None = None


BY_MODE = PriceTable((Case(3, {"mode": ("std", None)}), Case(5, {"mode": ("pro",)})))
BY_SECOND = PriceTable((Case(40, per="duration"),))
BY_TWO_SECONDS = PriceTable((Case(1, per="duration", step=2),))
AT_WIDTH = PriceTable((Case(2, {"width": (1024,), "mode": (None,)}),))


@pytest.mark.parametrize(
    ("table", "params", "price"),
    [
        (NO_PRICE, {}, None),
        (fixed_price(None), {}, None),
        (fixed_price(9), {"mode": "pro"}, 9),
        (BY_MODE, {}, 3),
        (BY_MODE, {"mode": "std"}, 3),
        (BY_MODE, {"mode": "pro"}, 5),
        (BY_SECOND, {"duration": 4}, 160),
        (BY_SECOND, {}, None),
        (BY_TWO_SECONDS, {"duration": 5}, 3),
        (BY_TWO_SECONDS, {"duration": 4}, 2),
        (AT_WIDTH, {"width": 1024}, 2),
        (AT_WIDTH, {"width": 512}, None),
        (AT_WIDTH, {"width": 1024, "mode": "pro"}, None),
        (AT_WIDTH, {}, None),
    ],
)
def test_price_is_that_of_the_case_that_fits(
    table: PriceTable, params: dict[str, Any], price: float | None
) -> None:
    """Where none fits, or the number is missing that it grows with, there is no price."""
    assert table(Video.model_validate(params)) == price


@pytest.mark.parametrize(
    ("table", "given", "price"),
    [
        (NO_PRICE, {}, None),
        (BY_MODE, {}, 5),
        (AT_WIDTH, {"width": 512}, 2),
        (BY_SECOND, {}, None),
        (BY_SECOND, {"duration": 10}, 400),
        (BY_SECOND, {"duration": True}, None),
        (BY_SECOND, {"duration": "10s"}, None),
    ],
)
def test_highest_price_is_of_any_case(
    table: PriceTable, given: dict[str, Any], price: float | None
) -> None:
    """As far as it does not grow with what is not given."""
    assert table.highest(given) == price


def test_condition_says_what_a_case_is_for() -> None:
    """In the parameters' own names."""
    cases = (*BY_MODE.cases, *BY_SECOND.cases, *BY_TWO_SECONDS.cases, Case(1))
    assert [case.condition for case in cases] == [
        "mode std or not given",
        "mode pro",
        "per 1 of duration",
        "per 2 of duration",
        "",
    ]
