"""Shared by the tests of GoAPI's adapter: its routes and job requests."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.routes import Route
from darkroom.providers.adapter import Request
from darkroom.providers.goapi.adapter import GoApi
from tests.fakes.run_adapter import job_request_of

ADAPTER = GoApi()


def route_of(operation: str, model: str | None = None) -> Route:
    """A route by operation and perhaps model."""
    return next(
        route
        for route in ADAPTER.routes
        if route.operation == operation and (model is None or model in route.models)
    )


def job_request_on(key: str, size: int = 1) -> JobRequest:
    """A request to remove the background of one file of this size."""
    work = job_request_of(route_of("remove-background"), {}, {"image": [key]})
    return replace(work, inputs={"image": (Input(key, "v1", "etag", size),)})


def input_of(request: Request) -> Mapping[str, Any]:
    """The `input` of a paid request."""
    assert request.json is not None
    document: Mapping[str, Any] = request.json["input"]
    return document
