"""What the pipeline learns of charges, what it expects, and that no task needs any of it."""

from dataclasses import replace
from typing import Any

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import SpecRefused
from darkroom.domain.price_table import NO_PRICE, fixed_price
from darkroom.domain.prices import Charge, ProviderCharges
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.routes import Route
from darkroom.pipeline.orders.price import price_for, price_for_limits
from darkroom.ports import Ports
from tests.fakes.providers import FakeProviders
from tests.fakes.routes import JOB_KEY, ROUTES, SYNC_NONE, Scale
from tests.pipeline.harness import PHOTO, PipelineHarness

ROUTE = next(route for route in ROUTES if route.operation == JOB_KEY)
SYNC = next(route for route in ROUTES if route.operation == SYNC_NONE)
LISTED = 2.0
REPORTED = 3.0


class BrokenCharges:
    """A store of charges that is down; it counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def known(self, provider: str) -> ProviderCharges:
        """Raise."""
        self.asked += 1
        raise ConnectionError(provider)

    def record(self, route: Route, terms: str, charge: Charge) -> bool:
        """Raise."""
        self.asked += 1
        raise ConnectionError(route.provider, terms, charge)


@pytest.fixture
def harness() -> PipelineHarness:
    """A photo is there."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    return harness


def _amounts(harness: PipelineHarness, route: Route) -> list[float]:
    charged = harness.charges.known(route.provider).of(route)
    return [charge.credits for charges in charged.values() for charge in charges]


def test_reported_charge_of_an_accepted_job_is_learned(harness: PipelineHarness) -> None:
    """It counts before the documented price from then on, with its date."""
    assert price_for(harness.ports, ROUTE, {}).basis == "documented"
    harness.upload_spec(JOB_KEY)
    harness.run()
    price = price_for(harness.ports, ROUTE, Scale())
    assert (price.credits, price.usd, price.basis) == (REPORTED, 0.03, "charged")
    assert price.as_of == harness.clock.now().date().isoformat()


def test_figure_of_the_price_table_is_not_learned(harness: PipelineHarness) -> None:
    """The provider names none, so the attempt has ours."""
    harness.upload_spec(SYNC_NONE)
    harness.run()
    assert harness.task.last_attempt.credits == LISTED
    assert _amounts(harness, SYNC) == []


def test_charge_of_a_finished_job_is_learned(harness: PipelineHarness) -> None:
    """Some providers know it only at the end."""
    harness.providers.script("submit", Accepted("job-1"))
    harness.providers.script("poll", Finished((), 7.0))
    harness.upload_spec(JOB_KEY)
    harness.run(until=("delivering",))
    assert _amounts(harness, ROUTE) == [7.0]


def test_charge_of_a_result_at_once_is_learned(harness: PipelineHarness) -> None:
    """There is no job."""
    harness.providers.script("submit", Finished((), 4.0))
    harness.upload_spec(SYNC_NONE)
    harness.run(until=("delivering",))
    assert _amounts(harness, SYNC) == [4.0]


@pytest.mark.parametrize("reported", [0.0, -1.0, float("nan"), float("inf")])
def test_charge_of_nothing_teaches_nothing(harness: PipelineHarness, reported: float) -> None:
    """A subscription covered the call; the next one may cost."""
    harness.providers.script("submit", Finished((), reported))
    harness.upload_spec(SYNC_NONE)
    harness.run(until=("delivering",))
    assert _amounts(harness, SYNC) == []


def test_task_goes_on_while_charges_cannot_be_read_or_written(harness: PipelineHarness) -> None:
    """And the price is the documented one."""
    broken = BrokenCharges()
    harness.ports = replace(harness.ports, charges=broken)
    harness.upload_spec(JOB_KEY)
    harness.run()
    assert harness.task.state == "succeeded"
    assert broken.asked == 1
    assert price_for(harness.ports, ROUTE, {}).basis == "documented"
    assert price_for_limits(harness.ports, ROUTE, {}).basis == "documented"


def test_parameters_are_checked_as_the_route_takes_them(harness: PipelineHarness) -> None:
    """With the spec's own words."""
    with pytest.raises(SpecRefused, match="scale"):
        price_for(harness.ports, ROUTE, {"scale": 3})


def _ports(harness: PipelineHarness, *routes: Route, **limits: Any) -> Ports:
    return replace(
        harness.ports,
        providers=FakeProviders(routes),
        limits=replace(harness.ports.limits, **limits),
    )


UNPRICED = replace(ROUTE, credits=NO_PRICE)
DEAR = replace(ROUTE, provider="gamma", models=("gamma-1",), credits=fixed_price(9))
OTHER_OPERATION = replace(DEAR, operation="relight", credits=fixed_price(100))


def test_limits_assume_the_highest_price_of_the_operation(harness: PipelineHarness) -> None:
    """Where nobody names the price of this route; another operation says nothing."""
    ports = _ports(harness, UNPRICED, DEAR, OTHER_OPERATION)
    assert price_for(ports, UNPRICED, {}).basis == "unknown"
    price = price_for_limits(ports, UNPRICED, {})
    assert (price.credits, price.usd, price.basis) == (9, 0.09, "assumed")


def test_limits_assume_what_the_settings_say(harness: PipelineHarness) -> None:
    """For the provider, or for all that they do not name."""
    ports = _ports(harness, UNPRICED, DEAR, assume_price={"beta": 4, "*": 6})
    assert price_for_limits(ports, UNPRICED, {}).credits == 4
    ports = _ports(harness, UNPRICED, DEAR, assume_price={"gamma": 4, "*": 6})
    assert price_for_limits(ports, UNPRICED, {}).credits == 6
    assert price_for_limits(ports, DEAR, {}).basis == "documented"


def test_limits_count_the_highest_of_the_last_charges(harness: PipelineHarness) -> None:
    """What is expected is the last one."""
    ports = _ports(harness, UNPRICED, DEAR)
    for amount in (8.0, 5.0):
        assert harness.charges.record(UNPRICED, "scale 2", Charge(amount, harness.clock.now()))
        harness.clock.advance(120)
    assert price_for(ports, UNPRICED, {}).credits == 5
    assert price_for_limits(ports, UNPRICED, {}).credits == 8
    assert price_for(ports, UNPRICED, {"scale": 4}).basis == "unknown"
    assert price_for_limits(ports, UNPRICED, {"scale": 4}).credits == 9


def test_limits_of_an_operation_without_any_price_know_nothing(harness: PipelineHarness) -> None:
    """Then, and only then, the price is unknown."""
    price = price_for_limits(_ports(harness, UNPRICED, OTHER_OPERATION), UNPRICED, {})
    assert (price.credits, price.usd, price.basis) == (None, None, "unknown")
