"""Stands in front of the emulated AWS: passes a function's request on, or denies it.

Requests with any other access key are none of its business.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from infra.local.permissions.accesses import find_accesses
from infra.local.permissions.decision_point import Caller, DecisionPoint, NotAuthorizedError
from infra.local.permissions.denial import deny
from infra.local.permissions.http_request import (
    Place,
    Request,
    UnknownRequestError,
    read_request,
)
from infra.local.permissions.policy import Access
from infra.local.permissions.s3 import READS
from infra.loopback_guard import Application, Environ, StartResponse


class Gate:
    """Decides on requests of functions before an application answers them."""

    def __init__(self, point: DecisionPoint, place: Place) -> None:
        self._point = point
        self._place = place

    def knows(self, key: str | None) -> bool:
        """Whether a function has this access key."""
        return self._point.function_of(key) is not None

    def answer(
        self, key: str, application: Application, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer the request of the function with this key."""
        request = read_request(environ)
        caller = self._point.function(self._point.function_of(key) or "")
        try:
            accesses = self._find_accesses(request, caller)
            self._point.check(caller, accesses)
            if accesses and accesses[0].action in READS:
                return self._read(caller, accesses[0], application, environ, start_response)
        except NotAuthorizedError as error:
            return _deny(request, str(error), start_response)
        return application(environ, start_response)

    def _find_accesses(self, request: Request, caller: Caller) -> list[Access]:
        try:
            return find_accesses(request, self._place)
        except UnknownRequestError as error:
            sentence = (
                f"User: {caller.arn} is not authorized to perform: {error}: the local environment"
                " does not know which rights this takes"
            )
            raise self._point.deny(sentence) from error

    def _read(
        self,
        caller: Caller,
        access: Access,
        application: Application,
        environ: Environ,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """Read an object; a caller that may not list its bucket does not learn that it is missing.

        Source: S3 API reference, "GetObject" and "HeadObject": 404 with `s3:ListBucket`, else 403.
        Raises `NotAuthorizedError`.
        """
        held = _Held()
        body = application(environ, held)
        if held.status.startswith("404"):
            try:
                bucket = access.resource.partition("/")[0]
                self._point.check(caller, [Access("s3:ListBucket", bucket)])
            except NotAuthorizedError:
                if close := getattr(body, "close", None):
                    close()
                raise
        start_response(held.status, held.headers)
        return body


@dataclass
class _Held:
    """A `start_response` that keeps what it is called with."""

    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, status: str, headers: list[tuple[str, str]], *_error: object) -> None:
        self.status, self.headers = status, headers


def _deny(request: Request, sentence: str, start_response: StartResponse) -> Iterable[bytes]:
    answer = deny(request.service, sentence, speaks_json=bool(request.target))
    start_response(answer.status, list(answer.headers))
    # The answer to a HEAD has no body; a client would take it for the next answer.
    return [b"" if request.method == "HEAD" else answer.body]
