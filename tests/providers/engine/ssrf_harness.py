"""A transport on a fake network, to see which addresses it would connect to."""

from darkroom.domain.provider_jobs import JobRequest
from darkroom.providers.engine.download import download
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.transport import DeadlineTransport
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.raw_server import http
from tests.providers.engine.driver_harness import PNG
from tests.providers.engine.fake_network import FakeNetwork, Names
from tests.providers.engine.ssrf_payloads import PUBLIC, PUBLIC_6
from tests.providers.engine.token_provider import HELD, ROUTE, TokenProvider

CDN = "cdn.example.com"
ANSWER = http("200 OK", PNG)


class SsrfHarness:
    """A transport on a fake network, and a provider that gives any URL."""

    def __init__(self) -> None:
        self.names = Names()
        self.network = FakeNetwork(lambda _request: ANSWER)
        self.transport = DeadlineTransport(resolve=self.names, network=self.network)

    def forget(self) -> None:
        """Forget requests and kept-alive connections."""
        self.transport.close()
        self.names.forget(PUBLIC, PUBLIC_6)
        self.network.forget(lambda _request: ANSWER)

    def fetch(self, url: str, *, allow_loopback: bool = False) -> bytes:
        """Download the result at this URL."""
        with download(self.transport, url, 10_000, 5, allow_loopback=allow_loopback) as fetched:
            return fetched.body.read()

    def upload(self, url: str, base_url: str = "https://api.example.com") -> None:
        """Let a provider give this URL for an upload."""
        inputs = InMemoryInputs()
        work = JobRequest(
            "ab" * 16, 1, ROUTE, ROUTE.params(), {"image": (inputs.put("a.png", PNG),)}
        )
        adapter = TokenProvider((base_url,), upload=url, hosts={"upload": base_url})
        Driver(
            {adapter.name: adapter}, lambda _name: HELD, inputs, "dev", transport=self.transport
        ).submit(work, lambda _prepared: None)

    def redirect_to(self, location: str, status: str = "302 Found") -> None:
        """The server redirects requests for `/`."""
        moved = http(status, b"", f"Location: {location}", "Connection: close")
        self.network.responses = lambda sent: moved if sent.startswith(b"GET / ") else ANSWER
