"""What every provider's sandbox implements: routes, handlers, and how it renders a refusal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext

Handler = Callable[[RequestContext], Response]


class RefusalError(Exception):
    """A request is refused. Each provider renders it in its own shape.

    `kind` is the provider's error type or code, `extra` goes into the body beside the message.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "",
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.extra = extra or {}
        self.headers = headers or {}


@dataclass(frozen=True)
class Route:
    """An endpoint: a method, a path in werkzeug's notation, and its handler."""

    method: str
    path: str
    handler: Handler


class Provider(Protocol):
    """A provider's API over the state of one sandbox."""

    name: str
    credentials: Mapping[str, str]
    """What a client needs beside the address, under the names of the fields of its secret."""

    def routes(self) -> list[Route]:
        """List every endpoint."""
        ...

    def handle(self, ctx: RequestContext, handler: Handler) -> Response:
        """Authenticate the client, run the handler, and render refusals in the provider's shape."""
        ...

    def refuse(self, refusal: RefusalError) -> Response:
        """Render a refusal."""
        ...
