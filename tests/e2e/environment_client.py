"""A client of a running local environment: drops files, waits for manifests, reads ledgers."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import boto3
import httpx

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

REGION = "us-east-1"
PHOTOS = Path(__file__).parents[2] / "events" / "photos"
TIMEOUT_S = 90.0
POLL_INTERVAL_S = 0.2
STOPS_WITHIN_S = 10.0


@contextmanager
def open_environment(
    folder: Path, stderr: IO[str] | None = None, beside: Sequence[str] = ()
) -> Iterator["EnvironmentClient"]:
    """Start a local environment in its own process; its sandboxes' jobs take half a second.

    Its logs are in `folder`; `stderr` gets what the process writes to stderr. `beside`: names of
    environments in the same account.
    """
    command = [sys.executable, str(Path(__file__).parent / "serve.py"), str(folder), *beside]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        where = json.loads(process.stdout.readline())
        session = boto3.Session("local", "local", region_name=REGION)
        yield EnvironmentClient(
            endpoint_url=where["endpoint_url"],
            outputs=where["outputs"],
            outputs_beside=where["outputs_beside"],
            sandboxes=where["sandboxes"],
            s3=session.client("s3", endpoint_url=where["endpoint_url"]),
            sqs=session.client("sqs", endpoint_url=where["endpoint_url"]),
            pid=process.pid,
            logs=folder / "logs",
        )
        process.stdin.close()
        try:
            assert process.wait(STOPS_WITHIN_S) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # it writes its threads' stacks to stderr
            raise


@dataclass(frozen=True)
class EnvironmentClient:
    """One running environment, used from outside."""

    endpoint_url: str
    outputs: dict[str, str]
    sandboxes: dict[str, dict[str, str]]
    s3: "S3Client"
    sqs: "SQSClient"
    pid: int
    """The process that serves the environment; the functions' processes are its children."""
    logs: Path
    """The folder of the logs: the functions', and what was granted, used and denied."""
    outputs_beside: Mapping[str, dict[str, str]] = field(default_factory=dict)
    name: str = "local"

    def beside(self, name: str) -> "EnvironmentClient":
        """The client of an environment in the same account."""
        return replace(self, outputs=self.outputs_beside[name], outputs_beside={}, name=name)

    def spoil_key(self, provider: str) -> None:
        """Replace this environment's credentials at a provider by some that it refuses."""
        session = boto3.Session("local", "local", region_name=REGION)
        secrets = session.client("secretsmanager", endpoint_url=self.endpoint_url)
        refused = dict.fromkeys(self.sandboxes[provider], "refused")
        held = json.dumps({**refused, "base_url": self.sandboxes[provider]["base_url"]})
        secrets.put_secret_value(SecretId=f"darkroom/{self.name}/{provider}", SecretString=held)

    def drop(self, key: str, body: bytes | dict[str, Any] | str) -> str:
        """Upload bytes, a JSON document, or a sample photo by its name; returns the version id."""
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        elif isinstance(body, str):
            body = (PHOTOS / body).read_bytes()
        put = self.s3.put_object(Bucket=self.outputs["InputBucket"], Key=key, Body=body)
        return put["VersionId"]

    def order(self, photo: str, **spec: Any) -> str:
        """Drop a photo and its spec; returns where the results' names begin."""
        self.drop(photo, "chelsea.jpg")
        self.drop(f"{photo}.json", spec)
        return f"{photo}/{spec['operation']}"

    def manifest(self, output: str) -> dict[str, Any]:
        """Wait for a manifest."""
        found: dict[str, Any] = json.loads(self.result(f"{output}.manifest.json"))
        return found

    def result(self, key: str) -> bytes:
        """Wait for an object of the output bucket."""
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            if key in self.keys(key):
                answer = self.s3.get_object(Bucket=self.outputs["OutputBucket"], Key=key)
                return answer["Body"].read()
            self.pause()
        existing = "\n".join(self.keys(key.split("/", maxsplit=1)[0]))
        raise AssertionError(f"{key} did not appear within {TIMEOUT_S} s; these exist:\n{existing}")

    def keys(self, prefix: str) -> list[str]:
        """The keys of the output bucket with a prefix."""
        listed = self.s3.list_objects_v2(Bucket=self.outputs["OutputBucket"], Prefix=prefix)
        return [found["Key"] for found in listed.get("Contents", [])]

    def pause(self) -> None:
        """Wait a moment: each request takes time from the environment."""
        time.sleep(POLL_INTERVAL_S)

    def versions(self, key: str) -> int:
        """The number of versions of an object of the output bucket."""
        listed = self.s3.list_object_versions(Bucket=self.outputs["OutputBucket"], Prefix=key)
        return len([v for v in listed.get("Versions", []) if v["Key"] == key])

    def send(self, message: dict[str, Any] | str) -> None:
        """Send a message to the intake queue, as a backend does."""
        body = message if isinstance(message, str) else json.dumps(message)
        self.sqs.send_message(QueueUrl=self._queue("IntakeQueueUrl"), MessageBody=body)

    def subscribe(self, queue_url: str, rule: str, pattern: dict[str, Any]) -> None:
        """Send the events of the stack's bus that match the pattern to a queue, by a new rule.

        The queue's policy lets that rule in, as on AWS it must.
        """
        got = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        queue = got["Attributes"]["QueueArn"]
        bus = self.outputs["EventBus"]
        session = boto3.Session("local", "local", region_name=REGION)
        events = session.client("events", endpoint_url=self.endpoint_url)
        made = events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps(pattern))
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": made["RuleArn"]}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})
        events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": rule, "Arn": queue}])

    def dead_letter(self) -> tuple[str, str]:
        """Wait for a message in the dead-letter queue and delete it; its (body, reason)."""
        url = self._queue("DeadLetterQueueUrl")
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            answer = self.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])
            for message in answer.get("Messages", []):
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                return message["Body"], message["MessageAttributes"]["reason"]["StringValue"]
            self.pause()
        raise AssertionError("no dead letter came")

    def charges(self, provider: str) -> int:
        """The number of charges of the provider without a refund so far."""
        kinds = [entry["kind"] for entry in self._ledger(provider)]
        return kinds.count("charge") - kinds.count("refund")

    def credits(self, provider: str) -> float:
        """The credits that the provider has charged and not refunded so far."""
        signs = {"charge": 1, "refund": -1}
        return sum(signs[one["kind"]] * float(one["credits"]) for one in self._ledger(provider))

    def fault(
        self, provider: str, path: str, do: dict[str, Any], times: int = 1, method: str = "POST"
    ) -> None:
        """Let the provider's sandbox fail the next requests to a path."""
        rule = {"match": {"method": method, "path": path}, "do": do, "times": times}
        httpx.post(f"{self._sandbox(provider)}/_sandbox/faults", json=[rule]).raise_for_status()

    def _ledger(self, provider: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self._sandbox(provider)}/_sandbox/ledger")
        entries: list[dict[str, Any]] = answer.json()["entries"]
        return entries

    def _sandbox(self, provider: str) -> str:
        return self.sandboxes[provider]["base_url"]

    def _queue(self, output: str) -> str:
        return self.outputs[output]
