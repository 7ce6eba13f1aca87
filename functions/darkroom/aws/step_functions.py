"""Starts the workflow's runs on Step Functions and reads their status."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from darkroom.aws.client_errors import map_aws_errors
from darkroom.domain.task import run_name
from darkroom.ports import RunStatus

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_RUNNING = frozenset({"RUNNING", "PENDING_REDRIVE"})


class StepFunctionsWorkflows:
    """`ports.Workflows` on Step Functions; a run's name is `<task_id>-<run>`."""

    def __init__(self, client: Callable[[], "SFNClient"], state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, task_id: str, run: int) -> None:
        """See `ports.Workflows.start`; a name stays taken for 90 days after the run's end."""
        client = self._client()
        try:
            with map_aws_errors("the runs"):
                client.start_execution(
                    stateMachineArn=self._arn,
                    name=run_name(task_id, run),
                    input=json.dumps({"task_id": task_id, "run": run}),
                )
        except client.exceptions.ExecutionAlreadyExists:
            return

    def status(self, task_id: str, run: int) -> RunStatus:
        """See `ports.Workflows.status`; an execution is deleted 90 days after its end."""
        client = self._client()
        executions = self._arn.replace(":stateMachine:", ":execution:")
        try:
            with map_aws_errors("the runs"):
                name = f"{executions}:{run_name(task_id, run)}"
                found = client.describe_execution(executionArn=name)
        except client.exceptions.ExecutionDoesNotExist:
            return "none"
        return "running" if found["status"] in _RUNNING else "ended"
