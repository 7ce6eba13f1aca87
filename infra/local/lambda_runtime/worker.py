"""One Lambda execution environment: a process that runs awslambdaric, and its Runtime API.

Whoever invokes serves the Runtime API himself: he accepts the worker's connection, answers its
"next" and reads its POST, on one listening socket per worker. So no framework and no thread stands
between an invocation and its answer. The contract is "Using the Lambda runtime API" in the AWS
Lambda developer guide.
"""

import contextlib
import json
import selectors
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.local.processes import Child, Processes, Start
from infra.loopback_guard import refusal

# Lambda gives initialization 10 s; a busy machine may need longer, and nobody pays for it.
INIT_LIMIT_S: Final = 30.0
LOOK_EVERY_S: Final = 0.1
ANSWER_WITHIN_S: Final = 10.0
NEXT: Final = "/2018-06-01/runtime/invocation/next"
INIT_ERROR: Final = "/2018-06-01/runtime/init/error"
# "Lambda quotas": 6 MB for a synchronous answer.
ANSWER_LIMIT: Final = 6 * 1024 * 1024


@dataclass(frozen=True)
class Function:
    """A function as deployed."""

    name: str
    arn: str
    handler: str
    timeout_s: float
    memory_mb: int = 128
    environment: Mapping[str, str] = field(default_factory=dict)
    dead_letters: str | None = None
    """ARN of the queue that gets what an asynchronous invocation could not do."""


@dataclass(frozen=True)
class Answer:
    """What an invocation gave: its JSON, and `error` ("Unhandled") when it is an error object."""

    payload: bytes
    error: str | None = None


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    line: "_Line"


class _GoneError(Exception):
    """The process ended while it was being waited for."""


