"""The sandboxes run once for the whole suite; every test starts with a clean account."""

from collections.abc import Iterator, Mapping

import pytest

from infra.local.sandbox import start
from tests.contract.providers.bench import JOB_S, Bench, Sandbox, build_bench

PROVIDERS = ("snapapi", "apiframe")


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[Mapping[str, Sandbox]]:
    """Every provider's sandbox, over real HTTP."""
    with start(list(PROVIDERS), job_s=JOB_S) as running:
        yield {
            name: Sandbox(name, running[name].base_url, running[name].api_key) for name in PROVIDERS
        }


@pytest.fixture
def snapapi(sandboxes: Mapping[str, Sandbox]) -> Iterator[Bench]:
    """SnapAPI on the bench."""
    yield from _benched(sandboxes["snapapi"])


@pytest.fixture
def apiframe(sandboxes: Mapping[str, Sandbox]) -> Iterator[Bench]:
    """Apiframe on the bench."""
    yield from _benched(sandboxes["apiframe"])


@pytest.fixture(params=PROVIDERS)
def bench(request: pytest.FixtureRequest, sandboxes: Mapping[str, Sandbox]) -> Iterator[Bench]:
    """Every provider on the bench, one after the other."""
    yield from _benched(sandboxes[request.param])


def _benched(sandbox: Sandbox) -> Iterator[Bench]:
    sandbox.clear()
    bench = build_bench(sandbox)
    yield bench
    bench.driver.close()
    sandbox.clear()
