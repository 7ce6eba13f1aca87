"""What the provider contract runs on: the sandboxes, a driver, and small images."""

import base64
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from darkroom.domain.attempt import Finished
from darkroom.domain.object_keys import TASK_TYPE_SEPARATOR
from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.routes import Route
from darkroom.providers.adapter import Adapter
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.engine.token_cache import TokenCache
from darkroom.providers.engine.transport import DeadlineTransport
from infra.sandbox.context import SandboxState
from infra.sandbox.http_server import start
from tests.contract.providers.provider_cases import JOB_S, PROVIDER_CASES, ProviderCase
from tests.contract.providers.sample_files import sample
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.run_adapter import BY_NAME

Trouble = Literal[
    "refused", "throttled", "lost", "never arrived", "malformed", "truncated", "job fails"
]
"""What can happen to a paid call: an error response; a response that is lost or unreadable after
the provider accepted the call; a request that never arrives; a job that fails later."""

RETRY_AFTER_S = 7
"""The pause that a throttling provider asks for."""
AGES_S = 400 * 24 * 3600.0
"""Longer than any provider keeps a result."""

_counter = itertools.count(1)


@dataclass(frozen=True)
class Sandbox:
    """One provider's sandbox and its controls; it runs in this process, so its state is at hand."""

    name: str
    base_url: str
    credentials: Mapping[str, str]
    client: httpx.Client
    world: SandboxState

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Make the next matching requests go wrong."""
        self._post("faults", list(rules))

    def clear(self) -> None:
        """Remove faults, fill the account."""
        self.world.faults.clear()
        self.world.ledger.set_balance(100_000)
        self.world.rate_limit.max_requests = 100_000

    def account(self, **settings: float) -> None:
        """Set credits or the rate limit."""
        self._post("account", settings)

    def advance(self, seconds: float) -> None:
        """Move its clock forward."""
        self.world.clock.advance(seconds)

    def ledger(self) -> Sequence[Mapping[str, Any]]:
        """Every charge and refund so far."""
        self.world.jobs.settle()
        return [vars(entry) for entry in self.world.ledger.entries()]

    def _post(self, what: str, body: object) -> None:
        self.client.post(f"{self.base_url}/_sandbox/{what}", json=body).raise_for_status()


@dataclass
class ProviderHarness:
    """One provider under test."""

    sandbox: Sandbox
    driver: Driver
    inputs: InMemoryInputs
    transport: DeadlineTransport
    keys: dict[str, Mapping[str, str]] = field(default_factory=dict)
    intended: list[str] = field(default_factory=list)

    @property
    def providers(self) -> Driver:
        """The port under test."""
        return self.driver

    @property
    def case(self) -> ProviderCase:
        """What the contract knows about the provider."""
        return PROVIDER_CASES[self.sandbox.name]

    @property
    def renewals(self) -> int:
        """How often the provider must refuse a key until the driver accepts that."""
        return 2 if self.sandbox.name == "perfect" else 1

    @property
    def default_route(self) -> Route:
        """The route that represents the provider."""
        return self.route(self.case.default_operation)

    @property
    def job_route(self) -> Route:
        """A route that creates jobs."""
        return self.route(*self.case.with_jobs)

    @property
    def charges_at_submit(self) -> bool:
        """Whether an accepted call is charged at once; Perfect charges for a finished job."""
        return self.sandbox.name != "perfect"

    def charges(self) -> int:
        """How many charges the sandbox has written."""
        return sum(entry["kind"] == "charge" for entry in self.sandbox.ledger())

    def fault(self, trouble: Trouble) -> None:
        """Let the next paid call go wrong."""
        effects: Mapping[Trouble, Mapping[str, Any]] = {
            "refused": {"status": 400, "body": self.case.complaint},
            "throttled": {
                "status": 429,
                "headers": {"Retry-After": str(RETRY_AFTER_S)},
                "body": {},
            },
            "lost": {"drop": "after"},
            "never arrived": {"drop": "before"},
            "malformed": {"malformed": True},
            "truncated": {"truncate": 9},
            "job fails": {"job": "fail"},
        }
        self.sandbox.faults({"match": self.case.paid, "do": effects[trouble]})

    def fail_upload(self) -> None:
        """Let the next upload fail for the moment."""
        assert self.case.upload is not None
        self.sandbox.faults({"match": self.case.upload, "do": {"drop": "before"}})

    def cut_result(self, url: str, size: int) -> None:
        """Let the next download of a result end after this many bytes."""
        match = {"method": "GET", "path": urlsplit(url).path}
        self.sandbox.faults({"match": match, "do": {"truncate": size}})

    def expire_results(self) -> None:
        """Let more time pass than results are kept."""
        self.sandbox.advance(AGES_S)

    def forget_key(self) -> None:
        """Remove the provider's credentials."""
        self.keys[self.sandbox.name] = {}

    def complete(self, work: JobRequest) -> Finished:
        """Submit, and let the job finish if there is one."""
        out = self.submit(work)
        end = self.finish(work.route, out) if isinstance(out, Accepted) else out
        assert isinstance(end, Finished)
        return end

    def route(self, operation: str, model: str | None = None) -> Route:
        """A route of the provider, by its operation and perhaps its model."""
        return next(
            route
            for route in self.driver.routes()
            if route.provider == self.sandbox.name
            and route.operation == operation
            and (model is None or model in route.models)
        )

    def work(self, route: Route, call_s: int | None = None) -> JobRequest:
        """A fresh task's first attempt with the smallest valid spec of the route."""
        number = next(_counter)
        case = self.case
        own = case.params.get((route.operation, route.model))
        params = dict(own if own is not None else case.params.get(route.operation, {}))
        if case.origin in params:
            params[case.origin] = self._origin(route)
        checked = route.params.model_validate(params)
        kind, *size = case.images.get(route.operation, ("PNG", 48, 32))
        files: dict[str, tuple[Input, ...]] = {}
        # Where no role is required one of them may still be needed: what the route's check says.
        for role, rule in sorted(route.roles.items(), key=lambda one: not one[1].required):
            wanted = rule.required or (case.every_role and role != "lower_garment")
            if wanted or route.check(checked, frozenset(files)) is not None:
                body = sample(role, rule, kind, (size[0], size[1]))
                files[role] = (self.inputs.put(f"{number}/{role}", body),)
        shape = replace(route, call_s=call_s) if call_s else route
        assert route.check(checked, frozenset(files)) is None
        return JobRequest(f"{number:032x}", 1, shape, checked, files)

    def _origin(self, route: Route) -> str:
        """A finished job of the same model, for routes that continue one."""
        model = route.model.partition(TASK_TYPE_SEPARATOR)[0]
        first = next(
            other
            for other in self.driver.routes()
            if other.model.partition(TASK_TYPE_SEPARATOR)[0] == model
            and other.operation == route.operation
            and self.case.origin
            not in self.case.params.get((other.operation, other.model), {self.case.origin: ""})
        )
        job = self.submit(self.work(first))
        assert isinstance(job, Accepted)
        self.finish(first, job)
        self.intended.pop()
        return job.job_id

    def submit(self, work: JobRequest) -> Accepted | Finished:
        """Submit, and keep the intended request."""
        return self.driver.submit(work, lambda prepared: self.intended.append(prepared.request))

    def finish(self, route: Route, job: Accepted) -> Finished | JobFailed:
        """Poll while the job runs, then after its duration."""
        assert isinstance(self.driver.poll(route, job.job_id), Pending)
        end = self.wait(route, job, JOB_S)
        assert not isinstance(end, Pending)
        return end

    def wait(self, route: Route, job: Accepted, seconds: float) -> Finished | JobFailed | Pending:
        """Let time pass, polling as often as the provider requires; returns the last outcome."""
        said: Finished | JobFailed | Pending = Pending()
        for _ in range(math.ceil(seconds / self.case.step_s)):
            self.sandbox.advance(self.case.step_s)
            said = self.driver.poll(route, job.job_id)
        return said


