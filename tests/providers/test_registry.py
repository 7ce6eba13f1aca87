"""The registry builds the adapter of a provider when it is first asked for, and no other."""

import subprocess
import sys

import pytest

from darkroom.domain.order import Choice
from darkroom.domain.routes import RoutesByProvider
from darkroom.pipeline.orders.match import find_route
from darkroom.providers.adapter import Adapter
from darkroom.providers.registry import NAMES, Adapters
from tests.fakes.run_adapter import ADAPTERS, BY_NAME

# What a process that finds a route of one provider has imported.
IMPORTED = """
import sys
from darkroom.domain.order import Choice
from darkroom.pipeline.orders.match import find_route
from darkroom.providers.engine.driver import Driver
from darkroom.providers.adapter import Adapter
from darkroom.providers.registry import NAMES, Adapters
driver = Driver(Adapters(), dict, None, "dev")
for provider in NAMES:
    driver.rules(sys.argv[1]), driver.tariff(sys.argv[1])
route = find_route(driver.routes(), sys.argv[2], Choice(sys.argv[1], sys.argv[3]))
assert route.provider == sys.argv[1]
print(*(name for name in NAMES if f"darkroom.providers.{name}.adapter" in sys.modules))
print(*(name for name in ("httpx", "httpcore", "cryptography") if name in sys.modules))
"""


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_a_task_needs_the_adapter_of_its_provider_alone(adapter: Adapter) -> None:
    """A function starts in half the time without the others; without a call it needs no HTTP."""
    name, route = adapter.name, adapter.routes[0]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, name, route.operation, route.model],
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.splitlines() == [name, ""]


def test_adapters_are_built_once_in_the_default_order() -> None:
    """A second look finds the same adapter, with its cached styles."""
    adapters = Adapters()
    assert tuple(adapters) == NAMES
    assert len(adapters) == len(NAMES)
    assert adapters["perfect"] is adapters["perfect"]
    assert "perfect" in adapters
    assert "nobody" not in adapters
    assert adapters.get("nobody") is None


def test_options_of_an_unknown_provider_are_refused_at_once() -> None:
    """Before anything is built."""
    with pytest.raises(ValueError, match="nobody"):
        Adapters({"nobody": {}})


def test_routes_of_one_provider_are_those_among_all() -> None:
    """Found by provider or among all, a choice has the same route."""
    routes = RoutesByProvider(NAMES, lambda name: BY_NAME[name].routes, tuple)
    assert list(routes) == [route for adapter in ADAPTERS for route in adapter.routes]
    assert routes[:2] == ADAPTERS[0].routes[:2]
    assert routes.of("nobody") == ()
    for route in routes:
        choice = Choice(route.provider, route.model)
        assert find_route(routes, route.operation, choice) is find_route(
            list(routes), route.operation, choice
        )
