"""Perfect alone on a bench, with a sandbox of its own: jobs, their ends, and what was seen.

Its clock moves on by less than ten seconds between two questions; a job that nobody asks about for
that long is lost.
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
from tests.contract.providers.bench import Bench, Sandbox
from tests.contract.providers.perfect_needs import MIN_PARAMS, PICTURES, STEP_S
from tests.fakes.inputs import InMemoryInputs

JOB_S = 12.0
_TASKS = "/s2s/v1.0/task/*"
RUN = {"method": "POST", "path": _TASKS}
ASK = {"method": "GET", "path": _TASKS}
STORE = {"method": "PUT", "path": "*"}

_numbers = itertools.count(1)


@contextmanager
def served() -> Iterator[Sandbox]:
    """A sandbox that nobody else uses."""
    with start(["perfect"], job_s=JOB_S) as running, httpx.Client() as client:
        perfect = running["perfect"]
        yield Sandbox("perfect", perfect.base_url, perfect.credentials, client, perfect.state)


def bench_of(
    sandbox: Sandbox,
    wire: DeadlineTransport,
    options: Mapping[str, Any] | None = None,
    sessions: TokenCache | None = None,
    instead: Mapping[str, str] | None = None,
) -> Bench:
    """A bench with this provider alone."""
    inputs = InMemoryInputs()
    held = {**sandbox.credentials, "base_url": sandbox.base_url, **(instead or {})}
    adapter = Perfect(options)
    driver = Driver(
        [adapter],
        lambda _: held,
        inputs,
        "local",
        wire=wire,
        sessions=sessions,
        preferences=Preferences(loopback=True),
    )
    return Bench(sandbox, driver, inputs, wire)


def photo(kind: str = "PNG", width: int = 48, height: int = 32, mode: str = "RGB") -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new(mode, (width, height), "red" if mode == "RGB" else 0).save(out, kind)
    return out.getvalue()


def work_on(bench: Bench, route: Route, params: Mapping[str, Any] | None = None) -> JobRequest:
    """A fresh task's first attempt, with the least that the route takes."""
    number = next(_numbers)
    kind, width, height = PICTURES.get(route.operation, ("PNG", 48, 32))
    said = MIN_PARAMS.get(route.operation, {}) if params is None else params
    files = {
        role: (bench.inputs.put(f"{number}/{role}", photo(kind, width, height)),)
        for role in route.roles
    }
    return JobRequest(f"{number:032x}", 1, route, route.params.model_validate(said), files)


def submitted(bench: Bench, route: Route, params: Mapping[str, Any] | None = None) -> Accepted:
    """A job that was just made."""
    out = bench.submit(work_on(bench, route, params))
    assert isinstance(out, Accepted)
    return out


def finished(bench: Bench, route: Route, job: Accepted) -> Finished | JobFailed:
    """The end of a job that is never left alone."""
    for _ in range(10):
        out = bench.driver.poll(route, job.job_id)
        if not isinstance(out, Pending):
            return out
        bench.sandbox.advance(STEP_S)
    raise AssertionError("the job does not end")


def log(bench: Bench) -> Sequence[Mapping[str, Any]]:
    """Every request that the sandbox has seen."""
    answer = bench.sandbox.client.get(f"{bench.sandbox.base_url}/_sandbox/requests")
    requests: Sequence[Mapping[str, Any]] = answer.json()["requests"]
    return requests


def charges(bench: Bench) -> list[Mapping[str, Any]]:
    """What was paid so far."""
    return [entry for entry in bench.sandbox.ledger() if entry["kind"] == "charge"]
