"""Patches for Step Functions: calls of Lambda, execution names, stops, status events, speed."""

# ruff: noqa: ANN401 - the arguments are moto's own objects, which have no types

import functools
import io
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError
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

from infra.local.lambda_runtime.invoker import Invoker
from infra.local.lambda_runtime.pool import NoSuchFunctionError
from infra.local.moto_patches.event_targets import build_event, publish
from infra.local.moto_patches.patch import Patch, around, cached
from infra.local.permissions.decision_point import Caller, DecisionPoint, NotAuthorizedError
from infra.local.permissions.policy import Access


def patches(invoker: Invoker, point: DecisionPoint) -> Iterator[Patch]:
    """The patches, in the order in which an execution meets them."""
    yield around(StepFunctionsParserBackend, "start_execution", _start_with_valid_name())
    yield Patch(ExecutionWorker, "_get_evaluation_entrypoint", _parse_once())
    # Moto parses the path grammar for every choice.
    yield cached(json_path, "parse")
    # Moto calls Lambda over HTTP and makes a new client for each task.
    yield Patch(
        lambda_eval_utils, "boto_client_for", functools.partial(_lambda_client, invoker, point)
    )
    # A Fail state may pass on the name of a reserved error; moto turns it into States.Runtime.
    yield Patch(state_fail, "CustomErrorName", ErrorName)
    yield around(Environment, "set_error", _keep_status)
    yield around(BaseExecutionWorkerCommunication, "terminated", _publish_status_change)


def _lambda_client(
    invoker: Invoker, point: DecisionPoint, *, state_credentials: Any, **_region: Any
) -> "_LambdaClient":
    return _LambdaClient(invoker, point, point.role(state_credentials.role_arn, "workflow"))


class _LambdaClient:
    """The part of a Lambda client that the interpreter uses, without the network.

    It has the rights of the state machine's role.
    """

    def __init__(self, invoker: Invoker, point: DecisionPoint, caller: Caller) -> None:
        self._invoker = invoker
        self._point = point
        self._caller = caller

    def invoke(self, **parameters: Any) -> dict[str, Any]:
        name, payload = parameters["FunctionName"], parameters.get("Payload") or b"{}"
        body = payload if isinstance(payload, bytes) else str(payload).encode()
        try:
            self._point.check(self._caller, [Access("lambda:InvokeFunction", name)])
        except NotAuthorizedError as error:
            denial: Any = {"Error": {"Code": "AccessDeniedException", "Message": str(error)}}
            raise ClientError(denial, "Invoke") from error
        if parameters.get("InvocationType") == "Event":
            self._invoker.invoke_later(name, body)
            return {"StatusCode": 202, "Payload": io.BytesIO(b"{}")}
        try:
            answer = self._invoker.invoke(name, body)
        except NoSuchFunctionError as error:
            refusal: Any = {"Error": {"Code": "ResourceNotFoundException", "Message": str(error)}}
            raise ClientError(refusal, "Invoke") from error
        result = {"StatusCode": 200, "Payload": io.BytesIO(answer.payload)}
        return result if answer.error is None else {**result, "FunctionError": answer.error}


def _start_with_valid_name() -> Callable[..., Any]:
    """Moto calls an execution without a name "None", and accepts any name, even twice."""
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
        backend._validate_name(name)  # noqa: SLF001 - moto's own rule, which it does not apply here
        with lock:
            return original(backend, machine, name, *args, **kwargs)

    return start


def _parse_once() -> Callable[[Any], Any]:
    """Moto parses the definition for every execution, which takes most of the start."""

    @functools.lru_cache(maxsize=8)
    def parse(definition: str) -> Any:
        return AmazonStateLanguageParser.parse(definition)[0]

    def entrypoint(worker: Any) -> Any:
        return parse(worker._evaluation_details.state_machine_details.definition)  # noqa: SLF001

    return entrypoint


def _keep_status(original: Callable[..., Any], environment: Any, error: Any) -> None:
    """In moto, stopping an execution fails its running task and so changes ABORTED to FAILED."""
    if not isinstance(environment.program_state(), ProgramStopped | ProgramTimedOut):
        original(environment, error)


def _publish_status_change(original: Callable[..., Any], communication: Any) -> None:
    """Moto does not send the event "Step Functions Execution Status Change"."""
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
