"""What AWS answers when it does not do what it was asked, and what is not for it to answer."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.aws.event_bridge import EventBridgeEvents
from darkroom.aws.s3 import S3Inputs, S3Outputs
from darkroom.aws.sqs import SqsDeadLetters
from darkroom.domain.arrivals import MAX_REASON_BYTES
from darkroom.domain.errors import Busy, InputWithheld
from tests.fakes.task_factory import sample_task


class _Bus:
    """A bus that answers 200 and takes nothing."""

    def put_events(self, **_asked: Any) -> dict[str, Any]:
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}


class _Queue:
    """A queue that shows what it was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)


class _Denied:
    """AWS without the right to do anything."""

    class meta:  # noqa: N801 - boto3's own name
        client: Any = None

    name = "table"

    def __getattr__(self, operation: str) -> Any:
        def refuse(**_asked: Any) -> None:
            error = {"Error": {"Code": "AccessDenied", "Message": "no"}}
            raise ClientError(error, operation)  # type: ignore[arg-type]

        return refuse


def test_an_event_that_the_bus_did_not_take_is_busy() -> None:
    """The answer's status is 200 all the same."""
    with pytest.raises(Busy, match="ThrottlingException"):
        EventBridgeEvents(_Bus, "bus").publish("Task Failed", {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reason", "kept"), [("x" * 5000, "x" * MAX_REASON_BYTES), ("", "unknown")]
)
def test_a_reason_is_never_too_long_and_never_empty(reason: str, kept: str) -> None:
    """SQS refuses both, and a dead letter must not be lost over its label."""
    queue = _Queue()
    SqsDeadLetters(lambda: queue, "url").put("{}", reason, "m-1")  # type: ignore[arg-type, return-value]

    assert queue.sent[0]["MessageAttributes"]["reason"]["StringValue"] == kept
    json.dumps(queue.sent)


def test_a_missing_right_is_not_mistaken_for_a_missing_file() -> None:
    """It is a fault of the deployment, and a task must not fail or wait because of it."""
    denied: Any = _Denied()
    denied.meta.client = denied
    inputs, outputs, tasks = S3Inputs(denied, "b"), S3Outputs(denied, "b"), DynamoTasks(denied)
    task = sample_task()
    for look in (
        lambda: inputs.find("a"),
        lambda: inputs.read("a", "v", 1),
        lambda: inputs.open("a", "v").__enter__(),
    ):
        with pytest.raises(InputWithheld):
            look()
    for act in (
        lambda: outputs.get("a"),
        lambda: tasks.create(task, previous=None, owner=None),
        lambda: tasks.replace(task, task),
    ):
        with pytest.raises(ClientError):
            act()
