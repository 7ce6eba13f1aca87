"""Starts sandboxes as HTTP servers in threads of this process, and stops them."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from infra.keep_alive import KeepAliveHandler, KeepAliveServer
from infra.loopback_guard import LOOPBACK
from infra.sandbox.app import SandboxApp
from infra.sandbox.clock import Clock
from infra.sandbox.context import SandboxState
from infra.sandbox.faults import Faults
from infra.sandbox.file_store import FileStore
from infra.sandbox.jobs import Jobs
from infra.sandbox.ledger import Ledger
from infra.sandbox.rate_limit import RateLimit
from infra.sandbox.registry import PROVIDERS, load_provider

STOP_CHECK_INTERVAL_S = 0.05
WILDCARD_HOSTS = frozenset({"", "0.0.0.0", "::"})


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that is running: its address and the credentials of its account.

    `state` is for callers in the same process that reset it without a request.
    """

    name: str
    base_url: str
    credentials: Mapping[str, str]
    state: SandboxState = field(repr=False)

    def as_json(self) -> dict[str, str]:
        """Return what a client needs, for printing."""
        return {"base_url": self.base_url, **self.credentials}


class _Handler(KeepAliveHandler):
    """Handles requests without a line on stderr for each; `Date` is the sandbox's own time."""

    clock: Clock

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Print nothing: the request log is at `/_sandbox/requests`."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Write a time as HTTP does, by default the present one."""
        return super().date_time_string(self.clock.now() if timestamp is None else timestamp)


@contextmanager
def start(
    names: Sequence[str] = tuple(PROVIDERS),
    *,
    host: str = "127.0.0.1",
    ports: Mapping[str, int] | None = None,
    job_s: float = 1.0,
    credits: int = 100_000,  # noqa: A002 - the word the providers use
    rate_per_min: Mapping[str, int] | None = None,
    clock: Clock | None = None,
    pause: Callable[[float], object] | None = None,
) -> Iterator[dict[str, RunningSandbox]]:
    """Run sandboxes until the block ends: provider -> `RunningSandbox`.

    A port that is not given is a free one. `job_s` is how long a job takes, in seconds of `clock`
    (by default the wall clock). `rate_per_min` overrides a provider's documented limit; 0 lifts
    it. `pause` waits for the real seconds of a stall that a fault causes.
    """
    with ExitStack() as stack:
        running = {}
        for name in names:
            package = load_provider(name)
            own_clock = clock or Clock()
            limit = (rate_per_min or {}).get(name, package.RATE_PER_MIN)
            state = SandboxState(
                clock=own_clock,
                ledger=Ledger(own_clock, credits),
                files=FileStore(own_clock),
                jobs=Jobs(own_clock),
                rate_limit=RateLimit(own_clock, limit or None),
                faults=Faults(),
                job_s=job_s,
            )
            provider = package.build_provider(state)
            app = SandboxApp(provider, state, pause=pause, hosts=_host_names(host))
            port = stack.enter_context(_serve(app, state, host, (ports or {}).get(name, 0)))
            reachable = "127.0.0.1" if host in WILDCARD_HOSTS else host
            base_url = f"http://{reachable}:{port}"
            running[name] = RunningSandbox(name, base_url, provider.credentials, state)
        yield running


def _host_names(host: str) -> frozenset[str]:
    """Return the host names that a sandbox accepts; empty where it listens on all addresses."""
    if host in WILDCARD_HOSTS:
        return frozenset()
    return LOOPBACK | {f"[{host}]" if ":" in host else host.lower()}


@contextmanager
def _serve(app: SandboxApp, state: SandboxState, host: str, port: int) -> Iterator[int]:
    handler = type("_HandlerWithClock", (_Handler,), {"clock": state.clock})
    server = KeepAliveServer(host, port, app, handler)
    thread = threading.Thread(
        target=server.serve_forever, args=(STOP_CHECK_INTERVAL_S,), daemon=True, name="sandbox"
    )
    thread.start()
    try:
        yield server.port
    finally:
        state.stopping.set()
        server.shutdown()
        thread.join()
        state.jobs.stop()
