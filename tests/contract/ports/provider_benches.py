"""Providers under test, as one bench: the fake in memory, and the driver over the sandboxes.

Each bench offers the same three ways of being paid, and the same trouble; how either comes about
is its own affair.

| way       | answers      | idempotency | its jobs can be stopped |
|-----------|--------------|-------------|-------------------------|
| at once   | at once      | none        | -                       |
| job       | with a job   | none        | yes                     |
| keyed job | with a job   | key         | no                      |
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import httpx

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import Busy, ProviderRefused, Throttled, Unclear
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest
from darkroom.domain.routes import Route
from darkroom.ports import Providers
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.engine.transport import DeadlineTransport
from infra.sandbox.http_server import start
from tests.contract.providers.bench import Sandbox, picture
from tests.contract.providers.needs import JOB_S
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.providers import FakeProviders, Lost
from tests.fakes.routes import ROUTES
from tests.fakes.run_adapter import ADAPTERS

Way = Literal["at once", "job", "keyed job"]
Trouble = Literal["refused", "throttled", "answer lost", "job fails"]

WAYS: tuple[Way, ...] = get_args(Way)

ASKED_S = 7
"""What a provider that throttles asks for."""
AGES_S = 400 * 24 * 3600.0
"""Longer than any provider keeps a result."""

_FAKE_WAYS: Mapping[Way, tuple[str, str]] = {
    "at once": ("alpha", "remove-background"),
    "job": ("gamma", "upscale"),
    "keyed job": ("beta", "upscale"),
}
_REAL_WAYS: Mapping[Way, tuple[str, str]] = {
    "at once": ("snapapi", "remove-background"),
    "job": ("snapapi", "edit"),
    "keyed job": ("apiframe", "upscale"),
}
_REAL_JOB_MODEL = "flux-kontext"
_REAL_LEAST: Mapping[str, Mapping[str, Any]] = {"edit": {"prompt": "make it snow"}}

_PAID = {"method": "POST", "path": "/v?/images/*"}
_RESULT = {"method": "GET", "path": "/outputs/*"}
_UPLOAD = {"method": "POST", "path": "/v2/uploads"}
_REAL_TROUBLE: Mapping[Trouble, Mapping[str, Any]] = {
    "refused": {"status": 400, "body": {"error": "no"}},
    "throttled": {"status": 429, "headers": {"Retry-After": str(ASKED_S)}, "body": {}},
    "answer lost": {"drop": "after"},
    "job fails": {"job": "fail"},
}

_counter = itertools.count(1)


class ProvidersBench(Protocol):
    """Providers, and what may befall them."""

    @property
    def providers(self) -> Providers:
        """Under test."""

    def route(self, way: Way) -> Route:
        """A route with one role, `image`, that is paid in this way."""

    def work(self, way: Way, **params: Any) -> JobRequest:
        """A fresh task's first attempt."""

    def charges(self) -> int:
        """How many charges all providers have written so far."""

    def trouble(self, way: Way, trouble: Trouble) -> None:
        """Let the next paid call of this way's provider go wrong."""

    def trouble_before_paying(self) -> None:
        """Let the next free call before a keyed job is paid fail for the moment."""

    def let_jobs_end(self) -> None:
        """Let the time pass that jobs take."""

    def let_results_expire(self) -> None:
        """Let the time pass for which results are kept."""

    def cut_next_result(self, url: str, size: int) -> None:
        """Let the next download of an "at once" result break off after so many bytes."""

    def forget_key(self, provider: str) -> None:
        """Take the provider's credentials away."""


class FakeBench:
    """The fake: it is told what to say."""

    def __init__(self) -> None:
        self.fake = FakeProviders(
            ROUTES,
            ready={route.provider for route in ROUTES},
            uncancellable=frozenset({"beta"}),
            polls=10**6,
        )
        self.inputs = InMemoryInputs()

    @property
    def providers(self) -> Providers:
        """Under test."""
        return self.fake

    def route(self, way: Way) -> Route:
        """A route with one role, `image`, that is paid in this way."""
        return _find(self.fake, *_FAKE_WAYS[way])

    def work(self, way: Way, **params: Any) -> JobRequest:
        """A fresh task's first attempt."""
        return _work(self.inputs, self.route(way), params)

    def charges(self) -> int:
        """How many charges all providers have written so far."""
        return len(self.fake.charged)

    def trouble(self, way: Way, trouble: Trouble) -> None:
        """Let the next paid call of this way's provider go wrong."""
        match trouble:
            case "refused":
                self.fake.say("submit", ProviderRefused("provider-refused", "No."))
            case "throttled":
                later = Throttled("provider-busy", "Later.", retry_after_s=ASKED_S)
                self.fake.say("submit", later)
            case "answer lost":
                self.fake.say("submit", Lost(Unclear("no-answer", "No answer came.")))
            case "job fails":
                charged = self.route(way).charged_on_failure
                self.fake.say("poll", JobFailed("job-failed", "It could not be done.", charged))

    def trouble_before_paying(self) -> None:
        """Let the next free call before a keyed job is paid fail for the moment."""
        self.fake.say("prepare", Busy("no-answer", "No answer came."))

    def let_jobs_end(self) -> None:
        """Let the time pass that jobs take."""
        self.fake.polls = 0

    def let_results_expire(self) -> None:
        """Let the time pass for which results are kept."""
        self.fake.results.clear()

    def cut_next_result(self, url: str, size: int) -> None:
        """Let the next download of an "at once" result break off after so many bytes."""
        self.fake.cuts[url] = size

    def forget_key(self, provider: str) -> None:
        """Take the provider's credentials away."""
        assert self.fake.ready is not None
        self.fake.ready.discard(provider)


