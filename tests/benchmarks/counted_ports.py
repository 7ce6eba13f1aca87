"""Counts what a task uses of AWS, and lets it take its time, around the ports in memory.

Every call of a port becomes the requests that the real port makes for it, by the table `REQUESTS`;
a test compares them with those that boto3 sends. Every request has its units and its milliseconds,
and a method that the table does not name raises. So a new call cannot stay uncounted.
"""

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from darkroom.aws.dynamodb_items import (
    expiry,
    latest_key,
    owner_key,
    request_key,
    wants_key,
    write_item,
    write_waiter,
)
from darkroom.aws.secrets_manager import SecretCredentials
from darkroom.aws.sqs import MAX_BATCH
from darkroom.domain.task import Task
from darkroom.ports import Ports
from tests.benchmarks.table_units import index_write_units, item_bytes, read_units, write_units
from tests.benchmarks.usage import Usage
from tests.fakes.clock import START, FixedClock
from tests.fakes.routes import ROUTES

REQUEST_MS: Final[Mapping[str, float]] = {
    "GetItem": 4,
    "BatchGetItem": 5,
    "Query": 5,
    "PutItem": 6,
    "UpdateItem": 6,
    "DeleteItem": 6,
    "TransactWriteItems": 15,
    "HeadObject": 15,
    "ListObjectsV2": 30,
    "GetObject": 30,
    "PutObject": 50,
    "PutEvents": 15,
    "StartExecution": 30,
    "DescribeExecution": 15,
    "SendMessage": 10,
    "SendMessageBatch": 10,
    "GetSecretValue": 20,
    "ProviderSubmit": 500,
    "ProviderPoll": 150,
    "ProviderFetch": 400,
}
"""How long a request takes, milliseconds: assumed, for pictures of a megabyte or two within one
region and a provider on the public network. A synchronous job's time comes on top of its submit."""
CPU_MS: Final = 2.3
"""Our own processor time for one request to AWS, on a whole core (measured on the pipeline)."""
HANDLER_CPU_MS: Final = 4.0
"""The same for the handler itself: the event, logger and metrics."""
CORE_MB: Final = 1769
"""Lambda guide, "Configure Lambda function memory": so much memory comes with one core."""
LOG_BYTES: Final = 190 + 420 + 420 + 600
"""An invocation's log, estimated: start, report, our own line, its metrics. Each as JSON."""
CHANGE_LOG_BYTES: Final = 430
"""The line that each stored change of a task adds to it, with a job's id and a request's (measured:
350 to 490)."""
END_LOG_BYTES: Final = 1250
POLL_LOG_BYTES: Final = 240
"""The metrics that follow the event of a task's end, and those of a poll (measured)."""


class NotCounted(BaseException):
    """A method of a port has no row in `REQUESTS`; the pipeline must not catch this."""


@dataclass(frozen=True)
class Request:
    """One request to AWS, or to a provider, and the units that it is billed as.

    Attributes:
        shared: units of writes to partitions of the table that many tasks share: those of each
            index, of a provider's `line`, and of its `turns`.
        at_once: whether it is made while the one before it waits for its answer.
    """

    operation: str
    units: Mapping[str, float] = field(default_factory=dict)
    shared: Mapping[str, float] = field(default_factory=dict)
    at_once: bool = False


