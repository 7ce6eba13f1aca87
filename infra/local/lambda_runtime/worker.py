"""One Lambda execution environment: a process that runs awslambdaric, and its Runtime API.

The invoking thread serves the Runtime API itself: it accepts the worker's connection, answers its
"next" and reads its POST, on one listening socket per worker. This needs no web framework and no
further thread. The contract is "Using the Lambda runtime API" in the AWS
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

from infra.local.processes import Child, Command, Processes
from infra.loopback_guard import refusal

# Lambda allows 10 s for initialization; a busy machine may need longer.
INIT_TIMEOUT_S: Final = 30.0
POLL_INTERVAL_S: Final = 0.1
RESPOND_WITHIN_S: Final = 10.0
NEXT: Final = "/2018-06-01/runtime/invocation/next"
INIT_ERROR: Final = "/2018-06-01/runtime/init/error"
# Packages of the command that the functions' layer lacks. If they can be imported, httpx imports
# its own command-line interface, which takes a tenth of a function's start.
HIDDEN: Final = ("click", "pygments", "rich")
# "Lambda quotas": 6 MB for a synchronous response.
MAX_RESPONSE_BYTES: Final = 6 * 1024 * 1024


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
    """ARN of the queue for asynchronous invocations that failed."""


@dataclass(frozen=True)
class InvocationResult:
    """The JSON result of an invocation; `error` is "Unhandled" if that is an error object."""

    payload: bytes
    error: str | None = None


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: "_Connection"


class _ProcessEndedError(Exception):
    """The process ended during the wait for its request."""


class Worker:
    """One process of one function. Only one thread may use it at a time; see `Runtime`."""

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
        self._idle: _Connection | None = None
        self._connections: list[_Connection] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        try:
            self._process = self._start(folder, environment)
        except BaseException:
            self._close_sockets()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def invoke(self, payload: bytes) -> InvocationResult:
        """Run the handler once. Errors of the function are in the result; they are never raised."""
        request_id = str(uuid.uuid4())
        if failed := self._wait_until_idle(request_id):
            return failed
        limit = self.function.timeout_s
        deadline = time.monotonic() + limit
        try:
            self._send_event(request_id, payload, limit)
            return self._read_result(request_id, deadline)
        except TimeoutError:
            return self._end(
                "Sandbox.Timedout",
                f"RequestId: {request_id} Error: Task timed out after {limit:.2f} seconds",
            )
        except (_ProcessEndedError, OSError, ValueError):
            return self._exited(request_id)

    def close(self) -> None:
        """End the process and close its sockets."""
        self._processes.kill(self._process)
        self._close_sockets()

    def _start(self, folder: Path, environment: Mapping[str, str]) -> Child:
        host, port = self._listener.getsockname()
        with self._log.open("ab") as output:
            return self._processes.start(
                Command(
                    module="awslambdaric",
                    arguments=(self.function.handler,),
                    folder=folder,
                    environment={**environment, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"},
                    output=output,
                    hidden=HIDDEN,
                )
            )

    def _close_sockets(self) -> None:
        self._selector.close()
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def _wait_until_idle(self, request_id: str) -> InvocationResult | None:
        """Wait for the worker's "next"; a result means that the function could not be loaded."""
        try:
            while self._idle is None:
                request = self._read(time.monotonic() + INIT_TIMEOUT_S)
                if request.path == INIT_ERROR:
                    request.connection.answer(202)
                    self.close()
                    return InvocationResult(request.body, "Unhandled")
                self._dispatch(request)
        except TimeoutError:
            return self._end(
                "Sandbox.Timedout",
                f"RequestId: {request_id} Error: Init timed out after {INIT_TIMEOUT_S:.2f} seconds",
            )
        except (_ProcessEndedError, OSError, ValueError):
            return self._exited(request_id)
        return None

    def _send_event(self, request_id: str, payload: bytes, limit_s: float) -> None:
        connection, self._idle = self._idle, None
        assert connection is not None  # noqa: S101 - after `_wait_until_idle`
        connection.answer(
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

    def _read_result(self, request_id: str, deadline: float) -> InvocationResult:
        while True:
            request = self._read(deadline)
            if request.path.endswith(f"/{request_id}/response"):
                request.connection.answer(202)
                if len(request.body) > MAX_RESPONSE_BYTES:
                    return _fault(
                        "Function.ResponseSizeTooLarge",
                        f"Response payload size exceeded {MAX_RESPONSE_BYTES} bytes.",
                    )
                return InvocationResult(request.body)
            if request.path.endswith(f"/{request_id}/error"):
                request.connection.answer(202)
                return InvocationResult(request.body, "Unhandled")
            self._dispatch(request)

    def _dispatch(self, request: _Request) -> None:
        if request.method == "GET" and request.path == NEXT:
            self._idle = request.connection
        else:
            request.connection.answer(404)

    def _read(self, deadline: float) -> _Request:
        """The worker's next request.

        Raises TimeoutError at the deadline, and `_ProcessEndedError` if the process has ended.
        """
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ready = self._selector.select(min(left, POLL_INTERVAL_S))
            for key, _ in ready:
                if key.fileobj is self._listener:
                    self._accept()
                    continue
                connection: _Connection = key.data
                connection.set_deadline(deadline)
                request = connection.read()
                if request is not None and self._is_from_worker(request):
                    return request
                if request is not None:
                    connection.answer(403)
                self._selector.unregister(connection.socket)
                self._connections.remove(connection)
                connection.close()
            if not ready and not self.alive:
                raise _ProcessEndedError

    def _is_from_worker(self, request: _Request) -> bool:
        """Whether the worker sent it, rather than a web page that tries all ports."""
        port = self._listener.getsockname()[1]
        return refusal(request.method, request.headers, port) is None

    def _accept(self) -> None:
        connection = _Connection(self._listener.accept()[0])
        self._connections.append(connection)
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def _exited(self, request_id: str) -> InvocationResult:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        code = self._process.poll()
        if code is not None and code < 0:
            reason = f"signal: {-code}"
        else:
            reason = f"exit status {code if code is not None else 'unknown'}"
        return self._end(
            "Runtime.ExitError",
            f"RequestId: {request_id} Error: Runtime exited with error: {reason}",
        )

    def _end(self, kind: str, message: str) -> InvocationResult:
        """End the worker after a failure; the message goes to the log and into the result."""
        self.close()
        with self._log.open("a") as log:
            log.write(f"{message}\n")
        return _fault(kind, message)


class _Connection:
    """One HTTP/1.1 connection of the worker; supports only what the Runtime API needs."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = connection.makefile("rb")

    def set_deadline(self, deadline: float) -> None:
        self.socket.settimeout(max(0.01, deadline - time.monotonic()))

    def read(self) -> _Request | None:
        """The next request, or None if the worker has closed the connection."""
        try:
            request_line = self._file.readline()
        except ConnectionError:
            return None
        if not request_line:
            return None
        method, path, _ = request_line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
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
        # The time-out of the last read may have passed.
        self.socket.settimeout(RESPOND_WITHIN_S)
        lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

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


def _fault(kind: str, message: str) -> InvocationResult:
    payload = {"errorType": kind, "errorMessage": message}
    return InvocationResult(json.dumps(payload).encode(), "Unhandled")
