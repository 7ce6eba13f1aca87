"""A driver at one base URL, with its own files and job requests."""

from collections.abc import Mapping
from dataclasses import replace

from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.routes import Route
from darkroom.providers.engine.driver import CallLimits, Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.engine.transport import DeadlineTransport
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.raw_server import http
from tests.fakes.run_adapter import BY_NAME

TRANSPORT = DeadlineTransport()
"""The network of every desk; making one costs the reading of every trusted certificate."""

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
KEY = "sk-snap-secret-0123456789"
DONE = http("200 OK", b'{"output_image_url": "http://h.test/1.png", "box": [1, 2, 3, 4]}')


class DriverHarness:
    """A driver at one base URL, and job requests for it."""

    def __init__(
        self, base_url: str, limits: CallLimits | None = None, held: Mapping[str, str] | None = None
    ) -> None:
        self.inputs = InMemoryInputs()
        credentials = {"api_key": KEY, "base_url": base_url} if held is None else held
        self.driver = Driver(
            BY_NAME,
            lambda _name: credentials,
            self.inputs,
            "dev",
            preferences=Preferences(loopback=True),
            transport=TRANSPORT,
            limits=limits,
        )
        self.intended: list[str] = []

    def route(self, provider: str = "snapapi", operation: str = "remove-background") -> Route:
        """A route of a provider."""
        return next(
            route
            for route in self.driver.routes()
            if (route.provider, route.operation) == (provider, operation)
        )

    def submit(self, body: bytes = PNG, call_s: int = 5) -> object:
        """Submit one file to have its background removed."""
        file = self.inputs.put("pets/cat.png", body)
        return self.submit_file(file, call_s=call_s)

    def submit_file(self, file: Input, provider: str = "snapapi", call_s: int = 5) -> object:
        """Submit this input."""
        route = replace(self.route(provider), call_s=call_s)
        work = JobRequest("ab" * 16, 1, route, route.params(), {"image": (file,)})
        return self.driver.submit(work, lambda prepared: self.intended.append(prepared.request))
