"""The requests to AWS that the six steps make in simulations, as boto3 sends them.

The simulations run over fakes, with faults of every kind, so that the steps reach their rarest
paths in seconds. Each call of a port is made again, with the same arguments, on the product's own
port for AWS. boto3 builds and signs its request, which is recorded, and gets an empty answer.

    a step ──▶ simulated port ──▶ fake               what happens
                     └──▶ port on AWS ──▶ boto3 ──▶ recorded, answered with nothing
"""

import contextlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from darkroom.composition import build_ports
from darkroom.domain.task import Task
from darkroom.ports import Ports
from darkroom.settings import Settings
from infra.local.permissions.http_request import Request, read_request
from tests.fakes.wire_aws import NOWHERE, Answer, Environ, wired_session
from tests.simulation.fault_injection import FaultInjector
from tests.simulation.seeds import build_system

STEPS: Final = frozenset({"intake", "submit", "poll", "deliver", "fail", "sweep"})
TASKS: Final = 30
"""In each simulation."""
REPEATS: Final = 2
"""How often a call is made again that differs in its values only."""
NEED_CREDENTIALS: Final = frozenset({"account", "balance", "cancel", "poll", "set_up", "submit"})
"""The methods of `Providers` that read a provider's secret."""
MISSES: Final = frozenset({"inputs.find", "inputs.read", "outputs.find", "outputs.get"})
"""The calls whose None means that there is no such object."""
NAMES: Final = frozenset({"IndexName", "QueueUrl", "SecretId", "TableName"})
"""What in a request decides which resource it is about."""


@dataclass(frozen=True)
class Made:
    """A request of a step. `missed`: there was no such object."""

    step: str
    request: Request
    missed: bool = False

    @property
    def kind(self) -> str:
        """Two requests of one kind need the same rights, but for the key of an object."""
        request = self.request
        body = json.loads(request.body or b"{}")
        parts: list[Any] = [sorted((name, body[name]) for name in body.keys() & NAMES)]
        parts.append(sorted({next(iter(element)) for element in body.get("TransactItems", ())}))
        parts.append(
            sorted(
                {
                    entry["EventBusName"]
                    for entry in body.get("Entries", ())
                    if "EventBusName" in entry
                }
            )
        )
        if request.service == "s3":
            parts += [
                request.path.split("/")[1],
                sorted(request.query),
                "if-match" in request.headers,
            ]
        return json.dumps(
            [self.step, self.missed, request.service, request.target, request.method, parts]
        )

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        request = asdict(self.request) | {"body": self.request.body.decode()}
        return {"step": self.step, "missed": self.missed, "request": request}

    @classmethod
    def from_json(cls, read: Mapping[str, Any]) -> "Made":
        """From a JSON object."""
        request = read["request"] | {"body": read["request"]["body"].encode()}
        return cls(read["step"], Request(**request), read["missed"])


class Recorder:
    """Records what the steps ask AWS for.

    Attributes:
        made: kind of request -> the first of it, in the order in which they were made.
    """

    def __init__(self, settings: Settings) -> None:
        self.made: dict[str, Made] = {}
        self._settings = settings
        self._times: Counter[object] = Counter()
        self._step, self._missed, self._requests = "", False, 0
        session = wired_session("testing", self._answer)
        self._ports = build_ports(settings, session, NOWHERE)
        self._secrets = session.client("secretsmanager", endpoint_url=NOWHERE)

    def play(self, seed: int) -> None:
        """Play the simulation of a seed to its end, with retries by its users."""
        system = build_system(seed, TASKS)
        watched = self._watch(system.ports, system.injector)
        system.ports = watched
        system._nested_ports = replace(watched, limits=system._nested_ports.limits)
        system.run_until_idle()
        system.retry_some_failed()

    def _watch(self, ports: Ports, injector: FaultInjector) -> Ports:
        def hear(call: _Call) -> None:
            step = injector.current.verb if injector.current else ""
            if step in STEPS:
                self._repeat(step, call)

        watched: dict[str, Any] = {
            name: _Watched(port, name, hear)
            for name, port in vars(ports).items()
            if name not in ("clock", "limits", "money", "pictures")
        }
        return replace(ports, **watched)

    def _repeat(self, step: str, call: "_Call") -> None:
        """Make a step's call again, on the port for AWS, if one like it was not made often."""
        kind = (step, call.port, call.method, call.missed, *map(_shape, call.arguments))
        self._times[kind] += 1
        if self._times[kind] > REPEATS:
            return
        self._step, self._missed = step, call.missed
        for one in call.variants():
            before = self._requests
            try:
                self._make(one)
            except Exception:
                # An empty answer is an error to most ports; before a request there is none.
                if self._requests == before:
                    raise

    def _make(self, call: "_Call") -> None:
        if call.port != "providers":
            port = getattr(self._ports, call.port)
            _use_up(getattr(port, call.method)(*call.arguments, **call.options))
        elif call.method in NEED_CREDENTIALS:
            for secret in self._settings.secrets.values():
                self._secrets.get_secret_value(SecretId=secret)

    def _answer(self, environ: Environ) -> Answer:
        self._requests += 1
        made = Made(self._step, read_request(environ), self._missed)
        self.made.setdefault(made.kind, made)
        body = b"<ListBucketResult/>" if made.request.service == "s3" else b"{}"
        return 200, {"ETag": '"0"', "Content-Length": str(len(body))}, body


@dataclass(frozen=True)
class _Call:
    port: str
    method: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    missed: bool = False

    def variants(self) -> Iterator["_Call"]:
        """The call, and the same in a bucket without versioning, where an ETag is the version."""
        yield self
        if self.port == "inputs" and self.method in ("open", "read"):
            key, _version, *more = self.arguments
            yield replace(self, arguments=(key, "etag:0", *more))


class _Watched:
    """A port that tells of each call."""

    def __init__(self, port: object, name: str, tell: Callable[[_Call], None]) -> None:
        self._port, self._name, self._tell = port, name, tell

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        if not callable(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            # What can be read only once: a list, or a file, whose content changes no right.
            given = tuple(
                list(one) if isinstance(one, Iterator) and not hasattr(one, "read") else one
                for one in arguments
            )
            again = tuple(b"" if hasattr(one, "read") else one for one in given)
            self._tell(_Call(self._name, method, again, options))
            result = found(*given, **options)
            if result is None and f"{self._name}.{method}" in MISSES:
                self._tell(_Call(self._name, method, again, options, missed=True))
            return result

        setattr(self, method, call)
        return call


def _shape(argument: object) -> object:
    """What of an argument may change which requests are made."""
    return (argument.state, bool(argument.wants)) if isinstance(argument, Task) else None


def _use_up(result: Any) -> None:
    """Let a lazy result make its requests."""
    if isinstance(result, contextlib.AbstractContextManager):
        with result:
            pass
    elif isinstance(result, Iterator):
        list(itertools.islice(result, 1))
