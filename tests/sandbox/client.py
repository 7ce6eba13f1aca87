"""A client for the sandbox tests: the provider's API and the control routes over real HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import httpx

from infra.sandbox.clock import Clock
from infra.sandbox.http_server import RunningSandbox, start
from tests.sandbox.images import Array, as_png, read

Images = dict[str, Array]
MAX_JOB_S = 200.0
STARTS_AT = 1_782_900_000.0
"""The real time of every sandbox of the tests, which stands."""


@contextmanager
def run_sandbox(name: str) -> Iterator[RunningSandbox]:
    """Run one sandbox on a clock of its own that only the tests advance."""
    with start([name], clock=Clock(lambda: STARTS_AT)) as running:
        yield running[name]


class SandboxClient:
    """Talks to one sandbox; `spent` and `entries` count from the last `reset`."""

    def __init__(self, running: RunningSandbox, headers: dict[str, str]) -> None:
        self.http = httpx.Client(base_url=running.base_url, headers=headers, timeout=10)
        self.base_url = running.base_url
        self._state = running.state
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def reset(self) -> None:
        """Clear faults, fill the account, lift the rate limit, and start counting again.

        Jobs of earlier tests end first, so that none of their refunds is counted here.
        """
        state = self._state
        state.faults.clear()
        state.clock.advance(MAX_JOB_S)
        state.ledger.set_balance(100_000)
        state.rate_limit.max_requests = None
        state.active = True
        state.jobs.settle()
        self._seen = len(state.ledger.entries())

    def account(self, **order: Any) -> None:
        """Change the account."""
        self.http.post("/_sandbox/account", json=order).raise_for_status()

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.http.post("/_sandbox/clock", json={"advance_s": seconds}).raise_for_status()

    def fault(self, do: dict[str, Any], path: str = "/v*", **rule: Any) -> None:
        """Add a fault rule for a path."""
        body = {"match": {"path": path}, "do": do, **rule}
        self.http.post("/_sandbox/faults", json=body).raise_for_status()

    def entries(self) -> list[dict[str, Any]]:
        """Return the ledger's entries since the reset."""
        return self._all_entries()[self._seen :]

    def spent(self) -> int:
        """Return the credits charged and not refunded since the reset."""
        signs = {"charge": 1, "refund": -1}
        return sum(signs[entry["kind"]] * entry["credits"] for entry in self.entries())

    def form(
        self, path: str, data: dict[str, str] | None = None, files: Images | None = None
    ) -> httpx.Response:
        """Post a multipart form with images, like the vendors' own clients."""
        parts = {
            name: (f"{name}.png", as_png(image), "application/octet-stream")
            for name, image in (files or {}).items()
        }
        return self.http.post(path, data=data or {}, files=parts or {"_": ("", b"")})

    def image(self, url: str) -> Array:
        """Fetch a result, without a key."""
        return read(httpx.get(url).raise_for_status().content)

    def _all_entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.http.get("/_sandbox/ledger").json()["entries"]
        return entries
