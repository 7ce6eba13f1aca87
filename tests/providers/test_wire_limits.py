"""What each socket operation is allowed, and who may share a connection."""

from collections.abc import Iterable
from typing import Any

import httpcore
import httpx
import pytest

from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.engine.url_guard import UrlGuard
from tests.providers.connector import Connector, Names
from tests.providers.rawserver import http

URL = "https://cdn.example.com/1.png"


class Limits(httpcore.NetworkStream):
    """A stream that writes down how long each operation may take, and lets time pass."""

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


class Place(Connector):
    """A far side at which every operation takes `step_s`."""

    def __init__(self, answer: bytes, step_s: float) -> None:
        super().__init__(lambda _request: answer)
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


def _wire(place: Place, connect_s: float = 5.0) -> DeadlineTransport:
    names = Names(other=("93.184.215.14",))
    return DeadlineTransport(
        connect_s=connect_s, monotonic=lambda: place.now, resolve=names, network=place
    )


def _get(
    wire: DeadlineTransport, within_s: float, *, vetting: UrlGuard | None, reuse: bool = True
) -> None:
    request = httpx.Request("GET", URL)
    with wire.exchange(request, within_s, reuse=reuse, vetting=vetting) as response:
        assert b"".join(response.iter_raw()) == b"{}"


def test_each_operation_gets_what_is_left_of_the_exchange() -> None:
    """Connecting and the handshake at most their own limit."""
    place = Place(http("200 OK", b"{}"), step_s=1.0)
    _get(_wire(place, connect_s=5.0), 60, vetting=UrlGuard("result"))

    allowed: dict[str, float | None] = {}
    for what, limit in place.limits:
        allowed.setdefault(what, limit)
    assert allowed == {
        "connect": 5.0,
        "tls": 5.0,
        "write": 58.0,
        "read": pytest.approx(57.0, abs=2),
    }


def test_near_the_end_no_operation_gets_more_than_that() -> None:
    """Whatever its own limit is."""
    place = Place(http("200 OK", b"{}"), step_s=0.5)
    _get(_wire(place, connect_s=5.0), 4, vetting=UrlGuard("result"))

    assert place.limits[:3] == [("connect", 4.0), ("tls", 3.5), ("write", 3.0)]
    assert all(limit is not None and limit <= 4 for _, limit in place.limits)


def test_connections_are_shared_by_those_who_are_trusted_alike() -> None:
    """Kept ones carry free calls; a paid one has its own, and so has each kind of trust."""
    place = Place(http("200 OK", b"{}"), step_s=0.0)
    wire = _wire(place)

    def connections(**how: Any) -> int:
        before = len(place.asked)
        _get(wire, 60, **how)
        return len(place.asked) - before

    judged, near = UrlGuard("result"), UrlGuard("result", near=True)
    assert [connections(vetting=judged) for _ in range(3)] == [1, 0, 0]
    assert connections(vetting=UrlGuard("upload")) == 0
    assert connections(vetting=None) == 1
    assert connections(vetting=near) == 1
    assert [connections(vetting=judged, reuse=False) for _ in range(2)] == [1, 1]
    wire.close()
    assert connections(vetting=judged) == 1
    wire.close()
