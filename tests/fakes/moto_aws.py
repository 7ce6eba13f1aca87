"""AWS inside the test's own process, by moto: buckets, table, queue, bus and state machine.

The table and the buckets are made as the stack makes them.
"""

import functools
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto import mock_aws

from darkroom.aws.dynamodb_indexes import INDEXES, Index
from infra.local.moto_patches import (
    faster_requests,
    faster_tables,
    quick_import,  # noqa: F401 - quick to import
    transactions,
)
from infra.local.moto_patches.patch import applied

REGION = "eu-central-1"
INPUT, OUTPUT, TABLE, BUS = "darkroom-input", "darkroom-output", "darkroom-test", "darkroom-bus"
_ROLE = "arn:aws:iam::123456789012:role/runs"
_RULES = {"EventPattern": json.dumps({"source": ["darkroom"]}), "State": "ENABLED"}


@dataclass(frozen=True)
class Cloud:
    """What the stack's outputs name.

    Attributes:
        watch_url: a queue that receives every event of the bus.
    """

    state_machine_arn: str
    dead_letters_url: str
    watch_url: str

    def letters(self, url: str) -> list[dict[str, Any]]:
        """The messages of a queue, with their attributes."""
        answer = client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return list(answer.get("Messages", []))


@contextmanager
def cloud(*, versioned: bool = True) -> Iterator[Cloud]:
    """A fresh account with everything in it."""
    with _account():
        _make_buckets(versioned=versioned)
        _make_table()
        dead = client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
        watch = client("sqs").create_queue(QueueName="watch")["QueueUrl"]
        _make_bus(watch)
        yield Cloud(_make_machine(), dead, watch)


@contextmanager
def cloud_table() -> Iterator[None]:
    """A fresh account with the task table alone."""
    with _account():
        _make_table()
        yield


@contextmanager
def cloud_buckets(*, versioned: bool = True) -> Iterator[None]:
    """A fresh account with the two buckets alone."""
    with _account():
        _make_buckets(versioned=versioned)
        yield


@contextmanager
def _account() -> Iterator[None]:
    with mock_aws(), ExitStack() as undo:
        # Otherwise each transaction copies the whole table: minutes for some hundred tasks.
        for patch in (
            *transactions.patches(),
            *faster_tables.patches(),
            faster_requests.faster_responses(),
        ):
            undo.enter_context(applied(patch))
        yield


@functools.cache
def session() -> boto3.Session:
    """One session for all tests: reading the services' models is what takes time."""
    return boto3.Session("testing", "testing", region_name=REGION)


@functools.cache
def client(service: str) -> Any:
    """One client of each service for all tests; it keeps nothing."""
    return session().client(service)  # type: ignore[call-overload]


@functools.cache
def table() -> Any:
    """The task table."""
    return session().resource("dynamodb").Table(TABLE)


def _make_buckets(*, versioned: bool) -> None:
    s3 = client("s3")
    for name in (INPUT, OUTPUT):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def _make_table() -> None:
    of_indexes = [name for index in INDEXES.values() for name in (index.partition, index.sort)]
    names = dict.fromkeys(["pk", "sk", *of_indexes])
    client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in names],
        KeySchema=_keys("pk", "sk"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": name,
                "KeySchema": _keys(index.partition, index.sort),
                "Projection": _projection(index),
            }
            for name, index in INDEXES.items()
        ],
    )


def _projection(index: Index) -> Any:
    if not index.shows:
        return {"ProjectionType": "KEYS_ONLY"}
    return {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.shows)}


def _keys(partition: str, sort: str) -> Any:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


def _make_bus(queue_url: str) -> None:
    events = client("events")
    events.create_event_bus(Name=BUS)
    events.put_rule(Name="all", EventBusName=BUS, **_RULES)
    arn = client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])[
        "Attributes"
    ]["QueueArn"]
    events.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "watch", "Arn": arn}])


def _make_machine() -> str:
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    machine = client("stepfunctions").create_state_machine(
        name="runs", definition=json.dumps(definition), roleArn=_ROLE
    )
    return str(machine["stateMachineArn"])
