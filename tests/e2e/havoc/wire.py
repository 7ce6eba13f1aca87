"""A wire between the functions and one sandbox that passes every byte on and keeps a copy.

The copy is what the run's checks rest on: which task a charge belongs to, which keys, tokens and
addresses were really in use. At a paid call it asks `strike`, which may end the caller, before a
byte has gone over and again before a byte of the answer has come back.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from tests.e2e.havoc.places import is_paid

HOST: Final = "127.0.0.1"
CHUNK: Final = 1 << 16

Moment = Literal["unsent", "unanswered"]
Strike = Callable[[Moment], bool]
"""Whether the caller was ended at that moment of its paid call."""


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as far as it came (status 0: not at all).

    Attributes:
        at: when its connection was opened, by the wall clock.
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
        """Whether it is a call that may cost something."""
        return is_paid(self.provider, self.method, self.path)


@dataclass
class _Line:
    """What went over one connection."""

    asked: bytearray = field(default_factory=bytearray)
    answered: bytearray = field(default_factory=bytearray)
    at: float = field(default_factory=time.time)


class Wire:
    """Listens in front of one sandbox until it is closed."""

    def __init__(self, provider: str, base_url: str, strike: Strike) -> None:
        self.provider = provider
        self._there = (HOST, urlsplit(base_url).port or 80)
        self._strike = strike
        self._lines: list[_Line] = []
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self.base_url = f"http://{HOST}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, name=f"wire-{provider}", daemon=True).start()

    def close(self) -> None:
        """Takes no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def exchanges(self) -> Iterator[Exchange]:
        """Everything that went over so far."""
        for line in list(self._lines):
            answers = _messages(bytes(line.answered))
            for first, headers, body in _messages(bytes(line.asked)):
                method, path, _ = first.split(" ", 2)
                said, _, answer = next(answers, ("", {}, b""))
                status = int(said.split(" ")[1]) if said else 0
                yield Exchange(self.provider, method, path, headers, body, status, answer, line.at)

    def _listen(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(here,), daemon=True).start()

    def _connect(self, here: socket.socket) -> None:
        try:
            there = socket.create_connection(self._there)
        except OSError:
            here.close()
            return
        line = _Line()
        self._lines.append(line)
        back = threading.Thread(target=self._pass_back, args=(line, there, here), daemon=True)
        back.start()
        self._pass_on(line, here, there)
        back.join()
        here.close()
        there.close()

    def _pass_on(self, line: _Line, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := here.recv(CHUNK):
                first = not line.asked
                line.asked += chunk
                if first and self._is_paid(line) and self._strike("unsent"):
                    line.asked.clear()
                    _hang_up(there)
                    return
                there.sendall(chunk)
        with contextlib.suppress(OSError):
            there.shutdown(socket.SHUT_WR)

    def _pass_back(self, line: _Line, there: socket.socket, here: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := there.recv(CHUNK):
                first = not line.answered
                line.answered += chunk
                if first and self._is_paid(line) and self._strike("unanswered"):
                    break
                here.sendall(chunk)
        _hang_up(here)

    def _is_paid(self, line: _Line) -> bool:
        # A paid call has a connection to itself, so its first line says it all.
        method, _, rest = line.asked[:200].decode("latin-1").partition(" ")
        return is_paid(self.provider, method, rest.partition(" ")[0])


def _hang_up(there: socket.socket) -> None:
    with contextlib.suppress(OSError):
        there.shutdown(socket.SHUT_RDWR)


def _messages(data: bytes) -> Iterator[tuple[str, Mapping[str, str], bytes]]:
    """First line, headers and body of each HTTP/1.1 message; the last one may be cut short."""
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
