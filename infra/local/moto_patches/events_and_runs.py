"""What moto leaves out once the stack is up: events, targets, names, how executions end."""

# ruff: noqa: ANN401 - what is passed on are moto's own objects, which it does not type

import copy
import functools
import io
import itertools
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from moto import backends
from moto.events.models import Rule, events_backends
from moto.events.utils import EventTemplateParser
from moto.s3 import notifications
from moto.s3.models import S3Backend
from moto.stepfunctions.exceptions import InvalidName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.fail import state_fail
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped, ProgramTimedOut
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from infra.local.lambda_runtime.pool import NoSuchFunctionError
from infra.local.lambda_runtime.worker import Answer
from infra.local.moto_patches.patch import Patch, around

LOG = logging.getLogger(__name__)

# `reason` of an S3 event ("EventBridge event message structure", S3 user guide): moto's -> AWS's.
REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}
DELETIONS = {
    "ObjectRemoved:Delete": "Permanently Deleted",
    "ObjectRemoved:DeleteMarkerCreated": "Delete Marker Created",
}

_sequence = itertools.count(time.time_ns())


@dataclass(frozen=True)
class Hooks:
    """Where moto hands over: a function called for its answer, and one called for its effect."""

    invoke: Callable[[str, bytes], Answer]
    invoke_later: Callable[[str, bytes], None]


def patches(hooks: Hooks) -> Iterator[Patch]:
    """The changes, in the order in which an upload meets them."""
    yield Patch(notifications, "_send_event_bridge_message", _tell_event_bridge)
    yield around(S3Backend, "_set_delete_marker", _tell_of_marker)
    yield around(S3Backend, "complete_multipart_upload", _tell_once)
    yield around(Rule, "send_to_targets", functools.partial(_send, hooks))
    yield around(StepFunctionsParserBackend, "start_execution", _check_name())
    yield Patch(ExecutionWorker, "_get_evaluation_entrypoint", _parse_once())
    # Every request looks through moto's folders anew, and every choice reads the grammar of paths.
    yield _remembered(backends, "list_of_moto_modules", tuple)
    yield _remembered(json_path, "parse")
    # moto calls Lambda over HTTP with a client made anew for each task.
    yield Patch(lambda_eval_utils, "boto_client_for", lambda **_: _LambdaClient(hooks))
    # A Fail state may pass on the name of a reserved error; moto makes States.Runtime of it.
    yield Patch(state_fail, "CustomErrorName", ErrorName)
    yield around(Environment, "set_error", _stay_ended)
    yield around(BaseExecutionWorkerCommunication, "terminated", _tell_of_end)


def _remembered(owner: Any, name: str, kept: Callable[[Any], Any] = lambda found: found) -> Patch:
    """What the name gives for the same arguments is found once."""
    return around(owner, name, functools.cache(lambda original, *args: kept(original(*args))))


class _LambdaClient:
    """What the interpreter needs of a Lambda client, without the network."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def invoke(self, **parameters: Any) -> dict[str, Any]:
        name, payload = parameters["FunctionName"], parameters.get("Payload") or b"{}"
        given = payload if isinstance(payload, bytes) else str(payload).encode()
        if parameters.get("InvocationType") == "Event":
            self._hooks.invoke_later(name, given)
            return {"StatusCode": 202, "Payload": io.BytesIO(b"{}")}
        try:
            answer = self._hooks.invoke(name, given)
        except NoSuchFunctionError as error:
            refusal: Any = {"Error": {"Code": "ResourceNotFoundException", "Message": str(error)}}
            raise ClientError(refusal, "Invoke") from error
        result = {"StatusCode": 200, "Payload": io.BytesIO(answer.payload)}
        return result if answer.error is None else {**result, "FunctionError": answer.error}


def publish(event: Any, account: str, region: str) -> None:
    """Gives an event of an AWS service to the rules of the default bus."""
    bus = events_backends[account][region].event_buses["default"]
    for rule in list(bus.rules.values()):
        try:
            rule.send_to_targets(copy.deepcopy(event), transform_input=False)
        except Exception:
            # Delivery is not the sender's business: neither on AWS nor here may it fail by it.
            LOG.exception("the rule %s could not deliver an event", rule.name)


def build_event(
    source: str, kind: str, resources: list[str], detail: dict[str, Any], account: str, region: str
) -> dict[str, Any]:
    """The envelope of an event ("Events", EventBridge user guide).

    The time is a number, as moto wants it; what leaves has it as text.
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": account,
        "time": time.time(),
        "region": region,
        "resources": resources,
        "detail": detail,
    }