class Meter:
    """Counts requests and invocations, and advances the clock by what they take.

    Attributes:
        usage: see `usage.PER_TASK`.
        operations: requests to AWS, by operation.
        shared: see `Request.shared`.
    """

    def __init__(self, clock: FixedClock) -> None:
        self.usage = Usage()
        self.operations: Counter[str] = Counter()
        self.shared = Usage()
        self._clock = clock
        self._memory_mb = CORE_MB
        self._function = ""
        self._credentials: dict[str, SecretCredentials] = {}

    @contextmanager
    def invocation(
        self, function: str, memory_mb: int, log_bytes: int = LOG_BYTES
    ) -> Iterator[None]:
        """One invocation of a function; its waits are billed as its work is."""
        self._memory_mb, self._function = memory_mb, function
        began = self._clock.now()
        self._work(HANDLER_CPU_MS)
        try:
            yield
        finally:
            took_ms = math.ceil((self._clock.now() - began).total_seconds() * 1000)
            gb_s = took_ms / 1000 * memory_mb / 1024
            self.usage.add({"lambda_calls": 1, "lambda_gb_s": gb_s, "log_bytes": log_bytes})

    def make(self, request: Request) -> None:
        """Count a request, and let it take its time."""
        if not request.operation.startswith("Provider"):
            self.operations[request.operation] += 1
        self.usage.add(request.units)
        self.shared.add(request.shared)
        self._work(CPU_MS)
        if not request.at_once:
            self._clock.advance(REQUEST_MS[request.operation] / 1000)

    def use_credentials(self, provider: str) -> None:
        """Read the provider's secret, unless this function's process has it in its cache."""
        if self._function not in self._credentials:
            self._credentials[self._function] = SecretCredentials(
                functools.partial(_Secrets, self),  # type: ignore[arg-type] # the one call needed
                {route.provider: "secret" for route in ROUTES},
                self._now_s,
            )
        self._credentials[self._function](provider)

    def _now_s(self) -> float:
        return (self._clock.now() - START).total_seconds()

    def _work(self, cpu_ms: float) -> None:
        self._clock.advance(cpu_ms / 1000 * max(1.0, CORE_MB / self._memory_mb))


class _Secrets:
    """A client of Secrets Manager that has a key for every provider."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def get_secret_value(self, **_arguments: Any) -> Mapping[str, str]:
        self._meter.make(Request("GetSecretValue", {"secret_calls": 1}))
        return {"SecretString": '{"api_key": "none"}'}


def count_ports(ports: Ports, meter: Meter) -> Ports:
    """The same ports, with every call counted; the clock and the limits are passed on."""
    counted = {
        one.name: _CountedPort(one.name, getattr(ports, one.name), meter)
        for one in dataclasses.fields(ports)
        if one.name not in ("clock", "limits")
    }
    return dataclasses.replace(ports, **counted)  # type: ignore[arg-type] # any port


class _CountedPort:
    def __init__(self, name: str, port: Any, meter: Meter) -> None:
        self._name, self._port, self._meter = name, port, meter

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute
        full_name = f"{self._name}.{name}"
        if full_name in FREE:
            return attribute
        if full_name not in REQUESTS:
            raise NotCounted(f"add {full_name} to REQUESTS: the requests that the real port makes")
        requests_of = REQUESTS[full_name]

        def call(*args: Any, **kwargs: Any) -> Any:
            if full_name in WITH_CREDENTIALS:
                self._meter.use_credentials(_provider_of(args[0]))
            if full_name in BEFORE:
                self._count(requests_of(args, kwargs, None))
                return attribute(*args, **kwargs)
            result = attribute(*args, **kwargs)
            if isinstance(result, Iterator):
                result = list(result)
            self._count(requests_of(args, kwargs, result))
            return result

        return call

    def _count(self, requests: Sequence[Request]) -> None:
        for request in requests:
            self._meter.make(request)


def _provider_of(argument: Any) -> str:
    """The provider of a call: it gets the name, a route or a job's request."""
    if isinstance(argument, str):
        return argument
    return str(getattr(argument, "route", argument).provider)


Args = Sequence[Any]
Counts = Callable[[Args, Mapping[str, Any], Any], Sequence[Request]]


def _one(operation: str, **units: float) -> Counts:
    return lambda _args, _kwargs, _result: [Request(operation, units)]


def _write(
    operation: str,
    units: float,
    index: Mapping[str, float],
    shared: Mapping[str, float] | None = None,
) -> Request:
    """A write of a task's item, the indexes that follow it, and the line that logs it."""
    # Each but an update of the due time alone.
    log_bytes = 0 if operation == "UpdateItem" else CHANGE_LOG_BYTES
    written = {"table_writes": units + sum(index.values()), "log_bytes": log_bytes}
    return Request(operation, written, shared or index)


