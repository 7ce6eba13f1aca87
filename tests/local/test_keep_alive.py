"""Connections stay open where that is safe, do not pile up, and end with the server."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from infra import keep_alive
from infra.keep_alive import KeepAliveHandler, KeepAliveServer
from tests.local.wait import wait_for


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The application of the tests: its path says what it does."""
    path = environ["PATH_INFO"]
    if path == "/echo":
        body = environ["wsgi.input"].read()
    elif path == "/unread":
        body = b"not read"
    elif path == "/raise":
        raise LookupError(path)
    elif path == "/stream":
        start_response("200 OK", [])
        return [b"one", b"", b"two"]
    elif path == "/short":
        start_response("200 OK", [("Content-Length", "10")])
        return [b"abc"]
    elif path == "/abort":
        start_response("200 OK", [("Content-Length", "10")])
        return abort()
    elif path == "/none":
        start_response("204 No Content", [])
        return []
    else:
        body = path.encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body] if environ["REQUEST_METHOD"] != "HEAD" else []


def abort() -> Iterator[bytes]:
    """A body that ends in the middle."""
    yield b"abc"
    raise ConnectionAbortedError


class Handler(KeepAliveHandler):
    """Prints nothing."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's
        """Print nothing."""


class Running:
    """A server in a thread."""

    def __init__(self, handler: type[KeepAliveHandler]) -> None:
        self.server = KeepAliveServer("127.0.0.1", 0, answer, handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def connect(self) -> http.client.HTTPConnection:
        """A new connection; open once a request was sent."""
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=5)

    def send(self, text: str) -> bytes:
        """Send raw text; returns everything until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.server.port), 5) as connection:
            connection.sendall(text.encode())
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def stop(self) -> None:
        """Stop it, if it has not been stopped."""
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()


@pytest.fixture
def running() -> Iterator[Running]:
    """A server, stopped at the end."""
    started = Running(type("_Handler", (Handler,), {}))
    yield started
    started.stop()


def get(connection: http.client.HTTPConnection, path: str = "/", method: str = "GET") -> bytes:
    """The body of one response; the connection is used again if it is still open."""
    connection.request(method, path, b"x" * 100 if method == "POST" else None)
    return connection.getresponse().read()


def serving() -> int:
    """The number of threads that serve connections."""
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/plain", b"/plain"),
        ("POST", "/echo", b"x" * 100),
        ("POST", "/unread", b"not read"),
        ("HEAD", "/plain", b""),
        ("GET", "/none", b""),
        ("GET", "/stream", b"onetwo"),
    ],
)
def test_connection_stays_open(running: Running, method: str, path: str, body: bytes) -> None:
    """The next request on it gets its own response."""
    with contextlib.closing(running.connect()) as connection:
        connection.connect()
        opened = connection.sock
        assert get(connection, path, method) == body
        assert get(connection, "/next") == b"/next"
        assert connection.sock is opened


def test_many_requests_in_one_packet_are_answered_in_order(running: Running) -> None:
    """None of them is lost or taken for the body of another."""
    rows = [f"GET /{number} HTTP/1.1\r\nHost: x\r\n\r\n" for number in range(3)]
    last = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    found = running.send("".join([*rows, last]))
    assert [part.split(b"HTTP/1.1")[0] for part in found.split(b"\r\n\r\n")[1:]] == [
        b"/0",
        b"/1",
        b"/2",
        b"/last",
    ]


HIDDEN = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
LENGTH = f"Content-Length: {len(HIDDEN)}"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("GET /plain HTTP/1.0", ""),
        ("GET /short HTTP/1.1", ""),
        ("GET /abort HTTP/1.1", ""),
        ("GET /raise HTTP/1.1", ""),
        ("GET /plain HTTP/1.1\r\nConnection: close", ""),
        ("POST /unread HTTP/1.1\r\nTransfer-Encoding: chunked", "1\r\nx\r\n0\r\n\r\n"),
        (f"POST /unread HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{LENGTH}", HIDDEN),
        (f"POST /unread HTTP/1.1\r\n{LENGTH}\r\nContent-Length: 1", HIDDEN),
        ("POST /unread HTTP/1.1\r\nContent-Length: x", HIDDEN),
        ("POST /unread HTTP/1.1\r\nContent-Length: -1", HIDDEN),
    ],
)
def test_connection_is_closed_where_the_next_request_may_begin_anywhere(
    running: Running, head: str, body: str
) -> None:
    """What follows is not taken for a request."""
    found = running.send(f"{head}\r\nHost: x\r\n\r\n{body}{HIDDEN}")
    assert found.count(b"HTTP/1.1 ") == 1
    assert b"/hidden" not in found


def test_long_body_is_answered_and_ends_the_connection(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not hold it in memory; the client sees the response, not a reset."""
    monkeypatch.setattr(keep_alive, "MAX_BUFFERED", 1000)
    with contextlib.closing(running.connect()) as connection:
        connection.request("POST", "/unread", b"x" * 3_000_000)
        response = connection.getresponse()
        assert response.read() == b"not read"
        assert response.headers["Connection"] == "close"


def test_100_continue_is_sent_once_and_at_once(running: Running) -> None:
    """Before the body, which the client sends only after it."""
    with socket.create_connection(("127.0.0.1", running.server.port), 5) as connection:
        head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue"
        connection.sendall(f"{head}\r\n\r\n".encode())
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ab")
        found = connection.recv(65536)
        assert found.startswith(b"HTTP/1.1 200 OK\r\n")
        assert found.endswith(b"\r\n\r\nab")


def test_silent_connection_is_closed(running: Running) -> None:
    """And its thread ends."""
    vars_of: Any = running.server.RequestHandlerClass
    vars_of.timeout = 0.2
    before = serving()
    with contextlib.closing(running.connect()) as connection:
        get(connection)
        assert connection.sock.recv(1) == b""
        wait_for(lambda: serving() <= before)


def test_connections_beyond_the_limit_are_closed_after_their_response(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So clients that never close theirs cannot fill the process with threads."""
    monkeypatch.setattr(keep_alive, "MAX_OPEN", 3)
    before = serving()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(contextlib.closing(running.connect())) for _ in range(9)]
        for connection in connections:
            assert get(connection, "/x") == b"/x"
        wait_for(lambda: serving() <= before + 3)
        assert sum(connection.sock is not None for connection in connections) == 3


def test_stop_ends_idle_connections_at_once(running: Running) -> None:
    """Their threads end, and their clients see it."""
    before = serving()
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(contextlib.closing(running.connect())) for _ in range(20)
        ]
        for connection in connections:
            get(connection)
        assert serving() == before + 20
        started = time.monotonic()
        running.stop()
        assert time.monotonic() - started < 0.5
        assert all(connection.sock.recv(1) == b"" for connection in connections)
        wait_for(lambda: serving() <= before, within_s=1)
