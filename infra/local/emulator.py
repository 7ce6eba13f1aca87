"""AWS on this machine: moto, mended, behind one port; functions run and queues are read.

It knows nothing of Darkroom: any template will do. One at a time in a process.
"""

import atexit
import contextlib
import gc
import json
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from moto.awslambda_simple.models import lambda_simple_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from infra.local import queue_poller
from infra.local.deploy import Template, deploy
from infra.local.http_server import Server
from infra.local.lambda_runtime.pool import NoSuchFunctionError, Place, Runtime
from infra.local.lambda_runtime.worker import Answer, Function
from infra.local.moto_patches.apply import Hooks, mended
from infra.local.processes import Processes
from infra.local.scheduler import Clock

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"


class AwsEmulator:
    """Start it, deploy into it, stop it."""

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
        """`asset` is the functions' folder, `workers` the cap of each, `sweep_s` caps schedules."""
        # At the process's end the collector would go through all that moto made, several times:
        # after a hundred tasks that took 18 s, and everything else a fifth of one.
        atexit.register(gc.freeze)
        self._undo = ExitStack()
        self._pollers = ExitStack()
        self._workers = workers
        self._sweep_s = sweep_s
        self._hooks = Hooks(self._invoke, self._invoke_later)
        self._undo.enter_context(mended(self._hooks))
        try:
            self._server = Server(self._hooks, port)
        except BaseException:
            self._undo.close()
            raise
        self._undo.callback(self._server.stop)
        self.url = self._server.url
        place = Place(asset, self.url, logs, REGION, ACCOUNT)
        self._runtime = Runtime(look_up, place, processes, workers, _keep_lost)
        self._undo.callback(self._runtime.close)
        self._server.start()

    def deploy(self, template: Template, stack_name: str) -> dict[str, str]:
        """Deploys a stack, reads its queues, keeps its schedules; gives its outputs."""
        outputs = deploy(template, stack_name, self.url, REGION)
        for mapping in find_mappings(self._workers):
            reader = queue_poller.QueueReader(mapping, self._hooks.invoke)
            self._pollers.callback(reader.stop)
            reader.start()
        clock = Clock(self._hooks, ACCOUNT, REGION, self._sweep_s)
        self._pollers.callback(clock.stop)
        clock.start()
        self._pollers.callback(_stop_executions)
        return outputs

    def warm(self) -> None:
        """Starts a process for each function, so that the first task need not wait for them."""
        for function in lambda_simple_backends[ACCOUNT][REGION].list_functions():
            self._runtime.warm(function.function_name)

    def secrets(self) -> list[str]:
        """The names of the secrets."""
        return [secret.name for secret in secretsmanager_backends[ACCOUNT][REGION].secrets.values()]

    def put_secret(self, name: str, value: Mapping[str, str]) -> None:
        """Gives a secret a new value."""
        backend = secretsmanager_backends[ACCOUNT][REGION]
        backend.put_secret_value(name, json.dumps(value), "", str(uuid.uuid4()), ["AWSCURRENT"])

    def quiesce(self) -> None:
        """Begins nothing new: no message is taken, no schedule fires, executions are stopped."""
        self._pollers.close()

    def stop(self) -> None:
        """Stops what it started, forgets everything, and gives moto back as it was."""
        self.quiesce()
        self._undo.close()

    def _invoke(self, name: str, payload: bytes) -> Answer:
        return self._runtime.invoke(name, payload)

    def _invoke_later(self, name: str, payload: bytes) -> None:
        self._runtime.invoke_later(name, payload)


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


def find_mappings(workers: int) -> list[queue_poller.Mapping]:
    """The event source mappings as deployed; no more batches at once than processes."""
    backend = lambda_simple_backends[ACCOUNT][REGION]
    return [
        queue_poller.Mapping(
            queue_arn=found.event_source_arn,
            function_arn=found.function_arn,
            batch_size=found.batch_size,
            reports_failures="ReportBatchItemFailures" in (found.function_response_types or ()),
            at_once=min(
                workers, int((found.scaling_config or {}).get("MaximumConcurrency", workers))
            ),
        )
        for found in backend.list_event_source_mappings("", "")
        if found.enabled
    ]


def _keep_lost(function: Function, payload: bytes, answer: Answer) -> None:
    """A failed asynchronous invocation goes to the function's dead letters, if it has any.

    The reason goes with it as in Lambda ("Adding a dead-letter queue"): the status of the
    invocation and the first kilobyte of the error's message.
    """
    if not function.dead_letters:
        return
    said = json.loads(answer.payload).get("errorMessage", "")
    reason = {
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": said[:1024] or "unknown"},
    }
    name = function.dead_letters.split(":")[-1]
    sqs_backends[ACCOUNT][REGION].send_message(name, payload.decode(), reason)


def _stop_executions() -> None:
    """Those that run would otherwise go on and call the functions of a later environment."""
    for machine in stepfunctions_parser_backends[ACCOUNT][REGION].state_machines:
        for execution in machine.executions:
            if execution.status == "RUNNING":
                # One that has not quite begun has nothing to stop yet.
                with contextlib.suppress(AttributeError):
                    execution.stop(None, None, None)
