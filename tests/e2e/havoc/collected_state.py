"""Collects everything that a havoc run has left, through public interfaces only.

The table, the buckets, executions with their history, events as a consumer received them, dead
letters, logs, the sandboxes' ledgers. It checks nothing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import httpx

from tests.e2e.environment_client import REGION, EnvironmentClient
from tests.e2e.havoc.recording_proxy import Exchange

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

CONSUMER: Final = "havoc-consumer"
WORK: Final = "_darkroom/work/"
"""The prefix of the providers' raw answers, which may contain result URLs."""
OTHER_LOGS: Final = frozenset({"sandboxes.log", "synthesis.log"})


@dataclass(frozen=True)
class Execution:
    """One run of the workflow; `text` is its whole history."""

    name: str
    status: str
    text: str


@dataclass
class CollectedState:
    """What was found, as it was stored; `results` is key -> bytes.

    `closed` holds the times, from and to, at which the output bucket refused writes.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    old_manifests: list[tuple[str, str]] = field(default_factory=list)
    results: dict[str, bytes] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    account_events: list[dict[str, Any]] = field(default_factory=list)
    dead_letters: list[dict[str, Any]] = field(default_factory=list)
    queued: int = 0
    ledgers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    closed: list[tuple[float, float]] = field(default_factory=list)

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """The items that are tasks."""
        return [item for item in self.items if item["pk"].startswith("task#")]

    def documents(self) -> Iterator[tuple[str, str]]:
        """Place and text of everything in which no secret may appear."""
        for item in self.items:
            yield f"item {item['pk']} {item['sk']}", json.dumps(item, default=str)
        for key, text in self.old_manifests:
            yield f"manifest {key}", text
        for run in self.executions:
            yield f"execution {run.name}", run.text
        for number, event in enumerate([*self.events, *self.account_events]):
            yield f"event {number}", json.dumps(event)
        for number, letter in enumerate(self.dead_letters):
            yield f"dead letter {number}", json.dumps(letter, default=str)
        for name, text in self.logs.items():
            yield f"log {name}", text


class Collector:
    """Collects from one environment; made before the first drop, so that it gets every event."""

    def __init__(self, client: EnvironmentClient, logs: Path) -> None:
        session = boto3.Session("local", "local", region_name=REGION)
        at = client.endpoint_url
        self._client = client
        self._logs = logs
        self._runs = session.client("stepfunctions", endpoint_url=at)
        self.bus = session.client("events", endpoint_url=at)
        self.secrets = session.client("secretsmanager", endpoint_url=at)
        resource = session.resource("dynamodb", endpoint_url=at)
        self.table: Table = resource.Table(client.outputs["Table"])
        self._consumer_url = client.sqs.create_queue(QueueName=CONSUMER)["QueueUrl"]
        client.subscribe(self._consumer_url, CONSUMER, {"source": ["darkroom"]})

    def scan(self) -> list[dict[str, Any]]:
        """Every item of the table."""
        items: list[dict[str, Any]] = []
        found = self.table.scan(ConsistentRead=True)
        items += found["Items"]
        while "LastEvaluatedKey" in found:
            found = self.table.scan(
                ConsistentRead=True, ExclusiveStartKey=found["LastEvaluatedKey"]
            )
            items += found["Items"]
        return items

    def put_secret(self, provider: str, access: Mapping[str, str]) -> None:
        """Set a provider's base URL and credentials."""
        self.secrets.put_secret_value(
            SecretId=f"darkroom/local/{provider}", SecretString=json.dumps(access)
        )

    def running(self) -> int:
        """The number of running executions."""
        return sum(run["status"] == "RUNNING" for run in self._list_runs())

    def queued(self) -> int:
        """The number of messages in the intake queue, with those being processed."""
        names: Sequence[Any] = (
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        )
        found = self._client.sqs.get_queue_attributes(
            QueueUrl=self._client.outputs["IntakeQueueUrl"], AttributeNames=names
        )
        return sum(int(found["Attributes"][name]) for name in names)

    def collect(self, exchanges: Sequence[Exchange]) -> CollectedState:
        """Read everything."""
        seen = CollectedState(items=self.scan(), queued=self.queued(), exchanges=list(exchanges))
        self._read_outputs(seen)
        for run in self._list_runs():
            seen.executions.append(self._read_run(run["executionArn"]))
        for message in self._drain(self._consumer_url):
            event = json.loads(message["Body"])
            (seen.events if "task_id" in event["detail"] else seen.account_events).append(event)
        seen.dead_letters += self._drain(self._client.outputs["DeadLetterQueueUrl"])
        for provider, access in self._client.sandboxes.items():
            ledger = httpx.get(f"{access['base_url']}/_sandbox/ledger", timeout=30).json()
            seen.ledgers[provider] = ledger["entries"]
        for log in self._logs.glob("**/*.log"):
            if log.name not in OTHER_LOGS:
                seen.logs[log.name] = log.read_text(errors="replace")
        return seen

    def _list_runs(self) -> list[Any]:
        arn = self._client.outputs["StateMachineArn"]
        pages = self._runs.get_paginator("list_executions").paginate(stateMachineArn=arn)
        return [run for page in pages for run in page["executions"]]

    def _read_run(self, arn: str) -> Execution:
        whole = self._runs.describe_execution(executionArn=arn)
        pages = self._runs.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [event for page in pages for event in page["events"]]
        shown = {key: whole.get(key) for key in ("input", "output", "error", "cause")}
        text = json.dumps([shown, *events], default=str)
        return Execution(whole["name"], whole["status"], text)

    def _read_outputs(self, seen: CollectedState) -> None:
        bucket = self._client.outputs["OutputBucket"]
        pages = self._client.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        for version in (one for page in pages for one in page.get("Versions", [])):
            key = version["Key"]
            manifest = key.endswith(".manifest.json")
            if key.startswith(WORK) or not (manifest or version["IsLatest"]):
                continue
            got = self._client.s3.get_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
            body = got["Body"].read()
            if manifest:
                seen.old_manifests.append((key, body.decode()))
            if version["IsLatest"]:
                _keep(seen, key, body, manifest=manifest)

    def _drain(self, url: str) -> list[dict[str, Any]]:
        found: list[Mapping[str, Any]] = []
        while got := self._client.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in got:
                self._client.sqs.delete_message(
                    QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]
                )
            found += got
        return [dict(message) for message in found]


def _keep(seen: CollectedState, key: str, body: bytes, *, manifest: bool) -> None:
    if manifest:
        seen.manifests[key] = json.loads(body)
    else:
        seen.results[key] = body
