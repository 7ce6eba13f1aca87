"""The sandboxes run once for the whole suite; every test starts with a clean account."""

from collections.abc import Iterator, Mapping

import httpx
import pytest

from darkroom.providers.engine.transport import DeadlineTransport
from infra.sandbox.http_server import start
from tests.contract.providers.bench import Bench, Sandbox, build_bench
from tests.contract.providers.needs import JOB_S, NEEDS

PROVIDERS = tuple(NEEDS)


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[Mapping[str, Sandbox]]:
    """Every provider's sandbox, over real HTTP."""
    with start(list(PROVIDERS), job_s=JOB_S) as running, httpx.Client() as client:
        yield {
            name: Sandbox(name, one.base_url, one.credentials, client, one.state)
            for name, one in running.items()
        }


@pytest.fixture(scope="session")
def wire() -> Iterator[DeadlineTransport]:
    """The network; making one costs the reading of every trusted certificate."""
    wire = DeadlineTransport()
    yield wire
    wire.close()


@pytest.fixture
def snapapi(sandboxes: Mapping[str, Sandbox], wire: DeadlineTransport) -> Iterator[Bench]:
    """SnapAPI on the bench."""
    yield from _benched(sandboxes["snapapi"], wire)


@pytest.fixture
def apiframe(sandboxes: Mapping[str, Sandbox], wire: DeadlineTransport) -> Iterator[Bench]:
    """Apiframe on the bench."""
    yield from _benched(sandboxes["apiframe"], wire)


@pytest.fixture(params=PROVIDERS)
def bench(
    request: pytest.FixtureRequest, sandboxes: Mapping[str, Sandbox], wire: DeadlineTransport
) -> Iterator[Bench]:
    """Every provider on the bench, one after the other."""
    yield from _benched(sandboxes[request.param], wire)


@pytest.fixture(params=[name for name in PROVIDERS if NEEDS[name].upload])
def uploading(
    request: pytest.FixtureRequest, sandboxes: Mapping[str, Sandbox], wire: DeadlineTransport
) -> Iterator[Bench]:
    """Every provider that wants files before the paid call."""
    yield from _benched(sandboxes[request.param], wire)


@pytest.fixture(params=["apiframe", "perfect"])
def keyed(
    request: pytest.FixtureRequest, sandboxes: Mapping[str, Sandbox], wire: DeadlineTransport
) -> Iterator[Bench]:
    """Every provider whose paid calls carry a key."""
    yield from _benched(sandboxes[request.param], wire)


@pytest.fixture(params=["snapapi", "goapi"])
def keyless(
    request: pytest.FixtureRequest, sandboxes: Mapping[str, Sandbox], wire: DeadlineTransport
) -> Iterator[Bench]:
    """Every provider whose paid calls carry none."""
    yield from _benched(sandboxes[request.param], wire)


def _benched(sandbox: Sandbox, wire: DeadlineTransport) -> Iterator[Bench]:
    sandbox.clear()
    yield build_bench(sandbox, wire)
    sandbox.clear()
