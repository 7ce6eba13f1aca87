"""The patches for the speed of all requests give moto's own results, only sooner."""

import json
from typing import Any

import pytest
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.sqs.models import SQSBackend, sqs_backends
from werkzeug.test import EnvironBuilder, run_wsgi_app

from infra.local import http_server
from infra.local.emulator import ACCOUNT, REGION
from infra.local.lambda_runtime.invoker import Invoker
from infra.local.lambda_runtime.worker import InvocationResult
from infra.local.moto_patches import faster_requests
from infra.local.permissions.decision_point import DecisionPoint
from infra.local.permissions.gate import Gate
from infra.local.permissions.http_request import Place
from infra.local.permissions.intrinsics import Account
from infra.local.permissions.record import Record
from tests.local.sample_template import Stack


def test_fifo_queue_still_drops_a_message_with_the_same_content(stack: Stack) -> None:
    """The attribute that moto looks for is found where it can be."""
    sqs = stack.client("sqs")
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="in-order.fifo", Attributes=attributes)["QueueUrl"]
    for _ in range(2):
        sqs.send_message(QueueUrl=url, MessageBody="same", MessageGroupId="g")
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    assert found["Attributes"]["ApproximateNumberOfMessages"] == "1"


def test_message_is_sent_without_counting_the_others(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of a send does not depend on the length of the queue."""

    def fail(_queue: Any) -> None:
        raise AssertionError("the messages were counted")

    sqs = stack.client("sqs")
    url = sqs.create_queue(QueueName="uncounted")["QueueUrl"]
    backend: SQSBackend = sqs_backends[ACCOUNT][REGION]
    queue = type(backend.get_queue("uncounted"))
    with monkeypatch.context() as patch:
        patch.setattr(queue, "attributes", property(fail))
        sqs.send_message(QueueUrl=url, MessageBody="one")
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "one"
    assert sqs.receive_message(QueueUrl=url).get("Messages", []) == []


def test_random_text_has_the_length_and_the_characters_that_moto_gives() -> None:
    """All options of moto's own."""
    draw = faster_requests._random_string
    assert len(draw(mock_random)) == 20
    assert len(draw(mock_random, 52)) == 52
    assert draw(mock_random, 1000, include_digits=False).isalpha()
    assert draw(mock_random, 1000, lower_case=True).islower()
    assert any(character.isdigit() for character in draw(mock_random, 1000))


def test_moto_adds_no_headers_for_web_pages(stack: Stack) -> None:
    """They would only be taken out again."""
    assert stack.emulator.url
    response = http_server._create_app("sqs").test_client().options("/")
    assert [name for name in response.headers if name[0].lower().startswith("access-control")] == []


def call(application: Any, action: str, body: str) -> tuple[str, dict[str, str], bytes]:
    """The response of a WSGI application to a request of DynamoDB, without what differs anyway."""
    sent: Any = {
        "X-Amz-Target": f"DynamoDB_20120810.{action}",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/x",
    }
    environ = EnvironBuilder("/", method="POST", data=body, headers=sent).get_environ()
    body_parts, status, headers = run_wsgi_app(application, environ)
    named = {name.lower(): value for name, value in headers if name.lower() != "x-amzn-requestid"}
    return status, named, b"".join(body_parts)


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("ListTables", {}),
        ("GetItem", {"Key": {"pk": {"S": "none"}}}),
        ("GetItem", {"Key": {"wrong": {"S": "a"}}}),
        ("GetItem", {"Key": {"pk": {"S": ""}}}),
        ("PutItem", {"Item": {"pk": {"S": "\N{SNOWMAN}"}, "n": {"N": "1"}}}),
        ("PutItem", {"Item": {"pk": {"S": "a"}}, "ConditionExpression": "attribute_exists(pk)"}),
        ("Query", {"KeyConditionExpression": "nonsense"}),
        ("DescribeTable", {"TableName": "absent"}),
    ],
    ids=str,
)
def test_request_to_dynamodb_is_answered_as_through_flask(
    stack: Stack, action: str, body: dict[str, Any]
) -> None:
    """Status, headers and body; also those of an error."""
    text = json.dumps({"TableName": stack.outputs["Table"], **body} if body else body)
    expected = call(DomainDispatcherApplication(http_server._create_app), action, text)
    account = Account("123456789012", "us-east-1")
    gate = Gate(DecisionPoint(account, Record()), Place(account, lambda _name: None))
    application = http_server.Application(Invoker(lambda *_: InvocationResult(b""), print), gate)
    assert call(application, action, text) == expected
