"""Sandboxes for the tests: started once, on a clock that stands still until a test moves it."""

import threading
from collections.abc import Iterator

import pytest

from infra.sandbox.clock import Clock
from infra.sandbox.http_server import RunningSandbox, start
from tests.sandbox.client import SandboxClient
from tests.sandbox.goapi_client import GoApiClient, goapi_world
from tests.sandbox.perfect_client import PerfectClient, served

STARTS_AT = 1_782_900_000.0
JOB_S = 10.0


class Gate:
    """Stands in for waiting: a stall lasts until the test opens the gate."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self, seconds: float) -> None:
        """Wait for the gate, at most ten seconds so that a failing test ends."""
        self.asked.append(seconds)
        self.reached.set()
        if seconds:
            self._open.wait(10)

    def open(self) -> None:
        """Let everybody through."""
        self._open.set()

    def close(self) -> None:
        """Hold everybody up, and forget who came."""
        self._open.clear()
        self.reached.clear()
        self.asked.clear()


@pytest.fixture(scope="session")
def all_gates() -> Gate:
    """Give the one gate that both servers wait at."""
    return Gate()


@pytest.fixture(scope="session")
def servers(all_gates: Gate) -> Iterator[dict[str, RunningSandbox]]:
    """Run both sandboxes for the whole session."""
    clock = Clock(lambda: STARTS_AT)
    with start(clock=clock, job_s=JOB_S, pause=all_gates) as running:
        yield running


@pytest.fixture
def gate(all_gates: Gate) -> Iterator[Gate]:
    """Give a closed gate, opened again at the end."""
    all_gates.close()
    yield all_gates
    all_gates.open()


@pytest.fixture
def snapapi(servers: dict[str, RunningSandbox]) -> Iterator[SandboxClient]:
    """Give a client of the SnapAPI sandbox in its first state, without a rate limit."""
    running = servers["snapapi"]
    with SandboxClient(running, {"api-key": running.credentials["api_key"]}) as client:
        client.reset()
        yield client


@pytest.fixture
def apiframe(servers: dict[str, RunningSandbox]) -> Iterator[SandboxClient]:
    """Give a client of the Apiframe sandbox in its first state."""
    running = servers["apiframe"]
    with SandboxClient(running, {"X-API-Key": running.credentials["api_key"]}) as client:
        client.reset()
        yield client


@pytest.fixture(scope="session")
def goapi_client() -> Iterator[GoApiClient]:
    """Run GoAPI's sandbox once for all tests."""
    with goapi_world() as client:
        yield client


@pytest.fixture
def goapi(goapi_client: GoApiClient) -> GoApiClient:
    """Give GoAPI's client in its first state."""
    goapi_client.reset()
    return goapi_client


@pytest.fixture(scope="session")
def perfect_client() -> Iterator[PerfectClient]:
    """Run Perfect's sandbox once for all tests."""
    with served() as client:
        yield client


@pytest.fixture
def perfect(perfect_client: PerfectClient) -> PerfectClient:
    """Give a signed-in client of Perfect's sandbox in its first state."""
    perfect_client.reset()
    return perfect_client
