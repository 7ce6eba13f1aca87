"""The time-out of each socket operation, and which requests share a connection."""

from collections.abc import Iterable
from typing import Any

import httpcore
import httpx
import pytest

from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.engine.url_guard import UrlGuard
from tests.fakes.raw_server import http
from tests.providers.engine.fake_network import FakeNetwork, Names

URL = "https://cdn.example.com/1.png"


class Limits(httpcore.NetworkStream):
    """A stream that records the time-out of each operation, and lets time pass."""

    def __init__(self, inner: httpcore.NetworkStream, place: "Place") -> None:
        self._inner, self._place = inner, place

    def _note(self, what: str, timeout: float | None) -> None:
        self._place.limits.append((what, timeout))
        self._place.now += self._place.step_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read."""
        self._note("read", timeout)
        return self._inner.read(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write."""
        self._note("write", timeout)
        self._inner.write(buffer)

    def close(self) -> None:
        """Close."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: object,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Shake hands."""
        self._note("tls", timeout)
        self._inner.start_tls(ssl_context, server_hostname)  # type: ignore[arg-type]
        return self

    def get_extra_info(self, info: str) -> Any:
        """Nothing."""
        return self._inner.get_extra_info(info)


class Place(FakeNetwork):
    """A server where every operation takes `step_s`."""

    def __init__(self, response: bytes, step_s: float) -> None:
        super().__init__(lambda _request: response)
        self.now = 0.0
        self.step_s = step_s
        self.limits: list[tuple[str, float | None]] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        self.limits.append(("connect", timeout))
        self.now += self.step_s
        inner = super().connect_tcp(host, port, timeout, local_address, socket_options)
        return Limits(inner, self)


def _transport(place: Place, connect_s: float = 5.0) -> DeadlineTransport:
    names = Names(other=("93.184.215.14",))
    return DeadlineTransport(
        connect_s=connect_s, monotonic=lambda: place.now, resolve=names, network=place
    )


def _get(
    transport: DeadlineTransport, timeout_s: float, *, guard: UrlGuard | None, reuse: bool = True
) -> None:
    request = httpx.Request("GET", URL)
    with transport.exchange(request, timeout_s, reuse=reuse, guard=guard) as response:
        assert b"".join(response.iter_raw()) == b"{}"


def test_each_operation_gets_the_time_left() -> None:
    """Connecting and the handshake at most their own limit."""
    place = Place(http("200 OK", b"{}"), step_s=1.0)
    _get(_transport(place, connect_s=5.0), 60, guard=UrlGuard("result"))

    allowed: dict[str, float | None] = {}
    for what, limit in place.limits:
        allowed.setdefault(what, limit)
    assert allowed == {
        "connect": 5.0,
        "tls": 5.0,
        "write": 58.0,
        "read": pytest.approx(57.0, abs=2),
    }


def test_operations_near_the_deadline_get_only_the_time_left() -> None:
    """Whatever their own limit is."""
    place = Place(http("200 OK", b"{}"), step_s=0.5)
    _get(_transport(place, connect_s=5.0), 4, guard=UrlGuard("result"))

    assert place.limits[:3] == [("connect", 4.0), ("tls", 3.5), ("write", 3.0)]
    assert all(limit is not None and limit <= 4 for _, limit in place.limits)


def test_connections_are_shared_within_one_trust_level() -> None:
    """Kept-alive ones carry free calls; a paid call has its own, and so has each trust level."""
    place = Place(http("200 OK", b"{}"), step_s=0.0)
    transport = _transport(place)

    def connections(**how: Any) -> int:
        before = len(place.asked)
        _get(transport, 60, **how)
        return len(place.asked) - before

    judged, local = UrlGuard("result"), UrlGuard("result", allow_loopback=True)
    assert [connections(guard=judged) for _ in range(3)] == [1, 0, 0]
    assert connections(guard=UrlGuard("upload")) == 0
    assert connections(guard=None) == 1
    assert connections(guard=local) == 1
    assert [connections(guard=judged, reuse=False) for _ in range(2)] == [1, 1]
    transport.close()
    assert connections(guard=judged) == 1
    transport.close()
