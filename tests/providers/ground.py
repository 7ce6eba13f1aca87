"""A wire that connects to nobody, to see whom it would have connected to."""

from darkroom.domain.provider_jobs import JobRequest
from darkroom.providers.engine.download import download
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.transport import DeadlineTransport
from tests.fakes.inputs import InMemoryInputs
from tests.providers.connector import Connector, Names
from tests.providers.desk import PNG
from tests.providers.hostile import PUBLIC, PUBLIC_6
from tests.providers.rawserver import http
from tests.providers.tokens import HELD, ROUTE, Tokens

CDN = "cdn.example.com"
ANSWER = http("200 OK", PNG)


class Ground:
    """A wire that connects to nobody, and a provider that hands out addresses."""

    def __init__(self) -> None:
        self.names = Names()
        self.connector = Connector(lambda _request: ANSWER)
        self.wire = DeadlineTransport(resolve=self.names, network=self.connector)

    def forget(self) -> None:
        """What was asked, and connections that were kept."""
        self.wire.close()
        self.names.forget(PUBLIC, PUBLIC_6)
        self.connector.forget(lambda _request: ANSWER)

    def fetch(self, url: str, *, near: bool = False) -> bytes:
        """Download the result behind this address."""
        with download(self.wire, url, 10_000, 5, near=near) as fetched:
            return fetched.body.read()

    def upload(self, url: str, base_url: str = "https://api.example.com") -> None:
        """Have a provider hand out this address for an upload."""
        inputs = InMemoryInputs()
        work = JobRequest(
            "ab" * 16, 1, ROUTE, ROUTE.params(), {"image": (inputs.put("a.png", PNG),)}
        )
        adapter = Tokens((base_url,), upload=url, hosts={"upload": base_url})
        Driver([adapter], lambda _name: HELD, inputs, "dev", wire=self.wire).submit(
            work, lambda _prepared: None
        )

    def moves(self, location: str, status: str = "302 Found") -> None:
        """The far side sends everyone who asks for `/` elsewhere."""
        moved = http(status, b"", f"Location: {location}", "Connection: close")
        self.connector.answers = lambda sent: moved if sent.startswith(b"GET / ") else ANSWER
