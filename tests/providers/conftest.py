"""No test leaves a connection behind."""

from collections.abc import Iterator

import pytest

from tests.providers.desk import WIRE


@pytest.fixture(autouse=True)
def _kept_connections_are_closed() -> Iterator[None]:
    yield
    WIRE.close()
