"""No test leaves a connection open."""

from collections.abc import Iterator

import pytest

from tests.providers.engine.driver_harness import TRANSPORT


@pytest.fixture(autouse=True)
def _kept_connections_are_closed() -> Iterator[None]:
    yield
    TRANSPORT.close()
