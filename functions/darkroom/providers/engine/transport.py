"""One HTTP exchange under one total deadline; its error says whether the request was sent.

 DNS, connect, TLS   sending the body        waiting, reading the response
 ───────────────────┬───────────────────────┬───────────────────────────▶
      NotSent       │        NotSent        │          Unclear
                    (the last byte of the body decides)

httpx limits every read on its own, so a response that drips never times out. Here every socket
operation gets what is left of the exchange's total time. Only DNS cannot be limited from here; the
system's resolver has its own limit.

A URL that a provider gave is vetted before anything connects to it (`url_guard`). Its host is
resolved once and the connection goes to the vetted addresses, so DNS rebinding gains nothing. TLS
still verifies the host name.
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
from darkroom.providers.engine.url_guard import UrlGuard, is_ip_address

Monotonic = Callable[[], float]
Resolve = Callable[[str, int], Sequence[str]]
"""Host name and port -> its IP addresses, the best first."""

_SENT_EVENT = "http11.send_request_body.complete"


class DeadlineTransport:
    """The network as the driver uses it. Thread-safe.

    Args:
        connect_s: limit of connecting to one address, and again of the TLS handshake.
        monotonic: seconds that only grow.
        resolve: resolves host names of URLs that a provider gave; raises
            `httpcore.ConnectError`.
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
        self._call = threading.local()  # of the current exchange: its deadline and its URL guard
        self._backend = _DeadlineBackend(
            network or httpcore.SyncBackend(),
            resolve or resolve_host,
            lambda: self._call.until - self.monotonic(),
            lambda: self._call.guard,
        )
        self._pools: dict[tuple[bool, bool | None], httpx.HTTPTransport] = {}
        self._lock = threading.Lock()

    @contextmanager
    def exchange(
        self,
        request: httpx.Request,
        timeout_s: float,
        *,
        reuse: bool,
        guard: UrlGuard | None = None,
    ) -> Iterator[httpx.Response]:
        """Send the request; status and headers are there, the body is read inside the block.

        Args:
            request: complete.
            timeout_s: seconds for everything, the response's body included.
            reuse: whether a kept-alive connection may be used. If the server has just closed it,
                a call that never arrived would look like one that may have.
            guard: vets the URL; None for one that no provider gave.

        Raises:
            NotSent: the request was not sent completely (`provider-unreachable`).
            Unclear: it was sent, and no complete response came back (`no-answer`).
            DarkroomError: the URL is refused, and no connection was made; see
                `UrlGuard.refusal`.
        """
        if guard is not None:
            guard.check(request.url)
        sent = False

        def watch(event: str, _info: dict[str, Any]) -> None:
            nonlocal sent
            sent = sent or event == _SENT_EVENT

        limits = {"connect": self._connect_s, "pool": self._connect_s}
        request.extensions = {
            "timeout": limits | {"read": timeout_s, "write": timeout_s},
            "trace": watch,
        }
        transport = self._pool(reuse=reuse, guard=guard)
        self._call.until = self.monotonic() + timeout_s
        self._call.guard = guard
        try:
            response = transport.handle_request(request)
            try:
                yield response
            finally:
                response.close()
        except httpx.LocalProtocolError:
            # Its message quotes the refused header, and a header may hold a key.
            raise _network_error(sent=sent) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise _network_error(sent=sent) from error

    def close(self) -> None:
        """Close kept connections."""
        with self._lock:
            closing = list(self._pools.values())
            self._pools.clear()
        for pool in closing:
            pool.close()

    def _pool(self, *, reuse: bool, guard: UrlGuard | None) -> httpx.HTTPTransport:
        """The pool of one trust level: a vetted request never uses an unvetted connection."""
        trust = (reuse, None if guard is None else guard.allow_loopback)
        with self._lock:
            if trust not in self._pools:
                max_keepalive = 20 if reuse else 0
                self._pools[trust] = _HttpTransport(
                    self._certificates, self._backend, max_keepalive=max_keepalive
                )
            return self._pools[trust]

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()


def resolve_host(host: str, port: int) -> tuple[str, ...]:
    """The IP addresses of a host name, from the system's resolver.

    Raises:
        httpcore.ConnectError: it knows none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError("the name could not be looked up") from error
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))


def operation_timeout_s(
    limit_s: float | None, left_s: float, timeout_error: type[Exception]
) -> float:
    """The time-out of one socket operation; raises `timeout_error` when no time is left."""
    if left_s <= 0:
        raise timeout_error("the exchange's time is up")
    return left_s if limit_s is None else min(limit_s, left_s)


def _network_error(*, sent: bool) -> DarkroomError:
    if sent:
        return Unclear("no-answer", "The provider did not answer.")
    return NotSent("provider-unreachable", "The provider could not be reached.")


class _HttpTransport(httpx.HTTPTransport):
    """httpx's transport over a connection pool whose sockets know the deadline. Uses no proxy."""

    def __init__(
        self, trust: ssl.SSLContext, backend: httpcore.NetworkBackend, *, max_keepalive: int
    ) -> None:
        # The parent would build a pool without a way to set its network backend.
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust,
            max_connections=100,
            max_keepalive_connections=max_keepalive,
            keepalive_expiry=5.0,
            retries=0,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See the parent; unexpected exceptions become errors of httpx too."""
        try:
            return super().handle_request(request)
        except (DarkroomError, httpx.HTTPError):
            raise
        except Exception:  # noqa: BLE001 - of h11, of encodings, of reading the body
            raise httpx.LocalProtocolError("the request cannot be sent as it is") from None


class _DeadlineBackend(httpcore.NetworkBackend):
    def __init__(
        self,
        network: httpcore.NetworkBackend,
        resolve: Resolve,
        left_s: Callable[[], float],
        guard: Callable[[], UrlGuard | None],
    ) -> None:
        self._network = network
        self._resolve = resolve
        self._left_s = left_s
        self._guard = guard

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in self._addresses(host, port):
            limit = operation_timeout_s(timeout, self._left_s(), httpcore.ConnectTimeout)
            try:
                stream = self._network.connect_tcp(
                    address, port, limit, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
                continue
            return _DeadlineStream(stream, self._left_s)
        raise failed or httpcore.ConnectError("the name has no address")

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        operation_timeout_s(None, self._left_s(), httpcore.ConnectTimeout)
        if (guard := self._guard()) is None:
            return (host,)
        found = (host,) if is_ip_address(host) else self._resolve(host, port)
        return guard.vet(host, found)


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, left_s: Callable[[], float]) -> None:
        self._inner = inner
        self._left_s = left_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        limit = operation_timeout_s(timeout, self._left_s(), httpcore.ReadTimeout)
        return self._inner.read(max_bytes, limit)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(
            buffer, operation_timeout_s(timeout, self._left_s(), httpcore.WriteTimeout)
        )

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        limit = operation_timeout_s(timeout, self._left_s(), httpcore.ConnectTimeout)
        secured = self._inner.start_tls(ssl_context, server_hostname, limit)
        return _DeadlineStream(secured, self._left_s)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own signature
        return self._inner.get_extra_info(info)
