"""What one sandbox consists of, and what a handler sees of one call.

Shared by the server and the providers; it decides nothing.
"""

import io
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Protocol

from werkzeug.wrappers import Request, Response

from infra.sandbox.clock import Clock
from infra.sandbox.faults import Effect, Faults
from infra.sandbox.file_store import Files
from infra.sandbox.jobs import Jobs
from infra.sandbox.ledger import Ledger
from infra.sandbox.rate_limit import Pace


class SandboxRequest(Request):
    """A request with limits that fit photographs and the masks inside form fields."""

    max_content_length = 96 * 1024 * 1024
    max_form_memory_size = 32 * 1024 * 1024
    max_form_parts = 200

    def _get_file_stream(self, *_: object, **__: object) -> IO[bytes]:
        # The body is in memory already; a temporary file would have to be closed by somebody.
        return io.BytesIO()


class RefusalError(Exception):
    """A request is turned down; each provider renders it in its own shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "",
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.extra = extra or {}
        self.headers = headers or {}


@dataclass
class SandboxState:
    """One sandbox's state; `job_s` is the duration of the next job in sandbox seconds.

    `knobs` are what a provider's documents leave open, under names and with defaults of its own.
    """

    clock: Clock
    ledger: Ledger
    files: Files
    jobs: Jobs
    pace: Pace
    faults: Faults
    job_s: float = 1.0
    active: bool = True
    knobs: dict[str, bool | int | str] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class RequestContext:
    """One request on its way through a provider; `base` is how the client reached the server."""

    request: SandboxRequest
    route: str
    args: Mapping[str, str]
    effect: Effect | None = None

    @property
    def base(self) -> str:
        """Scheme, host and port that the client used, without a trailing slash."""
        return self.request.host_url.rstrip("/")


Handler = Callable[[RequestContext], Response]


@dataclass(frozen=True)
class Route:
    """A method and a path in werkzeug's notation, and who handles it."""

    method: str
    path: str
    handler: Handler


class Provider(Protocol):
    """A provider's API on top of a world."""

    name: str
    credentials: Mapping[str, str]
    """What a client needs besides the address, under the names that a secret has for it."""

    def routes(self) -> list[Route]:
        """List every endpoint."""
        ...

    def answer(self, call: RequestContext, handler: Handler) -> Response:
        """Check the caller, run the handler, and render refusals in the provider's shape."""
        ...

    def refuse(self, refusal: RefusalError) -> Response:
        """Render a refusal."""
        ...
