"""The fake providers under the provider contract: one route for each way of being paid.

| name           | outcome of a paid call | idempotency | its jobs can be cancelled |
|----------------|------------------------|-------------|---------------------------|
| fake at once   | the result             | none        | -                         |
| fake job       | a job                  | none        | yes                       |
| fake keyed job | a job                  | key         | no                        |
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import Busy, ProviderRefused, Throttled, Unclear
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.routes import Route
from tests.contract.providers.harness import RETRY_AFTER_S, Trouble
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.providers import PNG, FakeProviders, Lost
from tests.fakes.routes import ROUTES

FAKES: Mapping[str, tuple[str, str]] = {
    "fake at once": ("alpha", "remove-background"),
    "fake job": ("gamma", "upscale"),
    "fake keyed job": ("beta", "upscale"),
}
"""Name -> provider and operation of its route."""

_LONG = 10**6

_counter = itertools.count(1)


def _build_fake() -> FakeProviders:
    ready = {route.provider for route in ROUTES}
    return FakeProviders(ROUTES, ready=ready, uncancellable=frozenset({"beta"}), polls=_LONG)


@dataclass
class FakeHarness:
    """One route of the fake, with the same methods as `ProviderHarness`."""

    name: str
    providers: FakeProviders = field(default_factory=_build_fake)
    inputs: InMemoryInputs = field(default_factory=InMemoryInputs)
    intended: list[str] = field(default_factory=list)
    charges_at_submit: bool = True
    _failure: JobFailed | None = None

    @property
    def default_route(self) -> Route:
        """The route."""
        provider, operation = FAKES[self.name]
        return next(
            route for route in ROUTES if (route.provider, route.operation) == (provider, operation)
        )

    @property
    def job_route(self) -> Route:
        """The same route, if it creates jobs."""
        assert self.default_route.asynchronous
        return self.default_route

    def work(self, route: Route, **params: Any) -> JobRequest:
        """A fresh task's first attempt."""
        number = next(_counter)
        file = self.inputs.put(f"{number}/image.png", PNG)
        checked = route.params.model_validate(params)
        return JobRequest(f"{number:032x}", 1, route, checked, {"image": (file,)})

    def submit(self, work: JobRequest) -> Accepted | Finished:
        """Submit, and keep the intended request."""
        return self.providers.submit(work, lambda prepared: self.intended.append(prepared.request))

    def finish(self, route: Route, job: Accepted) -> Finished | JobFailed:
        """Poll while the job runs, then after its duration."""
        if self.providers.polls:
            assert isinstance(self.providers.poll(route, job.job_id), Pending)
        if self._failure is not None:
            self.providers.script("poll", self._failure)
        self.providers.polls = 0
        end = self.providers.poll(route, job.job_id)
        assert not isinstance(end, Pending)
        return end

    def complete(self, work: JobRequest) -> Finished:
        """Submit, and let the job finish if there is one."""
        out = self.submit(work)
        end = self.finish(work.route, out) if isinstance(out, Accepted) else out
        assert isinstance(end, Finished)
        return end

    def charges(self) -> int:
        """How many calls were charged."""
        return len(self.providers.charged)

    def fault(self, trouble: Trouble) -> None:
        """Let the next paid call go wrong."""
        unclear = Unclear("no-answer", "No answer came.")
        match trouble:
            case "refused":
                self.providers.script("submit", ProviderRefused("provider-refused", "No."))
            case "throttled":
                later = Throttled("provider-busy", "Later.", retry_after_s=RETRY_AFTER_S)
                self.providers.script("submit", later)
            case "never arrived":
                self.providers.script("submit", unclear)
            case "job fails":
                charged = self.default_route.charged_on_failure
                self._failure = JobFailed("job-failed", "It could not be done.", charged)
            case _:
                self.providers.script("submit", Lost(unclear))

    def fail_upload(self) -> None:
        """Let the next free call before a paid one fail for the moment."""
        self.providers.script("prepare", Busy("no-answer", "No answer came."))

    def cut_result(self, url: str, size: int) -> None:
        """Let the next download of a result end after this many bytes."""
        self.providers.cuts[url] = size

    def expire_results(self) -> None:
        """Forget all results."""
        self.providers.results.clear()

    def forget_key(self) -> None:
        """Remove the provider's credentials."""
        assert self.providers.ready is not None
        self.providers.ready.discard(self.default_route.provider)
