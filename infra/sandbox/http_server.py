"""Starts sandboxes as HTTP servers in threads of this process, and stops them."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from infra.loopback_guard import LOOPBACK
from infra.sandbox.app import SandboxApp
from infra.sandbox.clock import Clock
from infra.sandbox.context import Provider, SandboxState
from infra.sandbox.faults import Faults
from infra.sandbox.file_store import Files
from infra.sandbox.jobs import Jobs
from infra.sandbox.ledger import Ledger
from infra.sandbox.rate_limit import Pace

# Provider -> its module, loaded when it is started: they bring numpy and OpenCV along.
# Each module has `build_provider(world)` and `RATE_PER_MIN`, the documented limit or None.
PROVIDERS: Mapping[str, str] = {
    "snapapi": "infra.sandbox.snapapi",
    "apiframe": "infra.sandbox.apiframe",
    "goapi": "infra.sandbox.goapi",
    "perfect": "infra.sandbox.perfect",
}

STOP_LOOKS_EVERY_S = 0.05
WILDCARD_HOSTS = frozenset({"", "0.0.0.0", "::"})


@dataclass(frozen=True)
class Running:
    """A sandbox that answers: where, and with which credentials.

    `world` is its state, for who runs it in the same process and would put it back without asking.
    """

    name: str
    base_url: str
    credentials: Mapping[str, str]
    world: SandboxState = field(repr=False)

    def as_json(self) -> dict[str, str]:
        """Return what a client needs, for printing."""
        return {"base_url": self.base_url, **self.credentials}


class _Handler(WSGIRequestHandler):
    """Handles requests without a line on stderr for each; `Date` is the sandbox's own time."""

    clock: Clock

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Say nothing: the request log is at `/_sandbox/requests`."""

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
) -> Iterator[dict[str, Running]]:
    """Run sandboxes until the block ends: name -> `Running`.

    Ports not given are free ones. `job_s` is how long a job takes, in seconds of `clock` (by
    default the wall clock). `rate_per_min` overrides a provider's documented limit, 0 lifts it.
    `pause` waits the real seconds of a stall that a fault asks for.
    """
    with ExitStack() as stack:
        running = {}
        for name in names:
            module = import_module(PROVIDERS[name])
            its_clock = clock or Clock()
            limit = (rate_per_min or {}).get(name, module.RATE_PER_MIN)
            world = SandboxState(
                clock=its_clock,
                ledger=Ledger(its_clock, credits),
                files=Files(its_clock),
                jobs=Jobs(its_clock),
                pace=Pace(its_clock, limit or None),
                faults=Faults(),
                job_s=job_s,
            )
            provider: Provider = module.build_provider(world)
            app = SandboxApp(provider, world, pause=pause, hosts=_hosts_of(host))
            port = stack.enter_context(_served(app, world, host, (ports or {}).get(name, 0)))
            shown = "127.0.0.1" if host in WILDCARD_HOSTS else host
            running[name] = Running(name, f"http://{shown}:{port}", provider.credentials, world)
        yield running


def _hosts_of(host: str) -> frozenset[str]:
    """The names that a sandbox answers to; empty, for every address, where it listens at all."""
    if host in WILDCARD_HOSTS:
        return frozenset()
    return LOOPBACK | {f"[{host}]" if ":" in host else host.lower()}


@contextmanager
def _served(app: SandboxApp, world: SandboxState, host: str, port: int) -> Iterator[int]:
    handler = type("_HandlerOfOne", (_Handler,), {"clock": world.clock})
    server = ThreadedWSGIServer(host, port, app, handler=handler)
    thread = threading.Thread(
        target=server.serve_forever, args=(STOP_LOOKS_EVERY_S,), daemon=True, name="sandbox"
    )
    thread.start()
    try:
        yield server.port
    finally:
        world.stopping.set()
        server.shutdown()
        thread.join()
        world.jobs.stop()
