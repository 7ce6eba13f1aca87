"""The state of one sandbox, and the context in which a handler serves one request.

Shared by the server and the providers. It decides nothing.
"""

import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

from werkzeug.wrappers import Request

from infra.sandbox.clock import Clock
from infra.sandbox.faults import Effect, Faults
from infra.sandbox.file_store import FileStore
from infra.sandbox.jobs import Jobs
from infra.sandbox.ledger import Ledger
from infra.sandbox.rate_limit import RateLimit


class SandboxRequest(Request):
    """A request whose limits fit photos and the masks inside form fields."""

    max_content_length = 96 * 1024 * 1024
    max_form_memory_size = 32 * 1024 * 1024
    max_form_parts = 200

    def _get_file_stream(self, *_: object, **__: object) -> IO[bytes]:
        # The body is in memory already; a temporary file would have to be closed.
        return io.BytesIO()


@dataclass
class SandboxState:
    """The state of one sandbox.

    `job_s` is how long the next job takes, in seconds of the sandbox's clock. `knobs` are the
    choices that a provider's documents leave open; each provider sets its names and defaults.
    `stopping` is set when the server stops.
    """

    clock: Clock
    ledger: Ledger
    files: FileStore
    jobs: Jobs
    rate_limit: RateLimit
    faults: Faults
    job_s: float = 1.0
    active: bool = True
    knobs: dict[str, bool | int | str] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class RequestContext:
    """One request: `route` is its method and path pattern, `args` are the values in the path.

    `effect` is the fault that applies to it, if any.
    """

    request: SandboxRequest
    route: str
    args: Mapping[str, str]
    effect: Effect | None = None

    @property
    def base_url(self) -> str:
        """Scheme, host and port that the client used, without a trailing slash."""
        return self.request.host_url.rstrip("/")