def _tell_event_bridge(account: str, bucket: Any, event_name: str, key: Any) -> None:
    """By itself moto writes `eTag`, one sequencer for all, own reasons, and tells every bus."""
    action = str(getattr(event_name, "value", event_name)).removeprefix("s3:")
    deleted = action in DELETIONS
    thing = {"key": key.name}
    if not deleted:
        thing |= {"size": key.size, "etag": key.etag.replace('"', "")}
    if bucket.is_versioned:
        thing["version-id"] = key.version_id
    detail = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": {**thing, "sequencer": f"{next(_sequence):018X}"},
        "request-id": uuid.uuid4().hex[:16].upper(),
        "requester": account,
        "source-ip-address": "127.0.0.1",
    }
    if action in REASONS:
        detail["reason"] = REASONS[action]
    if deleted:
        detail["deletion-type"] = DELETIONS[action]
    region = bucket.region_name
    kind = notifications._detail_type(event_name)  # noqa: SLF001 - moto's own table of names
    publish(build_event("aws.s3", kind, [bucket.arn], detail, account, region), account, region)


def _tell_of_marker(original: Callable[..., Any], backend: Any, bucket_name: str, key: str) -> Any:
    """Nothing is sent by moto when a delete hides an object of a versioned bucket."""
    marker = original(backend, bucket_name, key)
    bucket = backend.get_bucket(bucket_name)
    told = notifications.S3NotificationEvent.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT
    configuration = bucket.notification_configuration
    if configuration is not None and configuration.event_bridge is not None:
        _tell_event_bridge(backend.account_id, bucket, told, marker)
    return marker


def _tell_once(original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any) -> Any:
    """A multipart upload is announced twice by moto, first as if it had been put whole."""
    return original(_Quiet(backend), *args, **kwargs)


class _Quiet:
    """A backend whose `put_object` announces nothing."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def put_object(self, *args: Any, **kwargs: Any) -> Any:
        return self._backend.put_object(*args, **{**kwargs, "disable_notification": True})


def _send(
    hooks: Hooks,
    original: Callable[..., Any],
    rule: Any,
    event: dict[str, Any],
    transform_input: bool = True,  # noqa: FBT001, FBT002 - as moto declares it
) -> None:
    """Without it, disabled rules and schedules fire, plain events change, functions get none."""
    if rule.state != "ENABLED" or not rule.event_pattern.get_pattern():
        return
    if not rule.event_pattern.matches_event(event):
        return
    plain = {name: value for name, value in event.items() if name != "ingestion-time"}
    for target in rule.targets:
        if target["Arn"].split(":")[2] == "lambda":
            hooks.invoke_later(target["Arn"], build_input(target, plain))
            continue
        alone = copy.copy(rule)
        alone.targets = [target]
        transforms = transform_input and "InputTransformer" in target
        original(alone, event if transforms else copy.copy(plain), transform_input=transforms)


def build_input(target: dict[str, Any], event: dict[str, Any]) -> bytes:
    """What a target's function gets: the event, or what the rule says instead."""
    moment = datetime.fromtimestamp(float(event["time"]), UTC)
    event = {**event, "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if "Input" in target:
        return str(target["Input"]).encode()
    if transformer := target.get("InputTransformer"):
        told = {**event, "ingestion-time": event["time"]}
        made = EventTemplateParser.parse(
            transformer["InputTemplate"],
            transformer.get("InputPathsMap", {}),
            told,  # type: ignore[arg-type]
        )
        return json.dumps(made).encode()
    return json.dumps(event).encode()


def _check_name() -> Callable[..., Any]:
    """By itself moto calls a nameless execution "None" and lets any name pass, even twice."""
    lock = threading.Lock()

    def start(
        original: Callable[..., Any],
        backend: Any,
        machine: str,
        name: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if name is None:
            name = str(uuid.uuid4())
        if not name:
            message = "Invalid Name: ''"
            raise InvalidName(message)
        backend._validate_name(name)  # noqa: SLF001 - moto's own rule, not applied here by moto
        with lock:
            return original(backend, machine, name, *args, **kwargs)

    return start


def _parse_once() -> Callable[[Any], Any]:
    """The parser of moto runs for every execution, and costs more than the rest of its start."""

    @functools.lru_cache(maxsize=8)
    def parse(definition: str) -> Any:
        return AmazonStateLanguageParser.parse(definition)[0]

    def entrypoint(worker: Any) -> Any:
        return parse(worker._evaluation_details.state_machine_details.definition)  # noqa: SLF001

    return entrypoint


def _stay_ended(original: Callable[..., Any], environment: Any, error: Any) -> None:
    """In moto, stopping an execution makes its running task fail, and so the execution."""
    if not isinstance(environment.program_state(), ProgramStopped | ProgramTimedOut):
        original(environment, error)


def _tell_of_end(original: Callable[..., Any], communication: Any) -> None:
    """The event "Step Functions Execution Status Change" is not known to moto."""
    original(communication)
    execution = communication.execution
    detail: dict[str, Any] = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine.arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": int(execution.start_date.timestamp() * 1000),
        "stopDate": int(execution.stop_date.timestamp() * 1000),
        "input": execution.execution_input,
        "inputDetails": {"included": True},
        "output": None if execution.output is None else json.dumps(execution.output),
        "outputDetails": None if execution.output is None else {"included": True},
        "error": execution.error,
        "cause": execution.cause,
    }
    account, region = execution.account_id, execution.region_name
    kind = "Step Functions Execution Status Change"
    event = build_event("aws.states", kind, [execution.exec_arn], detail, account, region)
    publish(event, account, region)
