"""AWS on this machine: patched moto behind one port, functions that run, queues that are polled.

It knows nothing of Darkroom: it deploys any template. Only one at a time in a process.
"""

import atexit
import contextlib
import functools
import gc
import json
import logging
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from infra.local.moto_patches import quick_import  # noqa: F401 - before everything else of moto

# isort: split
from moto.awslambda_simple.models import lambda_simple_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from infra.local import queue_poller
from infra.local.deploy import DeployError, Template, deploy
from infra.local.http_server import Server
from infra.local.lambda_runtime.invoker import Invoker
from infra.local.lambda_runtime.pool import NoSuchFunctionError, Runtime, Workspace
from infra.local.lambda_runtime.worker import Function, InvocationResult
from infra.local.metrics.queues import QueueSampler
from infra.local.metrics.recorder import Recorder
from infra.local.moto_patches.apply import patched_moto
from infra.local.permissions.decision_point import DecisionPoint, NotAuthorizedError
from infra.local.permissions.gate import Gate
from infra.local.permissions.http_request import Place
from infra.local.permissions.intrinsics import Account
from infra.local.permissions.moto_lookup import DeployedStack, find_queue_policy, find_secret
from infra.local.permissions.policy import Access, PolicyError
from infra.local.permissions.record import Record
from infra.local.permissions.template_policies import read_policies
from infra.local.processes import Processes
from infra.local.scheduler import Scheduler

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
_ACCOUNT: Final = Account(ACCOUNT, REGION)
LOG = logging.getLogger(__name__)


