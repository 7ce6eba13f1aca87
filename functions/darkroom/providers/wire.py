"""One HTTP exchange under one total deadline, with an answer to the question: was it sent?

 DNS, connect, TLS   sending the body        waiting, reading the answer
 ───────────────────┬───────────────────────┬───────────────────────────▶
      NotSent       │        NotSent        │          Unclear
                    (the last byte of the body decides)

httpx times every read by itself, so an answer that drips never times out; here every socket
operation gets what is left of the whole exchange's time. Looking up a name is the one thing that
cannot be bounded from here; the system's resolver has its own limit.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import httpcore
import httpx

from darkroom.errors import DarkroomError, NotSent, Unclear

Monotonic = Callable[[], float]

_SENT_EVENT = "http11.send_request_body.complete"


class Wire:
    """The network, as the driver uses it. Safe to use from several threads.

    Args:
        connect_s: limit of connecting, and again of the TLS handshake.
        monotonic: seconds that only grow.
    """

    def __init__(self, *, connect_s: float = 5.0, monotonic: Monotonic = time.monotonic) -> None:
        self._connect_s = connect_s
        self.monotonic = monotonic
        self._call = threading.local()  # of the exchange under way: until when

    @contextmanager
    def exchange(
        self, request: httpx.Request, within_s: float, *, reuse: bool
    ) -> Iterator[httpx.Response]:
        """Send the request; the answer's head is there, its body is read inside the block.

        Args:
            request: complete.
            within_s: seconds for everything, the body of the answer included.
            reuse: whether a kept connection may carry it. One that the far side has just closed
                would make a call that never arrived look like one that may have.

        Raises:
            NotSent: not all of the request could be sent (`provider-unreachable`).
            Unclear: all of it was sent, and no whole answer came back (`no-answer`).
        """
        sent = False

        def watch(event: str, _info: dict[str, Any]) -> None:
            nonlocal sent
            sent = sent or event == _SENT_EVENT

        limits = {"connect": self._connect_s, "pool": self._connect_s}
        request.extensions = {
            "timeout": limits | {"read": within_s, "write": within_s},
            "trace": watch,
        }
        transport = self._kept if reuse else self._fresh
        self._call.until = self.monotonic() + within_s
        try:
            response = transport.handle_request(request)
            try:
                yield response
            finally:
                response.close()
        except httpx.LocalProtocolError:
            # Its message shows the header that it refused, and a header may be a key.
            raise _lost(sent=sent) from None
        except httpx.TransportError as error:
            raise _lost(sent=sent) from error

    def close(self) -> None:
        """Close kept connections."""
        for name in ("_kept", "_fresh"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()

    @cached_property
    def _kept(self) -> httpx.HTTPTransport:
        return _Transport(self._trust, self._backend, kept=20)

    @cached_property
    def _fresh(self) -> httpx.HTTPTransport:
        return _Transport(self._trust, self._backend, kept=0)

    @cached_property
    def _backend(self) -> httpcore.NetworkBackend:
        return _Backend(lambda: self._call.until - self.monotonic())


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


class _Backend(httpcore.NetworkBackend):
    def __init__(self, left_s: Callable[[], float]) -> None:
        self._inner = httpcore.SyncBackend()
        self._left_s = left_s

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        limit = within(timeout, self._left_s(), httpcore.ConnectTimeout)
        stream = self._inner.connect_tcp(host, port, limit, local_address, socket_options)
        return _Stream(stream, self._left_s)


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
