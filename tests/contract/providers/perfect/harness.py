"""Perfect alone with its own sandbox: jobs, their ends, and the requests that were seen.

Its clock moves by less than ten seconds between two polls; a job without a poll for ten seconds is
lost.
"""

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from PIL import Image

from darkroom.domain.attempt import Finished
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.routes import Route
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.engine.token_cache import TokenCache
from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.perfect.adapter import Perfect
from infra.sandbox.http_server import start
from tests.contract.providers.harness import ProviderHarness, Sandbox
from tests.contract.providers.provider_cases import (
    PERFECT_IMAGES,
    PERFECT_PARAMS,
    PERFECT_STEP_S,
)
from tests.fakes.inputs import InMemoryInputs

JOB_S = 12.0
_TASKS = "/s2s/v1.0/task/*"
RUN = {"method": "POST", "path": _TASKS}
ASK = {"method": "GET", "path": _TASKS}
STORE = {"method": "PUT", "path": "*"}

_numbers = itertools.count(1)


@contextmanager
def served() -> Iterator[Sandbox]:
    """A sandbox for one user."""
    with start(["perfect"], job_s=JOB_S) as running, httpx.Client() as client:
        perfect = running["perfect"]
        yield Sandbox("perfect", perfect.base_url, perfect.credentials, client, perfect.state)


def build_harness(
    sandbox: Sandbox,
    transport: DeadlineTransport,
    options: Mapping[str, Any] | None = None,
    token_cache: TokenCache | None = None,
    instead: Mapping[str, str] | None = None,
) -> ProviderHarness:
    """A harness with this provider only."""
    inputs = InMemoryInputs()
    held = {**sandbox.credentials, "base_url": sandbox.base_url, **(instead or {})}
    adapter = Perfect(options)
    driver = Driver(
        [adapter],
        lambda _: held,
        inputs,
        "local",
        transport=transport,
        token_cache=token_cache,
        preferences=Preferences(loopback=True),
    )
    return ProviderHarness(sandbox, driver, inputs, transport)


def image(kind: str = "PNG", width: int = 48, height: int = 32, mode: str = "RGB") -> bytes:
    """An image of one colour."""
    out = io.BytesIO()
    Image.new(mode, (width, height), "red" if mode == "RGB" else 0).save(out, kind)
    return out.getvalue()


def job_request_on(
    harness: ProviderHarness, route: Route, params: Mapping[str, Any] | None = None
) -> JobRequest:
    """A fresh task's first attempt with the smallest valid spec of the route."""
    number = next(_numbers)
    kind, width, height = PERFECT_IMAGES.get(route.operation, ("PNG", 48, 32))
    said = PERFECT_PARAMS.get(route.operation, {}) if params is None else params
    files = {
        role: (harness.inputs.put(f"{number}/{role}", image(kind, width, height)),)
        for role in route.roles
    }
    return JobRequest(f"{number:032x}", 1, route, route.params.model_validate(said), files)


def submitted(
    harness: ProviderHarness, route: Route, params: Mapping[str, Any] | None = None
) -> Accepted:
    """A new job."""
    out = harness.submit(job_request_on(harness, route, params))
    assert isinstance(out, Accepted)
    return out


def finished(harness: ProviderHarness, route: Route, job: Accepted) -> Finished | JobFailed:
    """The end of a job that is polled often enough."""
    for _ in range(10):
        out = harness.driver.poll(route, job.job_id)
        if not isinstance(out, Pending):
            return out
        harness.sandbox.advance(PERFECT_STEP_S)
    raise AssertionError("the job does not end")


def log(harness: ProviderHarness) -> Sequence[Mapping[str, Any]]:
    """Every request that the sandbox has seen."""
    response = harness.sandbox.client.get(f"{harness.sandbox.base_url}/_sandbox/requests")
    requests: Sequence[Mapping[str, Any]] = response.json()["requests"]
    return requests


def charges(harness: ProviderHarness) -> list[Mapping[str, Any]]:
    """All charges so far."""
    return [entry for entry in harness.sandbox.ledger() if entry["kind"] == "charge"]