class AwsEmulator:
    """An emulated AWS account, running once it is made; deploy stacks into it, then stop it."""

    def __init__(
        self,
        processes: Processes,
        asset: Path,
        logs: Path,
        *,
        port: int = 0,
        workers: int = 2,
        sweep_s: float = 10.0,
    ) -> None:
        """Args as for `LocalEnvironment`; `asset` is the functions' folder.

        `workers` is the maximum number of processes for each function. A schedule with a longer
        interval than `sweep_s` seconds fires every `sweep_s` seconds.
        """
        # At the end of the process the garbage collector would visit all of moto's objects several
        # times: after a hundred tasks that took 18 s, and everything else 0.2 s.
        atexit.register(gc.freeze)
        self._exit_stack = ExitStack()
        self._pollers = ExitStack()
        self._workers = workers
        self._invoker = Invoker(self._invoke, self._invoke_async)
        self.permissions = Record(logs / "permissions.log")
        self._point = DecisionPoint(
            _ACCOUNT, self.permissions, functools.partial(find_queue_policy, _ACCOUNT)
        )
        self._exit_stack.enter_context(patched_moto(self._invoker, self._point))
        gate = Gate(self._point, Place(_ACCOUNT, functools.partial(find_secret, _ACCOUNT)))
        try:
            self._server = Server(self._invoker, gate, port)
        except BaseException:
            self._exit_stack.close()
            raise
        self._exit_stack.callback(self._server.stop)
        self.url = self._server.url
        workspace = Workspace(asset, self.url, logs, REGION, ACCOUNT, self._point.key_of)
        self._recorder = Recorder(logs)
        self._runtime = Runtime(
            look_up, workspace, processes, workers, self._send_to_dead_letters, self._record
        )
        self._exit_stack.callback(self._runtime.close)
        self._polled: set[str] = set()
        self._scheduler = Scheduler(self._invoker, self._point, ACCOUNT, REGION, sweep_s)
        self._pollers.callback(_stop_executions)
        self._pollers.callback(self._scheduler.stop)
        sampler = QueueSampler(self._recorder, ACCOUNT, REGION, sweep_s)
        self._pollers.callback(sampler.stop)
        sampler.start()
        self._server.start()

    def deploy(self, template: Template, stack_name: str) -> dict[str, str]:
        """Deploy a stack, poll its queues and fire its schedules; returns the stack's outputs.

        Several stacks live side by side.
        """
        outputs = deploy(template, stack_name, self.url, REGION)
        try:
            stack = DeployedStack(_ACCOUNT, stack_name)
            self._point.deploy(read_policies(template, _ACCOUNT, stack))
        except PolicyError as error:
            raise DeployError(f"the stack {stack_name}: {error}") from error
        for mapping in queue_poller.find_mappings(ACCOUNT, REGION, self._workers):
            if mapping.queue_arn in self._polled:
                continue
            self._polled.add(mapping.queue_arn)
            poller = queue_poller.QueuePoller(mapping, self._invoker.invoke, self._point)
            self._pollers.callback(poller.stop)
            poller.start()
        self._scheduler.start()
        return outputs

    def warm(self) -> None:
        """Start a process for each function, so that the first task does not wait for them."""
        for function in lambda_simple_backends[ACCOUNT][REGION].list_functions():
            self._runtime.warm(function.function_name)

    def secrets(self) -> list[str]:
        """The names of the secrets."""
        return [secret.name for secret in secretsmanager_backends[ACCOUNT][REGION].secrets.values()]

    def put_secret(self, name: str, value: Mapping[str, str]) -> None:
        """Set a new value of a secret."""
        backend = secretsmanager_backends[ACCOUNT][REGION]
        backend.put_secret_value(name, json.dumps(value), "", str(uuid.uuid4()), ["AWSCURRENT"])

    def quiesce(self) -> None:
        """Start nothing new: stop polling queues and firing schedules, stop all executions."""
        self._pollers.close()

    def stop(self) -> None:
        """Stop the server and the functions, clear all state, take the patches back."""
        self.quiesce()
        self._exit_stack.close()

    def _invoke(self, name: str, payload: bytes) -> InvocationResult:
        return self._runtime.invoke(name, payload)

    def _record(self, function: str, result: InvocationResult) -> None:
        self._recorder.invoked(function, failed=result.error is not None)

    def _invoke_async(self, name: str, payload: bytes) -> None:
        self._runtime.invoke_later(name, payload)

    def _send_to_dead_letters(
        self, function: Function, payload: bytes, result: InvocationResult
    ) -> None:
        """Send a failed asynchronous invocation to the function's dead-letter queue, if it has one.

        As in Lambda ("Adding a dead-letter queue"), with the function's role; its attributes are
        the status of the invocation and the first kilobyte of the error's message.
        """
        if not function.dead_letters:
            return
        sending = Access("sqs:SendMessage", function.dead_letters)
        try:
            self._point.check(self._point.function(function.arn), [sending])
        except NotAuthorizedError:
            LOG.exception("the event of %s is lost", function.name)
            return
        message = json.loads(result.payload).get("errorMessage", "")
        reason = {
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": message[:1024] or "unknown"},
        }
        name = function.dead_letters.split(":")[-1]
        sqs_backends[ACCOUNT][REGION].send_message(name, payload.decode(), reason)


def look_up(name: str) -> Function:
    """A function as deployed, by name or ARN. Raises `NoSuchFunctionError`."""
    try:
        found = lambda_simple_backends[ACCOUNT][REGION].get_function(name.removesuffix(":$LATEST"))
    except Exception as error:
        raise NoSuchFunctionError(f"Function not found: {name}") from error
    properties = getattr(found, "template_properties", {})
    logging = properties.get("LoggingConfig", {})
    formats = {
        "AWS_LAMBDA_LOG_FORMAT": logging.get("LogFormat"),
        "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel"),
    }
    return Function(
        name=found.function_name,
        arn=found.function_arn,
        handler=str(found.handler),
        timeout_s=float(found.timeout),
        memory_mb=int(found.memory_size),
        environment={
            **{key: value for key, value in formats.items() if value},
            **{key: str(value) for key, value in found.environment_vars.items()},
        },
        dead_letters=properties.get("DeadLetterConfig", {}).get("TargetArn"),
    )


def _stop_executions() -> None:
    """Otherwise running executions would go on and call the functions of a later environment."""
    for machine in stepfunctions_parser_backends[ACCOUNT][REGION].state_machines:
        for execution in machine.executions:
            if execution.status == "RUNNING":
                # An execution that is still starting has nothing to stop.
                with contextlib.suppress(AttributeError):
                    execution.stop(None, None, None)
