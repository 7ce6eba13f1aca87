"""Running an adapter by hand: no driver, no network, only requests and answers."""

import json
from collections.abc import Generator, Mapping
from typing import Any, TypeVar

from darkroom.domain.media import BY_EXTENSION, Media, extension_of
from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.routes import Route
from darkroom.providers.adapter import Adapter, Answer, Request
from darkroom.providers.registry import build_adapters

ADAPTERS = build_adapters()
"""Building them all costs a tenth of a second."""

T = TypeVar("T")


def adapter_of(name: str) -> Adapter:
    """The adapter with this name."""
    return next(adapter for adapter in ADAPTERS if adapter.name == name)


def route_of(provider: str, operation: str, model: str | None = None) -> Route:
    """The provider's first route for the operation, or the one with this model."""
    return next(
        route
        for route in adapter_of(provider).routes
        if route.operation == operation and (model is None or model in route.models)
    )


class NamedFiles:
    """Fulfils `protocol.InputFiles` for files that are named only: a format by extension."""

    def media(self, file: Input) -> Media | None:
        """By the name alone."""
        return BY_EXTENSION.get(extension_of(file.key))

    def link(self, file: Input, lifetime_s: int) -> str | None:
        """An address that names the file."""
        return f"https://inputs.test/{file.key}?seconds={lifetime_s}"


def work_of(route: Route, params: Mapping[str, Any], inputs: Mapping[str, list[str]]) -> JobRequest:
    """A job request on files that are named only; their content never matters to an adapter."""
    files = {
        role: tuple(Input(key, "v1", "etag", 1) for key in keys)
        for role, keys in inputs.items()
        if keys
    }
    return JobRequest("ab" * 16, 2, route, route.params.model_validate(params), files)


def answer_of(status: int, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, headers or {}, json.dumps(body).encode())


def run(steps: Generator[Request, Answer, T], *answers: Answer) -> tuple[list[Request], T]:
    """The requests that a generator makes of these answers, and what it returns."""
    made: list[Request] = []
    waiting = iter(answers)
    try:
        made.append(next(steps))
        while True:
            made.append(steps.send(next(waiting)))
    except StopIteration as end:
        result: T = end.value
        return made, result