def _get_task(args: Args, _kwargs: Mapping[str, Any], found: Task | None) -> Sequence[Request]:
    del args
    size = item_bytes(write_item(found)) if found else 0
    return [Request("GetItem", {"table_reads": read_units(size)})]


def _create_task(args: Args, _kwargs: Mapping[str, Any], _none: Any) -> Sequence[Request]:
    """One transaction: the task, its claims, its wants, its place in line."""
    (task,) = args
    item = write_item(task)
    note = {"task_id": task.task_id, "expires_at": expiry(task.created_at)}
    claims = [owner_key(task.output), *([latest_key(task.trigger.key)] if task.replaces else [])]
    if task.trigger.request_id is not None:
        claims.append(request_key(task.trigger.request_id))
    wants = [wants_key(key, task.task_id) for key in dict.fromkeys(task.wants)]
    place = write_waiter(task)
    written = [item, *(key | note for key in [*claims, *wants]), *([place] if place else [])]
    index = index_write_units(None, item)
    shared = {**index, "line": 2 * write_units(place)} if place else index
    return [_write("TransactWriteItems", 2 * sum(map(write_units, written)), index, shared)]


def _replace_task(args: Args, _kwargs: Mapping[str, Any], written: Task) -> Sequence[Request]:
    """One write, or a transaction with its place in line if that changes."""
    old: Task = args[0]
    before, after = write_item(old), write_item(written)
    units = max(write_units(before), write_units(after))
    index = index_write_units(before, after)
    if (old.place, old.run) == (written.place, written.run):
        return [_write("PutItem", units, index)]
    places = len({old.place, written.place} - {None})
    shared = {**index, "line": 2 * places} if places else index
    return [_write("TransactWriteItems", 2 * (units + places), index, shared)]


def _update_due(args: Args, _kwargs: Mapping[str, Any], _none: Any) -> Sequence[Request]:
    """Only the key of the index by due time changes: its entry moves."""
    before = write_item(args[0])
    after = before | {"due_at": "later"}
    return [_write("UpdateItem", write_units(before), index_write_units(before, after))]


def _dismiss(args: Args, _kwargs: Mapping[str, Any], _none: Any) -> Sequence[Request]:
    """The entry in the index by due time is deleted."""
    before = write_item(args[0])
    after = {name: value for name, value in before.items() if name not in ("due", "due_at")}
    return [_write("UpdateItem", write_units(before), index_write_units(before, after))]


def _forget_wants(args: Args, _kwargs: Mapping[str, Any], _none: Any) -> Sequence[Request]:
    return [Request("DeleteItem", {"table_writes": 1}) for _ in dict.fromkeys(args[0].wants)]


def _due(_args: Args, _kwargs: Mapping[str, Any], _found: Any) -> Sequence[Request]:
    shards = 8
    return [Request("Query", {"table_reads": read_units(0, consistent=False)})] * shards


def _send_errands(args: Args, _kwargs: Mapping[str, Any], _none: Any) -> Sequence[Request]:
    batches = math.ceil(len(args[0]) / MAX_BATCH)
    return [Request("SendMessageBatch", {"sqs_requests": 1})] * batches


def _read_each(args: Args, _kwargs: Mapping[str, Any], _found: Any) -> Sequence[Request]:
    """Several at the same time take as long as one."""
    return [
        Request("GetObject", {"s3_reads": 1}, at_once=place > 0) for place in range(len(args[0]))
    ]


def _get_batches(args: Args, _kwargs: Mapping[str, Any], _found: Any) -> Sequence[Request]:
    """Each one is billed, also one that is not there."""
    return [Request("BatchGetItem", {"table_reads": len(set(args[0]))})]


def _release_lease(args: Args, _kwargs: Mapping[str, Any], _none: Any) -> Sequence[Request]:
    """Read first: nearly always there is none to give up."""
    del args
    return [Request("GetItem", {"table_reads": 1})]


