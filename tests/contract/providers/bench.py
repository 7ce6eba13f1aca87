"""What the provider contract runs on: the sandboxes, a driver, and small pictures."""

import base64
import functools
import io
import itertools
import json
import math
import tempfile
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
from PIL import Image, ImageDraw

from darkroom.domain.attempt import Finished
from darkroom.domain.object_keys import TASK_TYPE_SEPARATOR
from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.routes import Role, Route
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.engine.transport import DeadlineTransport
from infra.sandbox.context import SandboxState
from tests.contract.providers.needs import JOB_S, NEEDS, Needs
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.run_adapter import ADAPTERS

_counter = itertools.count(1)


def picture(
    mode: str = "RGB", kind: str = "PNG", size: tuple[int, int] = (48, 32), grey: int = 0
) -> bytes:
    """A small photo with something in its middle."""
    image = Image.new(mode, size, "white")
    box = tuple(side * share // 8 for share in (2, 6) for side in size)
    ImageDraw.Draw(image).rectangle(box, fill=grey if mode == "L" else "red")
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def mask(size: tuple[int, int] = (48, 32)) -> bytes:
    """A mask of the same size: black, and white where something is to be done."""
    image = Image.new("L", size, 0)
    box = tuple(side * share // 8 for share in (3, 5) for side in size)
    ImageDraw.Draw(image).rectangle(box, fill=255)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def sample(role: str, rule: Role, kind: str = "PNG", size: tuple[int, int] = (48, 32)) -> bytes:
    """A small file that a role takes."""
    kinds = {media.kind for media in rule.formats}
    if "image" in kinds:
        return mask(size) if role == "mask" else picture(kind=kind, size=size)
    return clip() if "video" in kinds else tune()


@functools.cache
def clip() -> bytes:
    """A video of a few frames."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        writer = cv2.VideoWriter(file.name, cv2.VideoWriter.fourcc(*"mp4v"), 8, (64, 48))
        for shade in range(0, 240, 40):
            frame = Image.open(io.BytesIO(picture(size=(64, 48)))).convert("RGB")
            writer.write(np.maximum(np.asarray(frame)[:, :, ::-1], np.uint8(shade // 4)))
        writer.release()
        return Path(file.name).read_bytes()


@functools.cache
def tune() -> bytes:
    """A tenth of a second of sound."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return out.getvalue()


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
        """No more faults, and a full purse."""
        self.world.faults.clear()
        self.world.ledger.set_balance(100_000)
        self.world.rate_limit.max_requests = 100_000

    def account(self, **settings: float) -> None:
        """Set credits or the rate limit."""
        self._post("account", settings)

    def advance(self, seconds: float) -> None:
        """Move its clock on."""
        self.world.clock.advance(seconds)

    def ledger(self) -> Sequence[Mapping[str, Any]]:
        """Every charge and refund so far."""
        self.world.jobs.settle()
        return [vars(entry) for entry in self.world.ledger.entries()]

    def _post(self, what: str, body: object) -> None:
        self.client.post(f"{self.base_url}/_sandbox/{what}", json=body).raise_for_status()


@dataclass
class Bench:
    """One provider under test."""

    sandbox: Sandbox
    driver: Driver
    inputs: InMemoryInputs
    wire: DeadlineTransport
    intended: list[str] = field(default_factory=list)

    @property
    def needs(self) -> Needs:
        """What the contract knows of the provider."""
        return NEEDS[self.sandbox.name]

    @property
    def renewals(self) -> int:
        """How often the provider must refuse a key until the driver believes it."""
        return 2 if self.sandbox.name == "perfect" else 1

    @property
    def usual(self) -> Route:
        """The route that stands for the provider."""
        return self.route(self.needs.usual)

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
        """The least that the route takes, as a fresh task's first attempt."""
        number = next(_counter)
        needs = self.needs
        own = needs.params.get((route.operation, route.model))
        params = dict(own if own is not None else needs.params.get(route.operation, {}))
        if needs.origin in params:
            params[needs.origin] = self._origin(route)
        checked = route.params.model_validate(params)
        kind, *size = needs.pictures.get(route.operation, ("PNG", 48, 32))
        files: dict[str, tuple[Input, ...]] = {}
        # Where no role is required one of them may still be needed: what the route's check says.
        for role, rule in sorted(route.roles.items(), key=lambda one: not one[1].required):
            wanted = rule.required or (needs.every_role and role != "lower_garment")
            if wanted or route.check(checked, frozenset(files)) is not None:
                body = sample(role, rule, kind, (size[0], size[1]))
                files[role] = (self.inputs.put(f"{number}/{role}", body),)
        shape = replace(route, call_s=call_s) if call_s else route
        assert route.check(checked, frozenset(files)) is None
        return JobRequest(f"{number:032x}", 1, shape, checked, files)

    def _origin(self, route: Route) -> str:
        """A finished job of the same model, for those that go on from one."""
        model = route.model.partition(TASK_TYPE_SEPARATOR)[0]
        first = next(
            other
            for other in self.driver.routes()
            if other.model.partition(TASK_TYPE_SEPARATOR)[0] == model
            and other.operation == route.operation
            and self.needs.origin
            not in self.needs.params.get((other.operation, other.model), {self.needs.origin: ""})
        )
        job = self.submit(self.work(first))
        assert isinstance(job, Accepted)
        self.finish(first, job)
        self.intended.pop()
        return job.job_id

    def submit(self, work: JobRequest) -> Accepted | Finished:
        """Submit, keeping the request that was intended."""
        return self.driver.submit(work, lambda prepared: self.intended.append(prepared.request))

    def finish(self, route: Route, job: Accepted) -> Finished | JobFailed:
        """Ask while the job is at work, then when its time has passed."""
        assert isinstance(self.driver.poll(route, job.job_id), Pending)
        end = self.wait(route, job, JOB_S)
        assert not isinstance(end, Pending)
        return end

    def wait(self, route: Route, job: Accepted, seconds: float) -> Finished | JobFailed | Pending:
        """Let time pass, asking as often as the provider wants to be asked; its last word."""
        said: Finished | JobFailed | Pending = Pending()
        for _ in range(math.ceil(seconds / self.needs.step_s)):
            self.sandbox.advance(self.needs.step_s)
            said = self.driver.poll(route, job.job_id)
        return said


def build_bench(sandbox: Sandbox, wire: DeadlineTransport, **instead: str) -> Bench:
    """A bench for one provider; credentials and address are the sandbox's, `instead` aside."""
    inputs = InMemoryInputs()
    held = {**sandbox.credentials, "base_url": sandbox.base_url, **instead}
    driver = Driver(
        ADAPTERS,
        lambda _provider: held,
        inputs,
        "local",
        wire=wire,
        preferences=Preferences(loopback=True),
    )
    return Bench(sandbox, driver, inputs, wire)


def json_of(data: str | None) -> Any:
    """What a result that came as data says."""
    assert data is not None
    return json.loads(base64.b64decode(data))
