"""An HTTP server whose connections stay open; for the local environment and the sandboxes.

Werkzeug's own server closes every connection after one response. A function makes many small
requests, and a new connection and thread for each takes longer than many of the responses.
"""

import contextlib
import io
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from types import TracebackType
from typing import Final

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

LOG = logging.getLogger(__name__)
IDLE_S: Final = 60.0
"""Seconds after which a silent connection is closed, also in the middle of a request."""
MAX_OPEN: Final = 200
"""While more connections are open, each is closed after its response: every one has a thread."""
MAX_BUFFERED: Final = 8 * 1024 * 1024
"""The longest body of a request, in bytes, after which its connection stays open."""
DISCARD_S: Final = 1.0
"""How long the rest of a refused body may be silent before its connection is closed."""
DISCARD_BYTES: Final = 64 * 1024
MAX_DISCARDED: Final = 1024 * DISCARD_BYTES

_WITHOUT_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
Application = Callable[..., Iterable[bytes]]
ErrorInfo = tuple[type[BaseException], BaseException, TracebackType]
Connection = socket.socket | tuple[bytes, socket.socket]
"""What socketserver calls a request; the tuple is a datagram's, which this server never gets."""


class KeepAliveServer(ThreadedWSGIServer):
    """A threaded WSGI server that closes its connections when it stops."""

    def __init__(
        self,
        host: str,
        port: int,
        app: Application,
        handler: "type[KeepAliveHandler]",
        *,
        fd: int | None = None,
    ) -> None:
        """Listen on `host` and `port`, or on the socket `fd`."""
        self._open: set[Connection] = set()
        self._lock = threading.Lock()
        super().__init__(host, port, app, handler, fd=fd)

    @property
    def crowded(self) -> bool:
        """Whether there are too many connections to keep one open."""
        return len(self._open) > MAX_OPEN

    def process_request(self, request: Connection, client_address: tuple[str, int]) -> None:
        """Serve one connection in a new thread."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Connection) -> None:
        """Close one connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Stop to listen, and close all connections: their threads end."""
        super().server_close()
        with self._lock:
            for connection in self._open:
                if isinstance(connection, socket.socket):
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)


class KeepAliveHandler(WSGIRequestHandler):
    """Serves the requests of one connection, one after the other.

    The connection stays open only where it is certain where the next request begins: the request's
    body was read completely, and the response was as long as it said.
    """

    server: KeepAliveServer
    # Not `wbufsize`: it would hold back "100 Continue".
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_S

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log the request, if anyone reads it: werkzeug's text for it is slow to make."""
        if LOG.isEnabledFor(logging.DEBUG):
            super().log_request(code, size)

    def run_wsgi(self) -> None:
        """Answer one request. Its "100 Continue" has been sent while its headers were read."""
        body = self._read_body()
        self.environ = self.make_environ()
        if body is None:
            # The application reads it from the connection, perhaps not to its end.
            self.close_connection = True
        else:
            self.environ["wsgi.input"] = io.BytesIO(body)
        response = _Response(self)
        try:
            response.send(self.server.app)
        except (ConnectionError, TimeoutError) as error:
            self.close_connection = True
            self.connection_dropped(error, self.environ)
        except Exception:
            self.close_connection = True
            LOG.exception("%s %s", self.command, self.path)
            if not response.begun:
                self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
        if body is None:
            self._discard_rest()

    def _read_body(self) -> bytes | None:
        """The request's body, or None if its length is unknown or too great."""
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or len(lengths) > 1:
            return None
        if not lengths:
            return b""
        if not lengths[0].isdecimal() or int(lengths[0]) > MAX_BUFFERED:
            return None
        body = self.rfile.read(int(lengths[0]))
        if len(body) < int(lengths[0]):
            self.close_connection = True
        return body

    def _discard_rest(self) -> None:
        """Read what the client still sends: otherwise it gets a reset in place of the response."""
        with contextlib.suppress(OSError, ValueError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(DISCARD_S)
            for _ in range(MAX_DISCARDED // DISCARD_BYTES):
                if not self.rfile.read1(DISCARD_BYTES):
                    break


class _Response:
    """Writes one response: the head and the first part of the body in one piece."""

    def __init__(self, handler: KeepAliveHandler) -> None:
        self.begun = False
        self._handler = handler
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self._chunked = False
        self._left: int | None = None

    def send(self, app: Application) -> None:
        """Run the application and send what it answers."""
        parts = app(self._handler.environ, self._start)
        try:
            for part in _with_an_end(parts):
                self._write(part)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        if self._chunked:
            self._handler.wfile.write(b"0\r\n\r\n")
        if self._left:
            self._handler.close_connection = True

    def _start(
        self, status: str, headers: list[tuple[str, str]], error: ErrorInfo | None = None
    ) -> Callable[[bytes], None]:
        if error is not None and self.begun:
            raise error[1].with_traceback(error[2])
        self._status, self._headers = status, headers
        return self._write

    def _write(self, data: bytes) -> None:
        head = b"" if self.begun else self._begin()
        if self._chunked and data:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        elif self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        if head or data:
            self._handler.wfile.write(head + data)

    def _begin(self) -> bytes:
        """The head; it also decides how the end of the response is marked."""
        self.begun = True
        handler = self._handler
        code = int(self._status[:3])
        given = {name.lower(): value for name, value in self._headers}
        if given.get("connection", "").lower() == "close" or handler.server.crowded:
            handler.close_connection = True
        lines = [f"HTTP/1.1 {self._status}"]
        lines += [
            f"{name}: {value}" for name, value in self._headers if name.lower() != "connection"
        ]
        if "date" not in given:
            lines.append(f"Date: {handler.date_time_string()}")
        if handler.command == "HEAD" or code in _WITHOUT_BODY:
            self._left = 0
        elif "content-length" in given:
            self._left = int(given["content-length"])
        elif handler.request_version >= "HTTP/1.1":
            self._chunked = True
            lines.append("Transfer-Encoding: chunked")
        else:
            handler.close_connection = True
        if handler.close_connection:
            lines.append("Connection: close")
        handler.log_request(code)
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _with_an_end(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts; an empty one at the end, so that a response without a body gets its head."""
    yield from parts
    yield b""
