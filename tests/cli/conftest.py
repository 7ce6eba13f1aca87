"""The environment `dev` for the command, on moto: the stack's outputs and what they name."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner, Result

from darkroom.domain.order import Trigger
from darkroom.domain.task import Task
from infra.cli import target
from infra.cli.commands import keys
from infra.cli.dead_letters import sqs
from infra.cli.doctor import examine
from infra.cli.main import main
from infra.cli.target import Target, find_target
from tests.cli.factories import make_task
from tests.cli.rights import NotedRights
from tests.fakes.moto_aws import BUS, INPUT, OUTPUT, REGION, TABLE, client, cloud, session
from tests.fakes.providers import PNG

OF_USERS = frozenset(
    {
        *("batch", "costs", "explain", "get", "prices", "providers"),
        *("put", "report", "status", "styles", "validate", "watch"),
    }
)
"""The commands that the users' policy is for; the others are for operators."""
DOES_WITHOUT = {"secretsmanager:GetSecretValue"}
"""To see which providers have a key; a user's commands do their work where that is denied."""
SPEC = b'{"operation": "upscale", "provider": "snapapi"}'


@dataclass(frozen=True)
class MotoEnvironment:
    """The environment `dev`, on moto."""

    target: Target
    intake_url: str
    dead_url: str
    machine: str
    rights: NotedRights

    def run(self, *arguments: str) -> Result:
        """Run the command; stdout and stderr are separate. It needs no more than its policy has."""
        self.rights.actions.clear()
        result = CliRunner().invoke(main, arguments)
        assert self.rights.beyond("operators") == set(), arguments
        if arguments[0] in OF_USERS:
            assert self.rights.beyond("users") <= DOES_WITHOUT, arguments
        return result

    def add_task(
        self, key: str = "photos/cat.jpg.json", state: Any = "failed", **changes: Any
    ) -> Task:
        """Store a task, and put its spec and photo into the input bucket."""
        version = client("s3").put_object(Bucket=INPUT, Key=key, Body=SPEC)["VersionId"]
        trigger = Trigger("upload", INPUT, key, version)
        source = key.removesuffix(".json")
        client("s3").put_object(Bucket=INPUT, Key=source, Body=PNG)
        output = {"output": f"{source}/upscale", "manifest_key": f"{source}/upscale.manifest.json"}
        fields = {"source": source, "trigger": trigger, **output, **changes}
        task = make_task(trigger.task_id, state, key, **fields)
        previous, owner = self.tasks.latest(key), self.tasks.owner(task.output)
        self.tasks.create(task, previous=previous, owner=owner)
        return task

    @property
    def tasks(self) -> Any:
        """The task store."""
        return self.target.tasks

    def state(self, task: Task) -> str:
        """The stored state of a task."""
        return str(self.tasks.get(task.task_id).state)

    def runs(self) -> set[str]:
        """The names of all runs that were started."""
        listing = client("stepfunctions").list_executions(stateMachineArn=self.machine)
        return {run["name"] for run in listing["executions"]}

    def add_dead_letter(self, body: str, **attributes: str) -> None:
        """Put a message into the dead-letter queue."""
        client("sqs").send_message(
            QueueUrl=self.dead_url,
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )

    def visible_bodies(self, url: str) -> list[str]:
        """The bodies of the messages that are visible in a queue."""
        response = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in response.get("Messages", [])]


@pytest.fixture(autouse=True)
def rights(monkeypatch: pytest.MonkeyPatch) -> Iterator[NotedRights]:
    """What the command asks AWS for; no operator needs more than the operators' policy."""
    noted = NotedRights()
    opened = noted.watch(target.open_session)
    for module in (target, examine, keys):
        monkeypatch.setattr(module, "open_session", opened)
    yield noted
    assert noted.beyond("operators") == set()


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch, rights: NotedRights) -> Iterator[MotoEnvironment]:
    """A new environment; an empty queue answers at once."""
    with _moto_environment(monkeypatch, rights, versioned=True) as environment:
        yield environment


@pytest.fixture
def unversioned_env(
    monkeypatch: pytest.MonkeyPatch, rights: NotedRights
) -> Iterator[MotoEnvironment]:
    """A new environment whose buckets are not versioned: the same spec is the same task."""
    with _moto_environment(monkeypatch, rights, versioned=False) as environment:
        yield environment


@contextmanager
def _moto_environment(
    monkeypatch: pytest.MonkeyPatch, rights: NotedRights, *, versioned: bool
) -> Iterator[MotoEnvironment]:
    use_test_account(monkeypatch)
    monkeypatch.setattr(sqs, "WAIT_S", 0)
    with cloud(versioned=versioned) as aws:
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
        create_stack(outputs)
        yield MotoEnvironment(
            find_target("dev"), intake, aws.dead_letters_url, aws.state_machine_arn, rights
        )


def use_test_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command use the environment `dev` of an account without real credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DARKROOM_ENV", "dev")


def create_stack(outputs: Mapping[str, str], region: str = REGION) -> None:
    """Create the stack of `dev` with these outputs."""
    template = {
        # A stack must have at least one resource.
        "Resources": {"Any": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    session().client("cloudformation", region_name=region).create_stack(
        StackName="darkroom-dev", TemplateBody=json.dumps(template)
    )
