"""The WSGI application around a provider: routing, control routes, faults and the request log.

It is the same for every provider. What a provider checks, charges and responds is decided in its
package.
"""

import gzip
import json
import logging
import socket
import threading
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.wrappers import Response

from infra.loopback_guard import LOOPBACK, Guard
from infra.sandbox.context import RequestContext, SandboxRequest, SandboxState
from infra.sandbox.control_api import ControlApi
from infra.sandbox.faults import Effect
from infra.sandbox.provider import Provider, RefusalError, Route
from infra.sandbox.responses import json_response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LOG_LENGTH = 1000
SECRET_HEADERS = frozenset({"authorization", "cookie"})

_log = logging.getLogger(__name__)


class SandboxApp:
    """One provider's sandbox as a WSGI application.

    Requests of web pages are refused, since the control routes change a ledger and an account.

    `pause` waits for the real seconds of a stall; the default ends early when the server stops.
    `hosts` are the host names that it accepts, empty for every address; see `loopback_guard`.
    """

    def __init__(
        self,
        provider: Provider,
        state: SandboxState,
        *,
        pause: Callable[[float], object] | None = None,
        hosts: Collection[str] = LOOPBACK,
    ) -> None:
        # A recording proxy may listen on another port and forward requests to this server.
        self._guard = Guard(self._serve, _forbid_page, forwarded=True, hosts=hosts)
        self._provider = provider
        self._state = state
        self._pause = pause or state.stopping.wait
        self._requests: deque[dict[str, object]] = deque(maxlen=LOG_LENGTH)
        self._control = ControlApi(state, self._read_log)
        self._map = Map(
            [Rule(r.path, methods=[r.method], endpoint=r) for r in provider.routes()],
            strict_slashes=False,
            merge_slashes=False,
        )
        self._log_lock = threading.Lock()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Respond to one request, or close its connection where a fault says so."""
        return self._guard(environ, start_response)

    def _serve(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        request = SandboxRequest(environ)
        if request.path.startswith("/_sandbox/"):
            return self._control.handle(request)(environ, start_response)
        effect = self._state.faults.take(request.method, request.path)
        try:
            response = self._respond_with_fault(request, effect)
        except ConnectionAbortedError:
            self._write_log(request, None, effect)
            _close_connection(environ)
            raise
        self._write_log(request, response.status_code, effect)
        if effect is not None and effect.truncate is not None:
            return _truncate_body(response, effect.truncate)(environ, start_response)
        return response(environ, start_response)

    def _respond_with_fault(self, request: SandboxRequest, effect: Effect | None) -> Response:
        # The body is always read first. A client that could not finish sending would know that
        # nothing was accepted; these faults leave that open.
        try:
            request.get_data(cache=True, parse_form_data=False)
        except HTTPException as exc:
            return self._provider.refuse(_as_refusal(exc))
        if effect is None:
            return self._respond(request, None)
        if effect.status is not None and effect.result is None:
            return _fault_response(effect)
        if effect.drop == "before" or (effect.delay_s is not None and effect.then == "before"):
            self._pause(effect.delay_s or 0.0)
            raise ConnectionAbortedError
        response = self._respond(request, effect)
        if effect.delay_s is not None:
            self._pause(effect.delay_s)
        if effect.drop == "after":
            raise ConnectionAbortedError
        if effect.malformed:
            body = response.get_data()
            response.set_data(body[: max(1, len(body) // 2)])
        if effect.pack is not None:
            response.set_data(_ENCODERS[effect.pack](response.get_data()))
            response.headers["Content-Encoding"] = effect.pack
        return response

    def _respond(self, request: SandboxRequest, effect: Effect | None) -> Response:
        adapter: MapAdapter = self._map.bind_to_environ(request.environ)
        try:
            rule, args = adapter.match(return_rule=True)
        except HTTPException as exc:
            return self._provider.refuse(_as_refusal(exc))
        route: Route = rule.endpoint
        ctx = RequestContext(request, f"{route.method} {route.path}", dict(args), effect)
        try:
            return self._provider.handle(ctx, route.handler)
        except Exception:  # noqa: BLE001 - a bug here is a 500 to the client, as at a provider
            _log.exception("sandbox %s failed at %s", self._provider.name, ctx.route)
            return self._provider.refuse(RefusalError(500, "Internal server error"))

    def _write_log(
        self, request: SandboxRequest, status: int | None, effect: Effect | None
    ) -> None:
        headers = {
            name: "[redacted]" if _is_secret(name.lower()) else value
            for name, value in request.headers.items()
        }
        entry: dict[str, object] = {
            "at": self._state.clock.now(),
            "method": request.method,
            "path": request.path,
            "status": status,
            "headers": headers,
            "fault": None if effect is None else effect.model_dump(exclude_defaults=True),
        }
        with self._log_lock:
            self._requests.append(entry)

    def _read_log(self) -> list[dict[str, object]]:
        with self._log_lock:
            return list(self._requests)


def _is_secret(header: str) -> bool:
    """Whether a header, by its lower-case name, has a key: every provider has its own name."""
    return header in SECRET_HEADERS or (header.endswith("key") and header != "idempotency-key")


def _as_refusal(exc: HTTPException) -> RefusalError:
    return RefusalError(exc.code or 500, exc.name)


def _forbid_page(
    environ: "WSGIEnvironment", start_response: "StartResponse", why: str
) -> Iterable[bytes]:
    return json_response({"error": why}, 403)(environ, start_response)


def _fault_response(effect: Effect) -> Response:
    if isinstance(effect.body, str):
        text, mime = effect.body, "text/plain"
    else:
        text, mime = json.dumps(effect.body if effect.body is not None else {}), "application/json"
    response = Response(text, status=effect.status, mimetype=mime)
    response.headers.update(effect.headers)
    return response


_ENCODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
"""RFC 9110, 8.4.1: "deflate" is the zlib format."""


def _truncate_body(response: Response, length: int) -> Response:
    body = response.get_data()

    def part() -> Iterator[bytes]:
        yield body[:length]
        # On this error the server closes the connection; the rest of the body is never sent.
        raise ConnectionAbortedError

    cut = Response(part(), status=response.status_code, headers=response.headers)
    cut.headers["Content-Length"] = str(len(body))
    return cut


def _close_connection(environ: "WSGIEnvironment") -> None:
    """Close the connection now, or the server would wait for another request on it."""
    connection = environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            _log.debug("the client had already closed the connection")
