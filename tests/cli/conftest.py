"""An environment that the command can speak to: its stack's outputs, and what they name."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner, Result

from darkroom.domain.order import Trigger
from darkroom.domain.task import Task
from infra.cli.dead_letters import read as letters
from infra.cli.main import main
from infra.cli.target import Target, find_target
from tests.cli.makes import make_task
from tests.fakes.moto_aws import BUS, INPUT, OUTPUT, REGION, TABLE, client, cloud
from tests.fakes.providers import PNG

SPEC = b'{"operation": "upscale", "provider": "snapapi"}'


@dataclass(frozen=True)
class Shop:
    """The environment `dev`, and who uses it."""

    target: Target
    intake_url: str
    dead_url: str
    machine: str

    def run(self, *arguments: str) -> Result:
        """The command, with both streams apart."""
        return CliRunner().invoke(main, arguments)

    def task(self, key: str = "photos/cat.jpg.json", state: Any = "failed", **changes: Any) -> Task:
        """Store a task whose spec and photo are there."""
        version = client("s3").put_object(Bucket=INPUT, Key=key, Body=SPEC)["VersionId"]
        trigger = Trigger("upload", INPUT, key, version)
        source = key.removesuffix(".json")
        client("s3").put_object(Bucket=INPUT, Key=source, Body=PNG)
        output = {"output": f"{source}/upscale", "manifest_key": f"{source}/upscale.manifest.json"}
        named = {"source": source, "trigger": trigger, **output, **changes}
        task = make_task(trigger.task_id, state, key, **named)
        previous, owner = self.tasks.latest(key), self.tasks.owner(task.output)
        self.tasks.create(task, previous=previous, owner=owner)
        return task

    @property
    def tasks(self) -> Any:
        """The task store."""
        return self.target.tasks

    def state(self, task: Task) -> str:
        """How a task stands now."""
        return str(self.tasks.get(task.task_id).state)

    def runs(self) -> set[str]:
        """The names of all runs that were started."""
        found = client("stepfunctions").list_executions(stateMachineArn=self.machine)
        return {run["name"] for run in found["executions"]}

    def bury(self, body: str, **attributes: str) -> None:
        """Put a message into the dead letters."""
        client("sqs").send_message(
            QueueUrl=self.dead_url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )

    def bodies(self, url: str) -> list[str]:
        """What is visible in a queue."""
        found = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", [])]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A fresh one; its queues answer at once when they are empty."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("DARKROOM_ENV", "dev")
    monkeypatch.setattr(letters, "WAIT_S", 0)
    with cloud() as aws:
        intake = client("sqs").create_queue(QueueName="intake")["QueueUrl"]
        outputs = {
            "InputBucket": INPUT,
            "OutputBucket": OUTPUT,
            "Table": TABLE,
            "EventBus": BUS,
            "StateMachineArn": aws.state_machine_arn,
            "DeadLetterQueueUrl": aws.dead_letters_url,
            "IntakeQueueUrl": intake,
        }
        template = {
            # A stack must have something of its own.
            "Resources": {"Any": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        client("cloudformation").create_stack(
            StackName="darkroom-dev", TemplateBody=json.dumps(template)
        )
        yield Shop(find_target("dev"), intake, aws.dead_letters_url, aws.state_machine_arn)