class Worker:
    """One process of one function. Not for use by two threads at once; see `Runtime`."""

    def __init__(
        self,
        function: Function,
        processes: Processes,
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        self.function = function
        self._processes = processes
        self._log = log
        self._idle: _Line | None = None
        self._lines: list[_Line] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        try:
            self._process = self._start(folder, environment)
        except BaseException:
            self._let_go()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process can take another invocation."""
        return self._process.poll() is None

    def invoke(self, payload: bytes) -> Answer:
        """Runs the handler once. Never raises for what the function does: that is in the answer."""
        request_id = str(uuid.uuid4())
        if failed := self._wait_until_idle(request_id):
            return failed
        limit = self.function.timeout_s
        deadline = time.monotonic() + limit
        try:
            self._hand_over(request_id, payload, limit)
            return self._read_answer(request_id, deadline)
        except TimeoutError:
            return self._end(
                "Sandbox.Timedout",
                f"RequestId: {request_id} Error: Task timed out after {limit:.2f} seconds",
            )
        except (_GoneError, OSError, ValueError):
            return self._exited(request_id)

    def close(self) -> None:
        """Ends the process and lets go of the sockets."""
        self._processes.kill(self._process)
        self._let_go()

    def _start(self, folder: Path, environment: Mapping[str, str]) -> Child:
        host, port = self._listener.getsockname()
        with self._log.open("ab") as output:
            return self._processes.start(
                Start(
                    module="awslambdaric",
                    arguments=(self.function.handler,),
                    folder=folder,
                    environment={**environment, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"},
                    output=output,
                )
            )

    def _let_go(self) -> None:
        self._selector.close()
        self._listener.close()
        for line in self._lines:
            line.close()

    def _wait_until_idle(self, request_id: str) -> Answer | None:
        """Waits for the worker's "next"; an answer means that the function could not be loaded."""
        try:
            while self._idle is None:
                request = self._read(time.monotonic() + INIT_LIMIT_S)
                if request.path == INIT_ERROR:
                    request.line.answer(202)
                    self.close()
                    return Answer(request.body, "Unhandled")
                self._take(request)
        except TimeoutError:
            return self._end(
                "Sandbox.Timedout",
                f"RequestId: {request_id} Error: Init timed out after {INIT_LIMIT_S:.2f} seconds",
            )
        except (_GoneError, OSError, ValueError):
            return self._exited(request_id)
        return None

    def _hand_over(self, request_id: str, payload: bytes, limit_s: float) -> None:
        line, self._idle = self._idle, None
        assert line is not None  # noqa: S101 - `_wait_until_idle` went before
        line.answer(
            200,
            payload,
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + limit_s) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": self.function.arn,
                "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}",
            },
        )

    def _read_answer(self, request_id: str, deadline: float) -> Answer:
        while True:
            request = self._read(deadline)
            if request.path.endswith(f"/{request_id}/response"):
                request.line.answer(202)
                if len(request.body) > ANSWER_LIMIT:
                    return _fault(
                        "Function.ResponseSizeTooLarge",
                        f"Response payload size exceeded {ANSWER_LIMIT} bytes.",
                    )
                return Answer(request.body)
            if request.path.endswith(f"/{request_id}/error"):
                request.line.answer(202)
                return Answer(request.body, "Unhandled")
            self._take(request)

    def _take(self, request: _Request) -> None:
        if request.method == "GET" and request.path == NEXT:
            self._idle = request.line
        else:
            request.line.answer(404)

    def _read(self, deadline: float) -> _Request:
        """The worker's next request; `TimeoutError` at the deadline, `_GoneError` at its end."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ready = self._selector.select(min(left, LOOK_EVERY_S))
            for key, _ in ready:
                if key.fileobj is self._listener:
                    self._accept()
                    continue
                line: _Line = key.data
                line.limit(deadline)
                request = line.read()
                if request is not None and self._is_ours(request):
                    return request
                if request is not None:
                    line.answer(403)
                self._selector.unregister(line.socket)
                self._lines.remove(line)
                line.close()
            if not ready and not self.alive:
                raise _GoneError

    def _is_ours(self, request: _Request) -> bool:
        """Whether the worker sent it, and no web page that tries one port after the other."""
        port = self._listener.getsockname()[1]
        return refusal(request.method, request.headers, port) is None

    def _accept(self) -> None:
        line = _Line(self._listener.accept()[0])
        self._lines.append(line)
        self._selector.register(line.socket, selectors.EVENT_READ, line)

    def _exited(self, request_id: str) -> Answer:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        code = self._process.poll()
        if code is not None and code < 0:
            how = f"signal: {-code}"
        else:
            how = f"exit status {code if code is not None else 'unknown'}"
        return self._end(
            "Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited with error: {how}"
        )

    def _end(self, kind: str, message: str) -> Answer:
        """Ends the worker, which is of no more use, and says so in the log and in the answer."""
        self.close()
        with self._log.open("a") as log:
            log.write(f"{message}\n")
        return _fault(kind, message)


class _Line:
    """One HTTP/1.1 connection of the worker, read with no more than the Runtime API needs."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = connection.makefile("rb")

    def limit(self, deadline: float) -> None:
        self.socket.settimeout(max(0.01, deadline - time.monotonic()))

    def read(self) -> _Request | None:
        """The next request, or nothing when the other side has closed the connection."""
        try:
            first = self._file.readline()
        except ConnectionError:
            return None
        if not first:
            return None
        method, path, _ = first.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (row := self._file.readline().strip()) != b"":
            name, _, value = row.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._read_chunks()
        else:
            body = self._file.read(int(headers.get("content-length", "0")))
        return _Request(method, path, headers, body, self)

    def answer(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        # The last read may have left a limit that has passed since.
        self.socket.settimeout(ANSWER_WITHIN_S)
        rows = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}"]
        rows += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.socket.sendall("\r\n".join([*rows, "", ""]).encode("latin-1") + body)

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def _read_chunks(self) -> bytes:
        parts = []
        while size := int(self._file.readline().split(b";")[0], 16):
            parts.append(self._file.read(size))
            self._file.readline()
        while self._file.readline().strip():
            pass
        return b"".join(parts)


def _fault(kind: str, message: str) -> Answer:
    payload = {"errorType": kind, "errorMessage": message}
    return Answer(json.dumps(payload).encode(), "Unhandled")
