"""Sandboxes for the tests: started once, on a clock that only the tests advance."""

import threading
from collections.abc import Iterator

import pytest

from infra.sandbox.clock import Clock
from infra.sandbox.http_server import RunningSandbox, start
from tests.sandbox.apiframe.client import ApiframeClient
from tests.sandbox.client import STARTS_AT, SandboxClient
from tests.sandbox.goapi.client import GoApiClient
from tests.sandbox.perfect.client import PerfectClient
from tests.sandbox.webhook_receiver import WebhookReceiver, run_webhook_receiver

JOB_S = 10.0


class Gate:
    """Replaces the pause of a stall: a stall lasts until the test opens the gate."""

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
        """Let every stalled request continue."""
        self._open.set()

    def close(self) -> None:
        """Stall requests again, and forget the earlier ones."""
        self._open.clear()
        self.reached.clear()
        self.asked.clear()


@pytest.fixture(scope="session")
def shared_gate() -> Gate:
    """Return the one gate of all servers."""
    return Gate()


@pytest.fixture(scope="session")
def servers(shared_gate: Gate) -> Iterator[dict[str, RunningSandbox]]:
    """Run all sandboxes for the whole session."""
    clock = Clock(lambda: STARTS_AT)
    with start(clock=clock, job_s=JOB_S, pause=shared_gate) as running:
        yield running


@pytest.fixture
def gate(shared_gate: Gate) -> Iterator[Gate]:
    """Yield a closed gate, which is opened again at the end."""
    shared_gate.close()
    yield shared_gate
    shared_gate.open()


@pytest.fixture
def snapapi(servers: dict[str, RunningSandbox]) -> Iterator[SandboxClient]:
    """Yield a client of SnapAPI's sandbox after a reset, without a rate limit."""
    running = servers["snapapi"]
    with SandboxClient(running, {"api-key": running.credentials["api_key"]}) as client:
        client.reset()
        yield client


@pytest.fixture
def apiframe(servers: dict[str, RunningSandbox]) -> Iterator[ApiframeClient]:
    """Yield a client of Apiframe's sandbox after a reset."""
    running = servers["apiframe"]
    with ApiframeClient(running, {"X-API-Key": running.credentials["api_key"]}) as client:
        client.reset()
        yield client


@pytest.fixture(scope="session")
def goapi_client(servers: dict[str, RunningSandbox]) -> Iterator[GoApiClient]:
    """Yield the one client that knows the default knobs."""
    with GoApiClient(servers["goapi"]) as client:
        yield client


@pytest.fixture
def goapi(goapi_client: GoApiClient) -> GoApiClient:
    """Return a client of GoAPI's sandbox after a reset."""
    goapi_client.reset()
    return goapi_client


@pytest.fixture(scope="session")
def perfect_client(servers: dict[str, RunningSandbox]) -> Iterator[PerfectClient]:
    """Yield the one client whose request ids are never repeated."""
    with PerfectClient(servers["perfect"]) as client:
        yield client


@pytest.fixture
def perfect(perfect_client: PerfectClient) -> PerfectClient:
    """Return a signed-in client of Perfect's sandbox after a reset."""
    perfect_client.reset()
    return perfect_client


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """Run a webhook receiver on this machine."""
    with run_webhook_receiver() as receiver:
        yield receiver
