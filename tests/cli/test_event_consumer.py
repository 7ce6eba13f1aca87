"""The consumer in `events/README.md` runs: every event changes an order once."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from darkroom.aws.event_bridge import EventBridgeEvents
from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message
from darkroom.pipeline import retry as retry_verb
from darkroom.pipeline.intake import receive
from infra.cli.checkout import EVENTS
from tests.fakes.clock import START
from tests.fakes.moto_aws import BUS, REGION, client, cloud
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PHOTO, PipelineHarness, refusal

README = (EVENTS / "README.md").read_text("utf-8")


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The code of the README, in an account with its two tables."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    with cloud():
        for name, key in (("orders", "request_id"), ("seen", "event_id")):
            client("dynamodb").create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            )
        names: dict[str, Any] = {}
        exec(compile(code, str(Path("events/README.md")), "exec"), names)  # noqa: S102 - our own documentation
        yield names


def order(number: str = "1") -> dict[str, Any] | None:
    """The order as the consumer keeps it."""
    item = client("dynamodb").get_item(TableName="orders", Key={"request_id": {"S": number}})
    found: dict[str, Any] | None = item.get("Item")
    return found


def records(details: list[dict[str, Any]]) -> dict[str, Any]:
    """The batch of messages that the function is called with."""
    bodies = [json.dumps({"detail": detail}) for detail in details]
    return {"Records": [{"messageId": str(n), "body": body} for n, body in enumerate(bodies)]}


def failed_and_retried() -> list[dict[str, Any]]:
    """The events of an order that waits, fails, is retried and succeeds; and of a reused id."""
    harness = PipelineHarness()
    body = {"request_id": "1", "source": PHOTO, "spec": {"operation": SYNC_NONE}}
    for one in (body, body | {"label": "other"}):
        receive(harness.ports, Message(json.dumps(one), "m", 1, START), read_message)
    harness.providers.script("submit", refusal(), refusal())
    harness.upload(PHOTO)
    harness.run()
    retry_verb.retry(harness.ports, harness.task.task_id)
    harness.run()
    details = [dict(event.detail) for event in harness.events.published]
    assert [one["status"] for one in details] == ["waiting", "failed", "failed", "succeeded"]
    assert [one["code"] for one in details[1:2]] == ["request-id-reused"]
    return details


@pytest.mark.parametrize("order_of_arrival", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1, 2, 3, 0)])
def test_order_ends_as_its_last_run_did(
    consumer: dict[str, Any], order_of_arrival: tuple[int, ...]
) -> None:
    """However often and in whatever order the events come."""
    details = failed_and_retried()
    for at in order_of_arrival:
        answer = consumer["handler"](records([details[at]]), None)
        assert answer == {"batchItemFailures": []}

    found = order()
    assert found is not None
    assert (found["status"]["S"], found["run"]["N"]) == ("succeeded", "2")
    assert found["manifest"]["S"].endswith(".manifest.json")


def test_repeated_event_changes_nothing(consumer: dict[str, Any]) -> None:
    """Its id was seen, whatever has become of the order."""
    (_, _, failed, _) = failed_and_retried()
    consumer["handler"](records([failed]), None)
    client("dynamodb").delete_item(TableName="orders", Key={"request_id": {"S": "1"}})
    consumer["handler"](records([failed]), None)
    assert order() is None


def test_event_that_fails_stays_in_the_queue(consumer: dict[str, Any]) -> None:
    """The others of its batch are done."""
    (waiting, *_) = failed_and_retried()
    event = records([waiting, waiting])
    event["Records"][0]["body"] = "{}"
    assert consumer["handler"](event, None) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert order() is not None


def test_rule_leads_the_events_of_tasks_to_the_queue(consumer: dict[str, Any]) -> None:
    """And no others."""
    url = client("sqs").create_queue(QueueName="mine")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    consumer["connect"](BUS, arn["Attributes"]["QueueArn"])
    bus = EventBridgeEvents(lambda: boto3.client("events"), BUS)
    details = failed_and_retried()
    bus.publish("Task Waiting", details[0])
    bus.publish("Batch Finished", {"event_id": "b"})
    bus.publish("Task Succeeded", details[3])

    messages = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    event = {"Records": [{"messageId": m["MessageId"], "body": m["Body"]} for m in messages]}
    assert len(messages) == 2
    assert consumer["handler"](event, None) == {"batchItemFailures": []}
    assert (order() or {})["status"]["S"] == "succeeded"


def test_readme_names_the_queue_and_the_bus() -> None:
    """By the stack's outputs, with what "at least once" asks of the reader."""
    for words in ("IntakeQueueUrl", "EventBus", "at least once", "event_id", "refund"):
        assert words in README
