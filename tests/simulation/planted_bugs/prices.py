"""Planted bugs about ceilings, fallback, and copies of earlier results."""

import hashlib
from dataclasses import replace
from typing import Any, Final

from darkroom.domain.fallback import keep_agreed as original_agreed
from darkroom.domain.money_rules import MoneyRules
from darkroom.domain.object_keys import digest_of
from darkroom.domain.order import Order
from darkroom.domain.price_limit import PriceLimit
from darkroom.domain.task import Task
from darkroom.pipeline.endings import reuse
from darkroom.pipeline.money import check
from darkroom.pipeline.orders import resolve
from darkroom.pipeline.orders.earlier import earlier_task as original_earlier
from darkroom.ports import Ports
from tests.simulation.planted_bugs.plant import Bug, Swap


def _no_ceiling_is_looked_at() -> list[Swap]:
    return [(check, "_why_too_dear", lambda *_: None)]


def _only_the_spec_has_a_ceiling() -> list[Swap]:
    original = check._why_too_dear

    def why_too_dear(ports: Ports, *given: Any) -> str | None:
        return original(replace(ports, money=MoneyRules()), *given)

    return [(check, "_why_too_dear", why_too_dear)]


def _a_ceiling_forbids_its_own_price() -> list[Swap]:
    original = PriceLimit.exceeded_by

    def exceeded_by(limit: PriceLimit, price: Any) -> str | None:
        less = replace(
            limit,
            credits=None if limit.credits is None else limit.credits / 2,
            usd=None if limit.usd is None else limit.usd / 2,
        )
        return original(less, price)

    return [(PriceLimit, "exceeded_by", exceeded_by)]


def _every_fallback_is_agreed_to() -> list[Swap]:
    return [(resolve, "keep_agreed", lambda prices, *_, **__: prices)]


def _never_is_same_or_cheaper() -> list[Swap]:
    def keep_agreed(prices: Any, fallback: Any, *, named: bool) -> Any:
        fallback = "same-or-cheaper" if fallback == "never" else fallback
        return original_agreed(prices, fallback, named=named)

    return [(resolve, "keep_agreed", keep_agreed)]


def _with_digest(of: Any) -> list[Swap]:
    digest = property(lambda order: digest_of("work", repr(of(order))))
    return [(Order, "work_digest", digest)]


def _files(order: Order) -> list[tuple[str, int]]:
    return [(one.etag, one.size) for files in order.inputs.values() for one in files]


def _copies_of_other_photos() -> list[Swap]:
    return _with_digest(lambda order: (order.operation, order.params, order.choices))


def _copies_of_other_params() -> list[Swap]:
    return _with_digest(lambda order: (order.operation, order.choices, _files(order)))


def _copies_of_other_providers() -> list[Swap]:
    return _with_digest(lambda order: (order.operation, order.params, _files(order)))


def _what_lies_there_is_copied() -> list[Swap]:
    """Whatever has become of the files since the earlier task wrote them."""

    def earlier_task(ports: Ports, order: Order) -> Task | None:
        task = original_earlier(ports, order)
        if task is None:
            return None
        bodies = [ports.outputs.get(result.key) or b"" for result in task.results]
        results = [
            replace(result, sha256=hashlib.sha256(body).hexdigest(), size=len(body))
            for result, body in zip(task.results, bodies, strict=True)
        ]
        return replace(task, results=tuple(results))

    return [(reuse, "earlier_task", earlier_task)]


def _one_result_is_copied() -> list[Swap]:
    def earlier_task(ports: Ports, order: Order) -> Task | None:
        task = original_earlier(ports, order)
        return None if task is None else replace(task, results=task.results[:1])

    return [(reuse, "earlier_task", earlier_task)]


def _a_copy_keeps_its_turn() -> list[Swap]:
    return [(reuse, "release_turn", lambda *_: None)]


BUGS: Final = (
    Bug("a ceiling is not looked at", _no_ceiling_is_looked_at),
    Bug("only a spec has a ceiling", _only_the_spec_has_a_ceiling),
    Bug("a ceiling is half as high", _a_ceiling_forbids_its_own_price),
    Bug("a task falls back to a dearer provider", _every_fallback_is_agreed_to),
    Bug("never means the same or cheaper", _never_is_same_or_cheaper),
    Bug("the results of another photo are copied", _copies_of_other_photos),
    Bug("the results of other parameters are copied", _copies_of_other_params),
    Bug("the results of other providers are copied", _copies_of_other_providers),
    Bug(
        "what lies in place of earlier results is copied",
        _what_lies_there_is_copied,
        ("spec-overwritten",),
    ),
    Bug("only the first result is copied", _one_result_is_copied),
    Bug("a copy keeps its turn", _a_copy_keeps_its_turn),
)