def _submit(args: Args, _kwargs: Mapping[str, Any], _answer: Any) -> Sequence[Request]:
    """The driver opens every input file once, and sends it."""
    files = [file for role in args[0].inputs.values() for file in role]
    return [*(Request("GetObject", {"s3_reads": 1}) for _ in files), Request("ProviderSubmit")]


REQUESTS: Final[Mapping[str, Counts]] = {
    "tasks.get": _get_task,
    "tasks.create": _create_task,
    "tasks.replace": _replace_task,
    "tasks.latest": _one("GetItem", table_reads=1),
    "tasks.of_request": _one("GetItem", table_reads=1),
    "tasks.owner": _one("GetItem", table_reads=1),
    "tasks.claim_job": _one("PutItem", table_writes=1),
    "tasks.claim_output": _one("PutItem", table_writes=1),
    "tasks.wanting": _one("Query", table_reads=1),
    "tasks.forget_wants": _forget_wants,
    "tasks.due": _due,
    "tasks.postpone": _update_due,
    "tasks.dismiss": _dismiss,
    "inputs.find": _one("HeadObject", s3_reads=1),
    "inputs.read": _one("GetObject", s3_reads=1),
    "inputs.read_each": _read_each,
    "inputs.list_keys": _one("ListObjectsV2", s3_writes=1),
    "inputs.list_recent": _one("ListObjectsV2", s3_writes=1),
    "inputs.open": _one("GetObject", s3_reads=1),
    "outputs.put": _one("PutObject", s3_writes=1),
    "outputs.put_over": _one("PutObject", s3_writes=1),
    "outputs.find": _one("HeadObject", s3_reads=1),
    "outputs.writer": _one("HeadObject", s3_reads=1),
    "outputs.get": _one("GetObject", s3_reads=1),
    "workflows.start": _one("StartExecution"),  # billed by the states that it enters
    "workflows.status": _one("DescribeExecution"),
    "events.publish": _one(
        "PutEvents", events=1, log_bytes=END_LOG_BYTES
    ),  # one for each 64 KB; ours is smaller
    "dead_letters.put": _one("SendMessage", sqs_requests=1),
    "errands.send": _send_errands,
    "batches.get_many": _get_batches,
    "lines.turns": _one("GetItem", table_reads=1),
    "lines.compare_and_set": lambda *_: [Request("PutItem", {"table_writes": 1}, {"turns": 1})],
    "lines.first": _one("Query", table_reads=1),
    "lines.missed": _one("Query", table_reads=1),
    "lines.length": _one("Query", table_reads=1),
    "lines.mark": lambda *_: [Request("UpdateItem", {"table_writes": 1}, {"line": 1})],
    "durations.compare_and_set": _one("PutItem", table_writes=1),
    "limiter.circuit": _one("GetItem", table_reads=1),
    "limiter.compare_and_set": _one("UpdateItem", table_writes=1),
    "limiter.release": _release_lease,
    "providers.submit": _submit,
    "providers.poll": _one("ProviderPoll", log_bytes=POLL_LOG_BYTES),
    "providers.fetch": _one("ProviderFetch"),
    "providers.history": _one("ProviderPoll"),
    "providers.account": lambda *_: (),
    "providers.called_account": lambda *_: (),
    "new_tasks.count": _one("UpdateItem", table_writes=1),
    "providers.set_up": lambda *_: (),
}
"""Method of a port -> the requests of the real port for it. Every item of the lines and the limiter
is below 1 KB, or holds a provider's turns alone."""
FREE: Final = frozenset(
    {"providers.routes", "providers.tariff", "providers.rules", "inputs.link", "durations.known"}
    | {"pictures.measure", "charges.known", "charges.record", "metrics.emit"}
)
"""Methods that send nothing; of `durations.known` and `charges.known` one in a minute and process
does. The same charge is written once a day."""
BEFORE: Final = frozenset({"providers.submit"})
"""Methods that call back: what they send is counted before."""
WITH_CREDENTIALS: Final = frozenset(
    {"providers.submit", "providers.poll", "providers.account", "providers.set_up"}
)
