"""One HTTP exchange under one total deadline, with an answer to the question: was it sent?

 DNS, connect, TLS   sending the body        waiting, reading the answer
 ───────────────────┬───────────────────────┬───────────────────────────▶
      NotSent       │        NotSent        │          Unclear
                    (the last byte of the body decides)

httpx times every read by itself, so an answer that drips never times out; here every socket
operation gets what is left of the whole exchange's time. Looking up a name is the one thing that
cannot be bounded from here; the system's resolver has its own limit.

An address that a provider handed out is judged before it is connected to (`url_guard`). Its name
is looked up once, and the connection goes to what was found then: a name that stands for something
else the next moment gains nothing. TLS still asks for the name.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import httpcore
import httpx

from darkroom.domain.errors import DarkroomError, NotSent, Unclear
from darkroom.providers.engine.url_guard import UrlGuard, is_address

Monotonic = Callable[[], float]
Resolve = Callable[[str, int], Sequence[str]]
"""Host and port -> the addresses that the name stands for, the best first."""

_SENT_EVENT = "http11.send_request_body.complete"


class DeadlineTransport:
    """The network, as the driver uses it. Safe to use from several threads.

    Args:
        connect_s: limit of connecting to one address, and again of the TLS handshake.
        monotonic: seconds that only grow.
        resolve: looks up names that a provider handed out; raises `httpcore.ConnectError`.
        network: makes the connections.
    """

    def __init__(
        self,
        *,
        connect_s: float = 5.0,
        monotonic: Monotonic = time.monotonic,
        resolve: Resolve | None = None,
        network: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._connect_s = connect_s
        self.monotonic = monotonic
        self._call = threading.local()  # of the exchange under way: until when, and who judges
        self._backend = _Backend(
            network or httpcore.SyncBackend(),
            resolve or system_addresses,
            lambda: self._call.until - self.monotonic(),
            lambda: self._call.vetting,
        )
        self._pools: dict[tuple[bool, bool | None], httpx.HTTPTransport] = {}
        self._lock = threading.Lock()

    @contextmanager
    def exchange(
        self,
        request: httpx.Request,
        within_s: float,
        *,
        reuse: bool,
        vetting: UrlGuard | None = None,
    ) -> Iterator[httpx.Response]:
        """Send the request; the answer's head is there, its body is read inside the block.

        Args:
            request: complete.
            within_s: seconds for everything, the body of the answer included.
            reuse: whether a kept connection may carry it. One that the far side has just closed
                would make a call that never arrived look like one that may have.
            vetting: judges the address; None for one that no provider handed out.

        Raises:
            NotSent: not all of the request could be sent (`provider-unreachable`).
            Unclear: all of it was sent, and no whole answer came back (`no-answer`).
            DarkroomError: the address is refused, and nobody was connected to; see
                `UrlGuard.refusal`.
        """
        if vetting is not None:
            vetting.check(request.url)
        sent = False

        def watch(event: str, _info: dict[str, Any]) -> None:
            nonlocal sent
            sent = sent or event == _SENT_EVENT

        limits = {"connect": self._connect_s, "pool": self._connect_s}
        request.extensions = {
            "timeout": limits | {"read": within_s, "write": within_s},
            "trace": watch,
        }
        transport = self._pool(reuse=reuse, vetting=vetting)
        self._call.until = self.monotonic() + within_s
        self._call.vetting = vetting
        try:
            response = transport.handle_request(request)
            try:
                yield response
            finally:
                response.close()
        except httpx.LocalProtocolError:
            # Its message shows the header that it refused, and a header may be a key.
            raise _lost(sent=sent) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise _lost(sent=sent) from error

    def close(self) -> None:
        """Close kept connections."""
        with self._lock:
            closing = list(self._pools.values())
            self._pools.clear()
        for pool in closing:
            pool.close()

    def _pool(self, *, reuse: bool, vetting: UrlGuard | None) -> httpx.HTTPTransport:
        """Connections of one trust: a kept one that was never judged carries nothing that is."""
        trust = (reuse, None if vetting is None else vetting.near)
        with self._lock:
            if trust not in self._pools:
                kept = 20 if reuse else 0
                self._pools[trust] = _Transport(self._certificates, self._backend, kept=kept)
            return self._pools[trust]

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()


def system_addresses(host: str, port: int) -> tuple[str, ...]:
    """The addresses that the system's resolver knows for a name.

    Raises:
        httpcore.ConnectError: none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError("the name could not be looked up") from error
    return tuple(dict.fromkeys(str(place[4][0]) for place in found))


def within(limit: float | None, left_s: float, late: type[Exception]) -> float:
    """What one socket operation may take; raises `late` when nothing is left."""
    if left_s <= 0:
        raise late("the exchange's time is up")
    return left_s if limit is None else min(limit, left_s)


def _lost(*, sent: bool) -> DarkroomError:
    if sent:
        return Unclear("no-answer", "The provider did not answer.")
    return NotSent("provider-unreachable", "The provider could not be reached.")


class _Transport(httpx.HTTPTransport):
    """httpx's own transport over a pool whose sockets know the deadline. Uses no proxy."""

    def __init__(
        self, trust: ssl.SSLContext, backend: httpcore.NetworkBackend, *, kept: int
    ) -> None:
        # The parent would build a pool that cannot be given a network backend.
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust,
            max_connections=100,
            max_keepalive_connections=kept,
            keepalive_expiry=5.0,
            retries=0,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See the parent; whatever else it lets through comes as an error of httpx, too."""
        try:
            return super().handle_request(request)
        except (DarkroomError, httpx.HTTPError):
            raise
        except Exception:  # noqa: BLE001 - h11's own, encodings, whatever reads the body
            raise httpx.LocalProtocolError("the request cannot be sent as it is") from None


class _Backend(httpcore.NetworkBackend):
    def __init__(
        self,
        network: httpcore.NetworkBackend,
        resolve: Resolve,
        left_s: Callable[[], float],
        vetting: Callable[[], UrlGuard | None],
    ) -> None:
        self._network = network
        self._resolve = resolve
        self._left_s = left_s
        self._vetting = vetting

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        lost: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in self._addresses(host, port):
            limit = within(timeout, self._left_s(), httpcore.ConnectTimeout)
            try:
                stream = self._network.connect_tcp(
                    address, port, limit, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                lost = error
                continue
            return _Stream(stream, self._left_s)
        raise lost or httpcore.ConnectError("the name stands for no address")

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        within(None, self._left_s(), httpcore.ConnectTimeout)
        if (vetting := self._vetting()) is None:
            return (host,)
        found = (host,) if is_address(host) else self._resolve(host, port)
        return vetting.choose(host, found)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, left_s: Callable[[], float]) -> None:
        self._inner = inner
        self._left_s = left_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        limit = within(timeout, self._left_s(), httpcore.ReadTimeout)
        return self._inner.read(max_bytes, limit)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, within(timeout, self._left_s(), httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        limit = within(timeout, self._left_s(), httpcore.ConnectTimeout)
        secured = self._inner.start_tls(ssl_context, server_hostname, limit)
        return _Stream(secured, self._left_s)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        return self._inner.get_extra_info(info)
