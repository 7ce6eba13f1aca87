"""A network that connects to nothing: it records every connection and plays the server itself."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpcore

Answers = Callable[[bytes], bytes]
"""What the far side says to a request's first line and headers."""


@dataclass
class FakeNetwork(httpcore.NetworkBackend):
    """The same server behind every address.

    Attributes:
        responses: of the server.
        dead: addresses without a server.
        asked: every address and port in order, those of `dead` included.
        named: the host name of each TLS connection.
        received: what was sent.
    """

    responses: Answers
    dead: frozenset[str] = frozenset()
    asked: list[tuple[str, int]] = field(default_factory=list)
    named: list[str | None] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)

    def forget(self, responses: Answers) -> None:
        """Forget everything; with other responses."""
        self.responses = responses
        self.dead = frozenset()
        for kept in (self.asked, self.named, self.received):
            kept.clear()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - httpcore's own signature
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Record the connection."""
        self.asked.append((host, port))
        if host in self.dead:
            raise httpcore.ConnectError("nobody there")
        return _Line(self)


class _Line(httpcore.NetworkStream):
    def __init__(self, network: FakeNetwork) -> None:
        self._connector = network
        self._said = b""
        self._heard = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        if self._heard:
            self._connector.received.append(self._heard)
            self._said += self._connector.responses(self._heard)
            self._heard = b""
        said, self._said = self._said[:max_bytes], self._said[max_bytes:]
        return said

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._heard += buffer

    def close(self) -> None:
        self._said = b""

    def start_tls(
        self,
        ssl_context: object,  # noqa: ARG002 - httpcore's own signature
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        self._connector.named.append(server_hostname)
        return self

    def get_extra_info(self, info: str) -> Any:  # noqa: ARG002
        return None


@dataclass
class Names:
    """A resolver: each name has its resolutions in turn, the last for ever; others are public.

    Attributes:
        known: name -> one resolution after the other.
        other: the resolution of every other name.
        asked: every name, in order.
    """

    known: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    other: Sequence[str] = ()
    asked: list[str] = field(default_factory=list)

    def forget(self, *other: str) -> None:
        """Forget everything; with other responses."""
        self.known.clear()
        self.asked.clear()
        self.other = other

    def __call__(self, host: str, port: int) -> Sequence[str]:  # noqa: ARG002 - as it is asked
        """The name's next resolution."""
        self.asked.append(host)
        responses = self.known.get(host, [self.other])
        return responses.pop(0) if len(responses) > 1 else responses[0]
