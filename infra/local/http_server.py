"""One port for all of the emulated AWS: moto's application, and Lambda's Invoke in front of it.

This module answers `POST /2015-03-31/functions/NAME/invocations` ("Invoke", Lambda API) and passes
every other request with the right access key on to moto. The secrets may hold real keys of
providers, so requests of web pages are refused (see `loopback_guard`).
"""

import json
import logging
import re
import socket
import threading
import uuid
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote
from xml.sax.saxutils import escape

from flask import Flask
from moto.backends import SERVICE_NAMES
from moto.dynamodb.responses import DynamoHandler
from moto.moto_server.werkzeug_app import (
    BackendRequest,
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from infra.keep_alive import KeepAliveHandler, KeepAliveServer
from infra.local.lambda_runtime.invoker import Invoker
from infra.local.lambda_runtime.pool import NoSuchFunctionError
from infra.local.lambda_runtime.worker import MAX_RESPONSE_BYTES
from infra.local.permissions.gate import Gate
from infra.loopback_guard import ACCESS_KEY, Guard, StartResponse, access_key

LOG = logging.getLogger(__name__)
HOST: Final = "127.0.0.1"
DYNAMODB: Final = "DynamoDB_20120810."
INVOKE: Final = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
STOP_POLL_INTERVAL_S: Final = 0.1
WRONG_KEY: Final = (
    "This is a local environment and accepts only its own access key:"
    f" export AWS_ACCESS_KEY_ID={ACCESS_KEY} AWS_SECRET_ACCESS_KEY={ACCESS_KEY}"
)


class PortTakenError(RuntimeError):
    """Another program listens on the port."""


class Server:
    """The HTTP server, in its own thread."""

    def __init__(self, invoker: Invoker, gate: Gate, port: int = 0) -> None:
        """Listen on the port at once; 0 takes any free port."""
        try:
            self._socket = socket.create_server((HOST, port), backlog=256)
        except OSError as error:
            raise PortTakenError(f"port {port} cannot be used: {error.strerror}") from error
        self._server = KeepAliveServer(
            HOST,
            port,
            Guard(Application(invoker, gate), _forbid),
            _QuietHandler,
            fd=self._socket.fileno(),
        )
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, name="server", daemon=True)

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop at once; does not wait for running requests."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        else:
            self._server.server_close()
        self._socket.close()

    def _serve(self) -> None:
        self._server.serve_forever(STOP_POLL_INTERVAL_S)


class Application:
    """The WSGI application."""

    def __init__(self, invoker: Invoker, gate: Gate) -> None:
        self._invoker = invoker
        self._gate = gate
        self._moto = DomainDispatcherApplication(_create_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; an error in moto is logged and answered like an error of AWS."""
        key = access_key(environ)
        if key is None or (key != ACCESS_KEY and not self._gate.knows(key)):
            return _forbid(environ, start_response, WRONG_KEY)
        try:
            if key != ACCESS_KEY:
                return self._gate.answer(key, self._answer, environ, start_response)
            return self._answer(environ, start_response)
        except Exception:
            LOG.exception("%s %s", environ["REQUEST_METHOD"], environ.get("PATH_INFO"))
            body = (
                b'{"__type": "InternalFailure", "message": "see the log of the local environment"}'
            )
            return _reply(start_response, "500 Internal Server Error", body)

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            path = unquote(environ.get("PATH_INFO", ""))
            if match := INVOKE.fullmatch(path):
                return self._invoke(match[1], environ, start_response)
        if str(environ.get("HTTP_X_AMZ_TARGET", "")).startswith(DYNAMODB):
            return _answer_directly(environ, start_response)
        response: Iterable[bytes] = self._moto(environ, start_response)
        return response

    def _invoke(
        self, name: str, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        payload = environ["wsgi.input"].read(length) if length else b"{}"
        kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse")
        if length > MAX_RESPONSE_BYTES:
            return _refuse(
                start_response, "413", "RequestTooLargeException", "the payload is too large"
            )
        if not _is_json(payload):
            message = "Could not parse request body into json"
            return _refuse(start_response, "400", "InvalidRequestContentException", message)
        try:
            if kind == "Event":
                self._invoker.invoke_later(name, payload)
                return _reply(start_response, "202 Accepted", b"")
            result = self._invoker.invoke(name, payload)
        except NoSuchFunctionError as error:
            return _refuse(start_response, "404", "ResourceNotFoundException", str(error))
        headers = [("X-Amz-Executed-Version", "$LATEST")]
        if result.error is not None:
            headers.append(("X-Amz-Function-Error", result.error))
        return _reply(start_response, "200 OK", result.payload, headers)


class _QuietHandler(KeepAliveHandler, MotoRequestHandler):
    """Logs requests with `logging`, not to the terminal."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's
        LOG.debug(f"%s: {message}", type, *args)  # noqa: G004 - the message is the format


def _create_app(service: SERVICE_NAMES) -> Flask:
    app = create_backend_app(service)
    # Otherwise Flask answers an error in moto with an HTML page, and clients retry.
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app


def _answer_directly(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request to DynamoDB without Flask, whose routing takes a fifth of a short one.

    Most requests are for DynamoDB, which has one path and one class that answers.
    """
    request = BackendRequest(environ)
    try:
        status, headers, body = DynamoHandler.dispatch(request, request.raw_url, request.headers)
    except HTTPException as error:
        return error(environ, start_response)
    return Response(body, status, headers)(environ, start_response)


def _is_json(payload: bytes) -> bool:
    try:
        json.loads(payload)
    except ValueError:
        return False
    return True


def _refuse(start_response: StartResponse, status: str, kind: str, message: str) -> Iterable[bytes]:
    body = {"__type": kind, "Type": "User", "Message": message, "message": message}
    headers = [("x-amzn-ErrorType", kind)]
    return _reply(start_response, f"{status} {kind}", json.dumps(body).encode(), headers)


def _forbid(environ: dict[str, Any], start_response: StartResponse, why: str) -> Iterable[bytes]:
    """A 403 that AWS's clients can parse: JSON, XML, or S3's own XML."""
    path = unquote(environ.get("PATH_INFO", ""))
    if "HTTP_X_AMZ_TARGET" in environ or INVOKE.fullmatch(path):
        return _refuse(start_response, "403", "AccessDenied", why)
    body = f"<Error><Code>AccessDenied</Code><Message>{escape(why)}</Message></Error>"
    if "/s3/" not in environ.get("HTTP_AUTHORIZATION", "/s3/"):
        body = f"<ErrorResponse>{body}</ErrorResponse>"
    return _reply(start_response, "403 Forbidden", body.encode(), kind="application/xml")


def _reply(
    start_response: StartResponse,
    status: str,
    body: bytes,
    headers: Iterable[tuple[str, str]] = (),
    kind: str = "application/json",
) -> Iterable[bytes]:
    start_response(
        status,
        [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", str(uuid.uuid4())),
            *headers,
        ],
    )
    return [body]