@contextmanager
def open_sandbox(name: str, job_s: float = JOB_S) -> Iterator[Sandbox]:
    """A sandbox of one provider, for tests that move its clock far or read its whole log."""
    with start([name], job_s=job_s) as running, httpx.Client() as client:
        one = running[name]
        yield Sandbox(name, one.base_url, one.credentials, client, one.state)


def build_harness(
    sandbox: Sandbox,
    transport: DeadlineTransport,
    adapter: Adapter | None = None,
    token_cache: TokenCache | None = None,
    instead: Mapping[str, str] | None = None,
) -> ProviderHarness:
    """A harness for one provider.

    Args:
        sandbox: the provider's; its credentials and base URL are used.
        transport: the network.
        adapter: the only provider of the driver; by default it has all of them.
        token_cache: the driver's.
        instead: values of the secret that replace the sandbox's; "" removes one.
    """
    inputs = InMemoryInputs()
    keys: dict[str, Mapping[str, str]] = {}
    secret = {**sandbox.credentials, "base_url": sandbox.base_url, **(instead or {})}
    secret = {name: value for name, value in secret.items() if value}
    driver = Driver(
        BY_NAME if adapter is None else {adapter.name: adapter},
        lambda provider: keys.get(provider, secret),
        inputs,
        "local",
        transport=transport,
        preferences=Preferences(loopback=True),
        token_cache=token_cache,
    )
    return ProviderHarness(sandbox, driver, inputs, transport, keys)


def json_of(data: str | None) -> Any:
    """The JSON of a result that came as data."""
    assert data is not None
    return json.loads(base64.b64decode(data))
