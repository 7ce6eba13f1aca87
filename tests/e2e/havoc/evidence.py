"""Everything that is left of a havoc run once it has come to rest, read through public doors.

Tables and buckets as they are, executions with their whole history, events as a consumer saw
them, dead letters, logs, the sandboxes' ledgers. It judges nothing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import httpx

from tests.e2e.havoc.wire import Exchange
from tests.e2e.shop import REGION, Shop

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

CONSUMER: Final = "havoc-consumer"
WORK: Final = "_darkroom/work/"
"""What the product keeps on its way; it may hold answers with their addresses, and says so."""
NO_LOGS_OF_OURS: Final = frozenset({"sandboxes.log", "synthesis.log"})


@dataclass(frozen=True)
class Execution:
    """One run of the workflow, with all that Step Functions remembers of it."""

    name: str
    status: str
    said: str


@dataclass
class Evidence:
    """What was found. Texts are as they were stored; `results` holds key -> bytes.

    `closed` tells from when to when the output bucket took no writes, by the wall clock.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    old_manifests: list[tuple[str, str]] = field(default_factory=list)
    results: dict[str, bytes] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    dead_letters: list[dict[str, Any]] = field(default_factory=list)
    queued: int = 0
    ledgers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    closed: list[tuple[float, float]] = field(default_factory=list)

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """The items that are tasks."""
        return [item for item in self.items if item["sk"] == "task"]

    def documents(self) -> Iterator[tuple[str, str]]:
        """Place and text of everything in which no secret may stand."""
        for item in self.items:
            yield f"item {item['pk']} {item['sk']}", json.dumps(item, default=str)
        for key, text in self.old_manifests:
            yield f"manifest {key}", text
        for run in self.executions:
            yield f"execution {run.name}", run.said
        for number, event in enumerate(self.events):
            yield f"event {number}", json.dumps(event)
        for number, letter in enumerate(self.dead_letters):
            yield f"dead letter {number}", json.dumps(letter, default=str)
        for name, text in self.logs.items():
            yield f"log {name}", text


class Witness:
    """Looks at one environment; made before anything is dropped, so that it hears every event."""

    def __init__(self, shop: Shop, logs: Path) -> None:
        session = boto3.Session("local", "local", region_name=REGION)
        at = shop.endpoint_url
        self._shop = shop
        self._logs = logs
        self._runs = session.client("stepfunctions", endpoint_url=at)
        self.bus = session.client("events", endpoint_url=at)
        self.secrets = session.client("secretsmanager", endpoint_url=at)
        resource = session.resource("dynamodb", endpoint_url=at)
        self.table: Table = resource.Table(shop.outputs["Table"])
        self._heard = shop.sqs.create_queue(QueueName=CONSUMER)["QueueUrl"]
        self._listen(shop.outputs["EventBus"])

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
        """Say where a provider is, and with which credentials."""
        self.secrets.put_secret_value(
            SecretId=f"darkroom/local/{provider}", SecretString=json.dumps(access)
        )

    def running(self) -> int:
        """How many executions have not ended."""
        return sum(run["status"] == "RUNNING" for run in self._list_runs())

    def queued(self) -> int:
        """How many messages the intake queue holds, those in work included."""
        names: Sequence[Any] = (
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        )
        found = self._shop.sqs.get_queue_attributes(
            QueueUrl=self._shop.outputs["IntakeQueueUrl"], AttributeNames=names
        )
        return sum(int(found["Attributes"][name]) for name in names)

    def gather(self, exchanges: Sequence[Exchange]) -> Evidence:
        """Read everything."""
        seen = Evidence(items=self.scan(), queued=self.queued(), exchanges=list(exchanges))
        self._read_outputs(seen)
        for run in self._list_runs():
            seen.executions.append(self._read_run(run["executionArn"]))
        seen.events += [json.loads(m["Body"]) for m in self._drain(self._heard)]
        seen.dead_letters += self._drain(self._shop.outputs["DeadLetterQueueUrl"])
        for provider, access in self._shop.sandboxes.items():
            ledger = httpx.get(f"{access['base_url']}/_sandbox/ledger", timeout=30).json()
            seen.ledgers[provider] = ledger["entries"]
        for log in self._logs.glob("**/*.log"):
            if log.name not in NO_LOGS_OF_OURS:
                seen.logs[log.name] = log.read_text(errors="replace")
        return seen

    def _listen(self, bus: str) -> None:
        arn = self._shop.sqs.get_queue_attributes(
            QueueUrl=self._heard, AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"]
        self.bus.put_rule(Name=CONSUMER, EventBusName=bus, EventPattern='{"source": ["darkroom"]}')
        self.bus.put_targets(
            Rule=CONSUMER, EventBusName=bus, Targets=[{"Id": CONSUMER, "Arn": arn}]
        )

    def _list_runs(self) -> list[Any]:
        arn = self._shop.outputs["StateMachineArn"]
        pages = self._runs.get_paginator("list_executions").paginate(stateMachineArn=arn)
        return [run for page in pages for run in page["executions"]]

    def _read_run(self, arn: str) -> Execution:
        whole = self._runs.describe_execution(executionArn=arn)
        pages = self._runs.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [event for page in pages for event in page["events"]]
        shown = {key: whole.get(key) for key in ("input", "output", "error", "cause")}
        said = json.dumps([shown, *events], default=str)
        return Execution(whole["name"], whole["status"], said)

    def _read_outputs(self, seen: Evidence) -> None:
        bucket = self._shop.outputs["OutputBucket"]
        pages = self._shop.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        for version in (one for page in pages for one in page.get("Versions", [])):
            key = version["Key"]
            manifest = key.endswith(".manifest.json")
            if key.startswith(WORK) or not (manifest or version["IsLatest"]):
                continue
            got = self._shop.s3.get_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
            body = got["Body"].read()
            if manifest:
                seen.old_manifests.append((key, body.decode()))
            if version["IsLatest"]:
                _keep(seen, key, body, manifest=manifest)

    def _drain(self, url: str) -> list[dict[str, Any]]:
        found: list[Mapping[str, Any]] = []
        while got := self._shop.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in got:
                self._shop.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found += got
        return [dict(message) for message in found]


def _keep(seen: Evidence, key: str, body: bytes, *, manifest: bool) -> None:
    if manifest:
        seen.manifests[key] = json.loads(body)
    else:
        seen.results[key] = body
