"""The sandboxes run once for the whole suite; every test starts with a clean account."""

from collections.abc import Iterator, Mapping

import httpx
import pytest

from darkroom.providers.engine.transport import DeadlineTransport
from infra.sandbox.http_server import start
from tests.contract.providers.fake_harness import FAKES, FakeHarness
from tests.contract.providers.harness import ProviderHarness, Sandbox, build_harness
from tests.contract.providers.provider_cases import JOB_S, PROVIDER_CASES

PROVIDERS = tuple(PROVIDER_CASES)

AnyHarness = FakeHarness | ProviderHarness


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[Mapping[str, Sandbox]]:
    """Every provider's sandbox, over real HTTP."""
    with start(list(PROVIDERS), job_s=JOB_S) as running, httpx.Client() as client:
        yield {
            name: Sandbox(name, one.base_url, one.credentials, client, one.state)
            for name, one in running.items()
        }


@pytest.fixture(scope="session")
def transport() -> Iterator[DeadlineTransport]:
    """The network; creating one reads every trusted certificate."""
    transport = DeadlineTransport()
    yield transport
    transport.close()


@pytest.fixture
def snapapi(
    sandboxes: Mapping[str, Sandbox], transport: DeadlineTransport
) -> Iterator[ProviderHarness]:
    """SnapAPI with its sandbox."""
    yield from _harness_of(sandboxes["snapapi"], transport)


@pytest.fixture
def apiframe(
    sandboxes: Mapping[str, Sandbox], transport: DeadlineTransport
) -> Iterator[ProviderHarness]:
    """Apiframe with its sandbox."""
    yield from _harness_of(sandboxes["apiframe"], transport)


@pytest.fixture(params=PROVIDERS)
def harness(
    request: pytest.FixtureRequest, sandboxes: Mapping[str, Sandbox], transport: DeadlineTransport
) -> Iterator[ProviderHarness]:
    """Every provider with its sandbox, one after the other."""
    yield from _harness_of(sandboxes[request.param], transport)


@pytest.fixture(params=[*FAKES, *PROVIDERS])
def provider(
    request: pytest.FixtureRequest, sandboxes: Mapping[str, Sandbox], transport: DeadlineTransport
) -> Iterator[AnyHarness]:
    """Every implementation: the fake's three routes, and every provider with its sandbox."""
    yield from _open(request.param, sandboxes, transport)


def _open(
    name: str, sandboxes: Mapping[str, Sandbox], transport: DeadlineTransport
) -> Iterator[AnyHarness]:
    if name in FAKES:
        yield FakeHarness(name)
    else:
        yield from _harness_of(sandboxes[name], transport)


def _harness_of(sandbox: Sandbox, transport: DeadlineTransport) -> Iterator[ProviderHarness]:
    sandbox.clear()
    yield build_harness(sandbox, transport)
    sandbox.clear()
