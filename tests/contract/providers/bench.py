"""What the provider contract runs on: the sandboxes, a driver, and small pictures."""

import base64
import io
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from PIL import Image, ImageDraw

from darkroom.ports import Accepted, JobFailed, Pending, Work
from darkroom.providers import build_adapters
from darkroom.providers.driver import Driver
from darkroom.providers.wire import Wire
from darkroom.routes import Route
from darkroom.task import Finished, Input
from tests.fakes.inputs import InMemoryInputs

JOB_S = 60.0
"""Jobs end when the sandbox's clock is moved on, not by waiting."""

# What a spec has to say at least, where an operation cannot do without.
LEAST_PARAMS: Mapping[str, Mapping[str, Any]] = {
    "generate": {"prompt": "a red bicycle"},
    "edit": {"prompt": "make it snow"},
    "headshot": {"prompt": "a headshot in a studio"},
    "cartoon": {"prompt": "as a sticker"},
    "inpaint": {"prompt": "an empty wall"},
    "combine": {"prompt": "put both in a stadium"},
    "hairstyle": {"style": "bob"},
}
LEAST_PARAMS_OF: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("apiframe", "outpaint"): {"prompt": "more meadow", "outpaint": "Zoom out 1.5x"},
}
USUAL: Mapping[str, str] = {"snapapi": "remove-background", "apiframe": "upscale"}
"""The operation that stands for a provider where any would do."""

_counter = itertools.count(1)


def picture(mode: str = "RGB", kind: str = "PNG") -> bytes:
    """A small photo with something in its middle."""
    image = Image.new(mode, (48, 32), "white")
    ImageDraw.Draw(image).rectangle((14, 8, 34, 24), fill="white" if mode == "L" else "red")
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def mask() -> bytes:
    """A mask of the same size: white where something is to be done."""
    image = Image.new("L", (48, 32), 0)
    ImageDraw.Draw(image).rectangle((20, 10, 28, 20), fill=255)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True)
class Sandbox:
    """One provider's sandbox and its control routes."""

    name: str
    base_url: str
    credentials: Mapping[str, str]
    client: httpx.Client

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Make the next matching requests go wrong."""
        self._post("faults", list(rules))

    def clear(self) -> None:
        """No more faults, and a full purse."""
        self.client.delete(f"{self.base_url}/_sandbox/faults").raise_for_status()
        self.account(credits=100_000, rate_per_min=100_000)

    def account(self, **settings: float) -> None:
        """Set credits or the rate limit."""
        self._post("account", settings)

    def advance(self, seconds: float) -> None:
        """Move its clock on."""
        self._post("clock", {"advance_s": seconds})

    def ledger(self) -> Sequence[Mapping[str, Any]]:
        """Every charge and refund so far."""
        answer = self.client.get(f"{self.base_url}/_sandbox/ledger")
        entries: Sequence[Mapping[str, Any]] = answer.json()["entries"]
        return entries

    def _post(self, what: str, body: object) -> None:
        self.client.post(f"{self.base_url}/_sandbox/{what}", json=body).raise_for_status()


@dataclass
class Bench:
    """One provider under test."""

    sandbox: Sandbox
    driver: Driver
    inputs: InMemoryInputs
    wire: Wire
    intended: list[str] = field(default_factory=list)

    @property
    def usual(self) -> Route:
        """The route that stands for the provider."""
        return self.route(USUAL[self.sandbox.name])

    def route(self, operation: str, model: str | None = None) -> Route:
        """A route of the provider, by its operation and perhaps its model."""
        return next(
            route
            for route in self.driver.routes()
            if route.provider == self.sandbox.name
            and route.operation == operation
            and (model is None or model in route.models)
        )

    def work(self, route: Route, call_s: int | None = None) -> Work:
        """The least that the route takes, as a fresh task's first attempt."""
        number = next(_counter)
        params = {
            **LEAST_PARAMS.get(route.operation, {}),
            **LEAST_PARAMS_OF.get((route.provider, route.operation), {}),
        }
        files: dict[str, tuple[Input, ...]] = {}
        # Where a role is optional one of them is still needed: the picture and what is asked of it.
        for role in route.roles:
            if role == "lower_garment":
                continue
            body = mask() if role == "mask" else picture()
            files[role] = (self.inputs.put(f"{number}/{role}.png", body),)
        shape = replace(route, call_s=call_s) if call_s else route
        checked = route.params.model_validate(params)
        assert route.check(checked, frozenset(files)) is None
        return Work(f"{number:032x}", 1, shape, checked, files)

    def submit(self, work: Work) -> Accepted | Finished:
        """Submit, keeping the request that was intended."""
        return self.driver.submit(work, lambda prepared: self.intended.append(prepared.request))

    def finish(self, route: Route, job: Accepted) -> Finished | JobFailed:
        """Ask once while the job is at work, then when its time has passed."""
        assert isinstance(self.driver.poll(route, job.job_id), Pending)
        self.sandbox.advance(JOB_S)
        end = self.driver.poll(route, job.job_id)
        assert not isinstance(end, Pending)
        return end


def build_bench(sandbox: Sandbox, wire: Wire, **instead: str) -> Bench:
    """A bench for one provider; credentials and address are the sandbox's, `instead` aside."""
    inputs = InMemoryInputs()
    held = {**sandbox.credentials, "base_url": sandbox.base_url, **instead}
    driver = Driver(build_adapters(), lambda _provider: held, inputs, "local", wire=wire)
    return Bench(sandbox, driver, inputs, wire)


def json_of(data: str | None) -> Any:
    """What a result that came as data says."""
    assert data is not None
    return json.loads(base64.b64decode(data))
