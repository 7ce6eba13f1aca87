"""Perfect's jobs, their ends, and the requests that its sandbox has seen.

The sandbox's clock moves by less than ten seconds between two polls: without a poll for that long a
job is lost.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from darkroom.domain.attempt import Finished
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.routes import Route
from tests.contract.providers.harness import ProviderHarness
from tests.contract.providers.provider_cases import (
    PERFECT_IMAGES,
    PERFECT_PARAMS,
    PERFECT_STEP_S,
)
from tests.contract.providers.sample_files import image

JOB_S = 12.0
_TASKS = "/s2s/v1.0/task/*"
RUN = {"method": "POST", "path": _TASKS}
ASK = {"method": "GET", "path": _TASKS}
STORE = {"method": "PUT", "path": "*"}

_numbers = itertools.count(1)


def job_request_on(
    harness: ProviderHarness, route: Route, params: Mapping[str, Any] | None = None
) -> JobRequest:
    """A fresh task's first attempt with the smallest valid spec of the route."""
    number = next(_numbers)
    kind, width, height = PERFECT_IMAGES.get(route.operation, ("PNG", 48, 32))
    said = PERFECT_PARAMS.get(route.operation, {}) if params is None else params
    files = {
        role: (harness.inputs.put(f"{number}/{role}", image(kind=kind, size=(width, height))),)
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
