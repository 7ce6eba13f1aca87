"""What every store of charges promises: the last ones of each route, written where they are new."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from darkroom.domain.prices import CALM, MAX_CHARGES, STALE, Charge, ProviderCharges
from darkroom.ports import Charges
from tests.fakes.clock import START
from tests.fakes.routes import JOB_KEY, JOB_NONE, ROUTES

ROUTE = next(route for route in ROUTES if route.operation == JOB_KEY)
TERMS = "scale 2"
AT = START + timedelta(milliseconds=125)
MOMENT = timedelta(seconds=1)


def _known(charges: Charges) -> Mapping[str, Sequence[Charge]]:
    return charges.known(ROUTE.provider).of(ROUTE)


def test_provider_without_charges_has_none(charges: Charges) -> None:
    """As every provider at first."""
    assert charges.known(ROUTE.provider) == ProviderCharges()


def test_charge_is_read_as_it_was_written(charges: Charges) -> None:
    """A part of a credit, too, and the time to the millisecond."""
    charge = Charge(0.3, AT)
    assert charges.record(ROUTE, TERMS, charge)
    assert _known(charges) == {TERMS: (charge,)}


def test_same_charge_is_written_once_a_day(charges: Charges) -> None:
    """Every task of a night reports it."""
    assert charges.record(ROUTE, TERMS, Charge(3, AT))
    assert not charges.record(ROUTE, TERMS, Charge(3, AT + STALE - MOMENT))
    assert _known(charges) == {TERMS: (Charge(3, AT),)}
    assert charges.record(ROUTE, TERMS, Charge(3, AT + STALE))
    assert _known(charges) == {TERMS: (Charge(3, AT + STALE),)}


def test_other_charge_is_written_at_once_but_not_every_moment(charges: Charges) -> None:
    """A price may differ with each picture."""
    assert charges.record(ROUTE, TERMS, Charge(3, AT))
    assert not charges.record(ROUTE, TERMS, Charge(4, AT + CALM - MOMENT))
    assert charges.record(ROUTE, TERMS, Charge(4, AT + CALM))
    assert _known(charges) == {TERMS: (Charge(4, AT + CALM), Charge(3, AT))}


def test_last_charges_are_kept_each_with_another_amount(charges: Charges) -> None:
    """The newest first."""
    amounts = (1.0, 2.0, 3.0, 2.0, 4.0)
    for number, amount in enumerate(amounts):
        assert charges.record(ROUTE, TERMS, Charge(amount, AT + number * CALM))
    kept = _known(charges)[TERMS]
    assert [charge.credits for charge in kept] == [4, 2, 3]
    assert len(kept) == MAX_CHARGES


def test_every_route_and_terms_have_charges_of_their_own(charges: Charges) -> None:
    """Another provider, operation, model, or other parameters."""
    charge = Charge(3, AT)
    others = [
        replace(ROUTE, provider="gamma"),
        replace(ROUTE, operation=JOB_NONE),
        replace(ROUTE, models=("another", *ROUTE.models)),
    ]
    assert charges.record(ROUTE, TERMS, charge)
    assert charges.record(ROUTE, "scale 4", Charge(5, AT))
    for other in others:
        assert charges.record(other, TERMS, Charge(9, AT))
    assert _known(charges) == {TERMS: (charge,), "scale 4": (Charge(5, AT),)}
