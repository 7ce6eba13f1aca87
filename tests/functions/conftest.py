"""The functions as in Lambda: variables set, AWS by moto, one provider set up."""

import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from darkroom import composition
from darkroom.ports import Ports
from tests.fakes.moto_aws import BUS, INPUT, OUTPUT, REGION, TABLE, Cloud, client, cloud

SECRET = "darkroom/test/snapapi"


@dataclass(frozen=True)
class Context:
    """What Lambda tells a handler about itself."""

    function_name: str = "darkroom-test"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:darkroom-test"
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        """What SUBMIT has when it begins."""
        return 180_000


@dataclass(frozen=True)
class House:
    """All functions, and the AWS behind them."""

    cloud: Cloud
    ports: Ports

    def enter(self, verb: str, event: dict[str, Any]) -> dict[str, Any]:
        """Call a function's handler; the answer must survive JSON, as Lambda sends it."""
        handler: Callable[..., Any] = importlib.import_module(verb).handler
        answer: dict[str, Any] = json.loads(json.dumps(handler(event, Context())))
        return answer

    def put(self, key: str, body: bytes) -> str:
        """Upload a file; returns the message that tells of it."""
        version = client("s3").put_object(Bucket=INPUT, Key=key, Body=body)["VersionId"]
        found = {"key": key, "version-id": version}
        detail = {"bucket": {"name": INPUT}, "object": found}
        return json.dumps({"detail-type": "Object Created", "detail": detail})

    def receive(self, *bodies: str) -> dict[str, Any]:
        """Bring a batch of messages to intake, numbered from 0."""
        records = [_record(number, body) for number, body in enumerate(bodies)]
        return self.enter("intake", {"Records": records})


def _record(number: int, body: str) -> dict[str, Any]:
    return {
        "messageId": str(number),
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1772366400000"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:intake",
        "awsRegion": REGION,
    }


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A fresh account; nothing is kept from the last test."""
    with cloud() as aws:
        client("secretsmanager").create_secret(Name=SECRET, SecretString='{"api_key": "key"}')
        variables = {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
            "DARKROOM_ENVIRONMENT": "test",
            "DARKROOM_INPUT_BUCKET": INPUT,
            "DARKROOM_OUTPUT_BUCKET": OUTPUT,
            "DARKROOM_TABLE": TABLE,
            "DARKROOM_EVENT_BUS": BUS,
            "DARKROOM_STATE_MACHINE_ARN": aws.state_machine_arn,
            "DARKROOM_DEAD_LETTER_QUEUE_URL": aws.dead_letters_url,
            "DARKROOM_INTAKE_QUEUE_URL": client("sqs").create_queue(QueueName="intake")["QueueUrl"],
            "DARKROOM_SECRET_SNAPAPI": SECRET,
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        composition.ports.cache_clear()
        yield House(aws, composition.ports())
        composition.ports.cache_clear()
