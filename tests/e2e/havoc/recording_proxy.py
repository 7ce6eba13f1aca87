"""A proxy between the functions and one sandbox that forwards every byte and keeps a copy.

The checks use the copy: which task a charge belongs to, which keys, tokens and URLs were in use. At
a paid call the proxy calls `strike`, which may kill the caller, before it forwards the first byte,
and again before it returns the first byte of the response.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from tests.e2e.havoc.request_kinds import is_paid

HOST: Final = "127.0.0.1"
CHUNK: Final = 1 << 16

Moment = Literal["unsent", "unanswered"]
Strike = Callable[[Moment], bool]
"""Perhaps kills the caller at that moment of its paid call; whether it did."""


@dataclass(frozen=True)
class Exchange:
    """One request and its response, as far as it came (status 0: not at all).

    Attributes:
        at: the wall-clock time at which its connection was opened.
    """

    provider: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer: bytes
    at: float = 0.0

    @property
    def paid(self) -> bool:
        """Whether the call may cost something."""
        return is_paid(self.provider, self.method, self.path)


@dataclass
class _Connection:
    """The bytes of one connection."""

    request: bytearray = field(default_factory=bytearray)
    response: bytearray = field(default_factory=bytearray)
    at: float = field(default_factory=time.time)


class RecordingProxy:
    """Listens in front of one sandbox until it is closed."""

    def __init__(self, provider: str, base_url: str, strike: Strike) -> None:
        self.provider = provider
        self._target = (HOST, urlsplit(base_url).port or 80)
        self._strike = strike
        self._connections: list[_Connection] = []
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self.base_url = f"http://{HOST}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, name=f"proxy-{provider}", daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def exchanges(self) -> Iterator[Exchange]:
        """All requests so far."""
        for connection in list(self._connections):
            responses = _messages(bytes(connection.response))
            for first, headers, body in _messages(bytes(connection.request)):
                method, path, _ = first.split(" ", 2)
                status_line, _, answer = next(responses, ("", {}, b""))
                status = int(status_line.split(" ")[1]) if status_line else 0
                yield Exchange(
                    self.provider, method, path, headers, body, status, answer, connection.at
                )

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        connection = _Connection()
        self._connections.append(connection)
        back = threading.Thread(
            target=self._pass_back, args=(connection, server, client), daemon=True
        )
        back.start()
        self._pass_on(connection, client, server)
        back.join()
        client.close()
        server.close()

    def _pass_on(
        self, connection: _Connection, client: socket.socket, server: socket.socket
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := client.recv(CHUNK):
                first = not connection.request
                connection.request += chunk
                if first and self._is_paid(connection) and self._strike("unsent"):
                    connection.request.clear()
                    _hang_up(server)
                    return
                server.sendall(chunk)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _pass_back(
        self, connection: _Connection, server: socket.socket, client: socket.socket
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := server.recv(CHUNK):
                first = not connection.response
                connection.response += chunk
                if first and self._is_paid(connection) and self._strike("unanswered"):
                    break
                client.sendall(chunk)
        _hang_up(client)

    def _is_paid(self, connection: _Connection) -> bool:
        # A paid call has its own connection, so the first line is enough.
        method, _, rest = connection.request[:200].decode("latin-1").partition(" ")
        return is_paid(self.provider, method, rest.partition(" ")[0])


def _hang_up(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        server.shutdown(socket.SHUT_RDWR)


def _messages(data: bytes) -> Iterator[tuple[str, Mapping[str, str], bytes]]:
    """First line, headers and body of each HTTP/1.1 message; the last may be incomplete."""
    while b"\r\n\r\n" in data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *rows = head.decode("latin-1").split("\r\n")
        pairs = (row.partition(":") for row in rows)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, data = _chunks(data)
        else:
            length = int(headers.get("content-length", "0"))
            body, data = data[:length], data[length:]
        yield first, headers, body


def _chunks(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while b"\r\n" in data:
        size, _, data = data.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        body, data = body + data[:length], data[length + 2 :]
        if length == 0:
            break
    return body, data