@dataclass(frozen=True)
class RealBench:
    """The driver, as it is composed for use, with every provider's sandbox at the far end."""

    driver: Driver
    sandboxes: Mapping[str, Sandbox]
    inputs: InMemoryInputs
    forget: Callable[[str], object]

    @property
    def providers(self) -> Providers:
        """Under test."""
        return self.driver

    def route(self, way: Way) -> Route:
        """A route with one role, `image`, that is paid in this way."""
        return _find(self.driver, *_REAL_WAYS[way], _REAL_JOB_MODEL if way == "job" else None)

    def work(self, way: Way, **params: Any) -> JobRequest:
        """A fresh task's first attempt."""
        route = self.route(way)
        return _work(self.inputs, route, {**_REAL_LEAST.get(route.operation, {}), **params})

    def charges(self) -> int:
        """How many charges all providers have written so far."""
        return sum(
            entry["kind"] == "charge"
            for sandbox in self.sandboxes.values()
            for entry in sandbox.ledger()
        )

    def trouble(self, way: Way, trouble: Trouble) -> None:
        """Let the next paid call of this way's provider go wrong."""
        sandbox = self.sandboxes[self.route(way).provider]
        sandbox.faults({"match": _PAID, "do": _REAL_TROUBLE[trouble]})

    def trouble_before_paying(self) -> None:
        """Let the next free call before a keyed job is paid fail for the moment."""
        sandbox = self.sandboxes[self.route("keyed job").provider]
        sandbox.faults({"match": _UPLOAD, "do": {"drop": "before"}})

    def let_jobs_end(self) -> None:
        """Let the time pass that jobs take."""
        for sandbox in self.sandboxes.values():
            sandbox.advance(JOB_S)

    def let_results_expire(self) -> None:
        """Let the time pass for which results are kept."""
        for sandbox in self.sandboxes.values():
            sandbox.advance(AGES_S)

    def cut_next_result(self, url: str, size: int) -> None:
        """Let the next download of an "at once" result break off after so many bytes."""
        del url
        sandbox = self.sandboxes[self.route("at once").provider]
        sandbox.faults({"match": _RESULT, "do": {"truncate": size}})

    def forget_key(self, provider: str) -> None:
        """Take the provider's credentials away."""
        self.forget(provider)


@contextmanager
def far_end() -> Iterator[Callable[[], RealBench]]:
    """Every provider's sandbox over real HTTP; each bench has clean accounts and no faults.

    Jobs end, and results expire, when a sandbox's clock is moved on.
    """
    wire = DeadlineTransport()
    with start(job_s=JOB_S) as running, httpx.Client() as client:
        sandboxes = {
            name: Sandbox(name, one.base_url, one.credentials, client, one.state)
            for name, one in running.items()
        }
        try:
            yield lambda: _build_real_bench(sandboxes, wire)
        finally:
            wire.close()


def submitted(bench: ProvidersBench, way: Way) -> Accepted | Finished:
    """What a fresh task's paid call is answered."""
    return bench.providers.submit(bench.work(way), lambda _prepared: None)


def _build_real_bench(sandboxes: Mapping[str, Sandbox], wire: DeadlineTransport) -> RealBench:
    for sandbox in sandboxes.values():
        sandbox.clear()
    keys = {
        name: {**sandbox.credentials, "base_url": sandbox.base_url}
        for name, sandbox in sandboxes.items()
    }
    inputs = InMemoryInputs()
    driver = Driver(
        ADAPTERS,
        lambda provider: keys.get(provider, {}),
        inputs,
        "local",
        wire=wire,
        preferences=Preferences(loopback=True),
    )
    return RealBench(driver, sandboxes, inputs, keys.pop)


def _find(providers: Providers, provider: str, operation: str, model: str | None = None) -> Route:
    return next(
        route
        for route in providers.routes()
        if (route.provider, route.operation) == (provider, operation)
        and (model is None or model in route.models)
    )


def _work(inputs: InMemoryInputs, route: Route, params: Mapping[str, Any]) -> JobRequest:
    number = next(_counter)
    file = inputs.put(f"{number}/image.png", picture())
    checked = route.params.model_validate(params)
    return JobRequest(f"{number:032x}", 1, route, checked, {"image": (file,)})
