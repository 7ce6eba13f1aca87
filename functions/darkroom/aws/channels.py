"""Where Darkroom speaks to the rest of AWS: runs, events, dead letters.

Each takes a maker of its client, so that a door that never speaks there never builds one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from darkroom.arrivals import FIRST_ID
from darkroom.aws.client_errors import translated
from darkroom.errors import Busy
from darkroom.naming import run_name
from darkroom.ports import RunStatus

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef
    from mypy_boto3_stepfunctions import SFNClient

SOURCE = "darkroom"
REASON_BYTES = 1000
MOST_AT_ONCE = 10
"""Messages that SQS takes at once."""
_ALIVE = frozenset({"RUNNING", "PENDING_REDRIVE"})


class StepFunctionsWorkflows:
    """`ports.Workflows` on Step Functions; a run's name is `<task_id>-<run>`."""

    def __init__(self, client: Callable[[], "SFNClient"], state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, task_id: str, run: int) -> None:
        """See `ports.Workflows.start`; names stay taken for 90 days after the run's end."""
        client = self._client()
        try:
            with translated("the runs"):
                client.start_execution(
                    stateMachineArn=self._arn,
                    name=run_name(task_id, run),
                    input=json.dumps({"task_id": task_id, "run": run}),
                )
        except client.exceptions.ExecutionAlreadyExists:
            return

    def status(self, task_id: str, run: int) -> RunStatus:
        """See `ports.Workflows.status`; an execution is forgotten 90 days after its end."""
        client = self._client()
        executions = self._arn.replace(":stateMachine:", ":execution:")
        try:
            with translated("the runs"):
                name = f"{executions}:{run_name(task_id, run)}"
                found = client.describe_execution(executionArn=name)
        except client.exceptions.ExecutionDoesNotExist:
            return "none"
        return "running" if found["status"] in _ALIVE else "ended"


class EventBridgeEvents:
    """`ports.Events` on an EventBridge bus."""

    def __init__(self, client: Callable[[], "EventBridgeClient"], bus: str) -> None:
        self._client = client
        self._bus = bus

    def publish(self, kind: str, detail: Mapping[str, Any]) -> None:
        """See `ports.Events.publish`; PutEvents answers 200 even when it took nothing."""
        with translated("the event bus"):
            answer = self._client().put_events(
                Entries=[
                    {
                        "EventBusName": self._bus,
                        "Source": SOURCE,
                        "DetailType": kind,
                        "Detail": json.dumps(detail, ensure_ascii=False),
                    }
                ]
            )
        if answer["FailedEntryCount"]:
            code = answer["Entries"][0].get("ErrorCode", "unknown")
            raise Busy("event-not-taken", f"The event bus did not take '{kind}' ({code}).")


class SqsDeadLetters:
    """`ports.DeadLetters` on an SQS queue; reason and id are attributes of the message."""

    def __init__(self, client: Callable[[], "SQSClient"], queue_url: str) -> None:
        self._client = client
        self._url = queue_url

    def put(self, body: str, reason: str, message_id: str) -> None:
        """See `ports.DeadLetters.put`."""
        with translated("the dead letters"):
            self._client().send_message(
                QueueUrl=self._url,
                MessageBody=body,
                MessageAttributes={
                    "reason": _text(reason[:REASON_BYTES]),
                    FIRST_ID: _text(message_id),
                },
            )


class SqsErrands:
    """`ports.Errands` on the intake queue."""

    def __init__(self, client: Callable[[], "SQSClient"], queue_url: str) -> None:
        self._client = client
        self._url = queue_url

    def send(self, bodies: Sequence[str]) -> None:
        """See `ports.Errands.send`; SendMessageBatch answers 200 even when it took nothing."""
        for first in range(0, len(bodies), MOST_AT_ONCE):
            batch = bodies[first : first + MOST_AT_ONCE]
            with translated("the intake queue"):
                answer = self._client().send_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(number), "MessageBody": body}
                        for number, body in enumerate(batch)
                    ],
                )
            if answer.get("Failed"):
                code = answer["Failed"][0]["Code"]
                raise Busy("errand-not-taken", f"The intake queue did not take a message ({code}).")


def _text(value: str) -> "MessageAttributeValueTypeDef":
    return {"DataType": "String", "StringValue": value or "unknown"}
