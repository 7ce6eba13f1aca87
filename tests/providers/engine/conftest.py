"""No test leaves a connection open; the tests for SSRF share one harness."""

from collections.abc import Iterator

import pytest

from tests.providers.engine.driver_harness import TRANSPORT
from tests.providers.engine.ssrf_harness import SsrfHarness


@pytest.fixture(autouse=True)
def _kept_connections_are_closed() -> Iterator[None]:
    yield
    TRANSPORT.close()


@pytest.fixture(scope="module")
def _shared_harness() -> Iterator[SsrfHarness]:
    harness = SsrfHarness()
    yield harness
    harness.transport.close()


@pytest.fixture
def harness(_shared_harness: SsrfHarness) -> SsrfHarness:
    """One for all tests of a module: reading the trusted certificates takes time."""
    _shared_harness.forget()
    return _shared_harness
