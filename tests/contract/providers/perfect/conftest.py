"""Perfect with a sandbox of its own."""

from collections.abc import Iterator

import pytest

from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.perfect.adapter import Perfect
from tests.contract.providers.harness import (
    ProviderHarness,
    Sandbox,
    build_harness,
    open_sandbox,
)
from tests.contract.providers.perfect.jobs import JOB_S


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox for one module, whose tests move its clock."""
    with open_sandbox("perfect", JOB_S) as sandbox:
        yield sandbox


@pytest.fixture
def harness(sandbox: Sandbox, transport: DeadlineTransport) -> Iterator[ProviderHarness]:
    """Perfect alone, without a cached catalogue."""
    sandbox.clear()
    yield build_harness(sandbox, transport, Perfect())
    sandbox.clear()
