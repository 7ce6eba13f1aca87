"""Planted bugs about what the providers' histories settle, and about what is measured."""

from dataclasses import replace
from typing import Any, Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.task import Task
from darkroom.pipeline import settle_charges
from darkroom.pipeline.endings import publish
from tests.simulation.planted_bugs.plant import Bug, Swap


def _nothing_is_settled() -> list[Swap]:
    return [(settle_charges, "_with_charge", lambda *_: None)]


def _a_refund_counts_as_charged() -> list[Swap]:
    return _with_known(lambda known: replace(known, charged="yes"))


def _a_charge_counts_as_none() -> list[Swap]:
    return _with_known(lambda known: replace(known, charged="no"))


def _with_known(change: Any) -> list[Swap]:
    original = settle_charges._with_charge

    def with_charge(task: Task, number: int, *given: Any) -> Task | None:
        new = original(task, number, *given)
        if new is None:
            return None
        known: Attempt = next(one for one in new.attempts if one.number == number)
        changed = (change(known) if one is known else one for one in new.attempts)
        return replace(new, attempts=tuple(changed))

    return [(settle_charges, "_with_charge", with_charge)]


BUGS: Final = (
    Bug("what the history says is not written", _nothing_is_settled),
    Bug("a refund of the history counts as charged", _a_refund_counts_as_charged),
    Bug("a charge of the history counts as none", _a_charge_counts_as_none),
    Bug("ends are not measured", lambda: [(publish, "measure_end", lambda *_: ())]),
)
