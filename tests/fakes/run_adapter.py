"""Runs an adapter by hand: no driver, no network, only requests and responses."""

import json
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from darkroom.domain.errors import DarkroomError
from darkroom.domain.media import BY_EXTENSION, Media, extension_of
from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.routes import Route
from darkroom.providers.adapter import Adapter, Request, Response
from darkroom.providers.registry import build_adapters

ADAPTERS = build_adapters()
"""Building them all costs a tenth of a second."""

BY_NAME = {adapter.name: adapter for adapter in ADAPTERS}
"""As the driver gets them."""

T = TypeVar("T")


def adapter_of(name: str) -> Adapter:
    """The adapter with this name."""
    return BY_NAME[name]


def route_of(provider: str, operation: str, model: str | None = None) -> Route:
    """The provider's first route for the operation, or the one with this model."""
    return next(
        route
        for route in adapter_of(provider).routes
        if route.operation == operation and (model is None or model in route.models)
    )


class NamedFiles:
    """Fulfils `adapter.InputFiles` for files without content: the name gives all that is asked."""

    def media(self, file: Input) -> Media | None:
        """By the key alone."""
        return BY_EXTENSION.get(extension_of(file.key))

    def has_alpha(self, file: Input) -> bool:
        """A cut-out has."""
        return "cut-out" in file.key

    def link(self, file: Input, lifetime_s: int) -> str | None:
        """A URL with the file's key."""
        return f"https://inputs.test/{file.key}?seconds={lifetime_s}"


def job_request_of(
    route: Route, params: Mapping[str, Any], inputs: Mapping[str, list[str]]
) -> JobRequest:
    """A job request with files without content, which an adapter never reads."""
    files = {
        role: tuple(Input(key, "v1", "etag", 1) for key in keys)
        for role, keys in inputs.items()
        if keys
    }
    return JobRequest("ab" * 16, 2, route, route.params.model_validate(params), files)


def response_of(status: int, body: object, headers: Mapping[str, str] | None = None) -> Response:
    """A response with a JSON body."""
    return Response(status, headers or {}, json.dumps(body).encode())


def run(steps: Generator[Request, Response, T], *responses: Response) -> tuple[list[Request], T]:
    """The requests that a generator yields for these responses, and what it returns."""
    made: list[Request] = []
    waiting = iter(responses)
    try:
        made.append(next(steps))
        while True:
            made.append(steps.send(next(waiting)))
    except StopIteration as end:
        result: T = end.value
        return made, result


def error_of(call: Callable[..., object], *args: object) -> DarkroomError | None:
    """What a call raises, None if it succeeds; for tables whose rows are tested in one loop."""
    try:
        call(*args)
    except DarkroomError as error:
        return error
    return None
