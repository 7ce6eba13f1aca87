"""A server that misbehaves at the level of sockets, where no HTTP framework would."""

import contextlib
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class RawServer:
    """Where it listens, and what came so far."""

    base_url: str
    received: list[bytes] = field(default_factory=list)
    connections: int = 0
    stop: threading.Event = field(default_factory=threading.Event)


Handler = Callable[[RawServer, socket.socket], None]
"""What becomes of one connection."""


@contextmanager
def serving(*handlers: Handler, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Each connection gets the next handler; the last one stays for all that follow."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = RawServer(f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}")

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                handle = handlers[min(server.connections, len(handlers)) - 1]
                if tls is None:
                    handle(server, connection)
                    continue
                with tls.wrap_socket(connection, server_side=True) as secured:
                    handle(server, secured)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def read_request(server: RawServer, connection: socket.socket) -> bytes:
    """One whole request, by its Content-Length; b"" when the client has gone before its end."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length and (chunk := connection.recv(65536)):
        body += chunk
    if len(body) < length:
        return b""
    server.received.append(head + b"\r\n\r\n" + body)
    return head


def answering(raw: bytes, *, times: int = 1) -> Handler:
    """Read a request, say `raw`; `times` requests on one connection, then close it."""

    def handle(server: RawServer, connection: socket.socket) -> None:
        for _ in range(times):
            if not read_request(server, connection):
                return
            connection.sendall(raw)

    return handle


def speaking(script: Mapping[str, Sequence[bytes]]) -> Handler:
    """Answer each path with its next line, then with the last one; one request a connection."""
    asked: Counter[str] = Counter()

    def handle(server: RawServer, connection: socket.socket) -> None:
        path = read_request(server, connection).split(b" ")[1].decode()
        lines = script[path]
        line = lines[min(asked[path], len(lines) - 1)]
        asked[path] += 1
        # Said aloud, so that the client does not take the connection for one that it may keep.
        connection.sendall(line.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))

    return handle


def dripping(head: bytes, drop: bytes) -> Handler:
    """Read a request, say `head`, then `drop` again and again, each well within any time-out."""

    def handle(server: RawServer, connection: socket.socket) -> None:
        read_request(server, connection)
        connection.sendall(head)
        while not server.stop.wait(0.02):
            connection.sendall(drop)

    return handle


def hanging_up_early(_server: RawServer, connection: socket.socket) -> None:
    """Read a little of the request, then reset the connection."""
    connection.recv(1024)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stalling(server: RawServer, connection: socket.socket) -> None:
    """Read the head alone and then nothing, so that the client cannot go on sending."""
    connection.recv(1024)
    server.stop.wait(5)


def http(status: str, body: bytes, *headers: str) -> bytes:
    """An answer with its length."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
