"""What runs, events, dead letters and errands promise, in memory and on AWS."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from darkroom.aws.event_bridge import EventBridgeEvents
from darkroom.aws.sqs import SqsDeadLetters, SqsErrands
from darkroom.aws.step_functions import StepFunctionsWorkflows
from darkroom.domain.arrivals import FIRST_ID_ATTRIBUTE
from darkroom.ports import DeadLetters, Errands, Events, Workflows
from tests.fakes.moto_aws import BUS, Cloud, client, cloud
from tests.fakes.recorders import (
    RecordingDeadLetters,
    RecordingErrands,
    RecordingEvents,
    RecordingWorkflows,
)


@dataclass(frozen=True)
class ProviderHarness:
    """The ports, and what their calls have done."""

    workflows: Workflows
    runs: Callable[[], list[str]]
    stop: Callable[[str, int], object]
    events: Events
    published: Callable[[], list[tuple[str, Any]]]
    dead_letters: DeadLetters
    letters: Callable[[], list[tuple[str, str, str]]]
    errands: Errands
    sent: Callable[[], list[str]]


@pytest.fixture(params=["in memory", "AWS"])
def harness(request: pytest.FixtureRequest) -> Iterator[ProviderHarness]:
    """Nothing was started, published or sent."""
    if request.param == "in memory":
        yield _in_memory()
        return
    with cloud() as aws:
        yield _on_aws(aws)


def _in_memory() -> ProviderHarness:
    workflows, events, dead = RecordingWorkflows(), RecordingEvents(), RecordingDeadLetters()
    errands = RecordingErrands()
    return ProviderHarness(
        workflows,
        lambda: [f"{task}-{run}" for task, run in workflows.started],
        lambda task, run: workflows.ended.add((task, run)),
        events,
        lambda: [(e.kind, e.detail) for e in events.published],
        dead,
        lambda: [(letter.body, letter.reason, letter.message_id) for letter in dead.letters],
        errands,
        lambda: list(errands.take()),
    )


def _on_aws(aws: Cloud) -> ProviderHarness:
    def runs() -> list[str]:
        listed = client("stepfunctions").list_executions(stateMachineArn=aws.state_machine_arn)
        return [one["name"] for one in listed["executions"]]

    def stop(task_id: str, run: int) -> object:
        machine = aws.state_machine_arn.replace(":stateMachine:", ":execution:")
        return client("stepfunctions").stop_execution(executionArn=f"{machine}:{task_id}-{run}")

    def published() -> list[tuple[str, Any]]:
        bodies = [json.loads(letter["Body"]) for letter in aws.letters(aws.watch_url)]
        return [(body["detail-type"], body["detail"]) for body in bodies]

    def letters() -> list[tuple[str, str, str]]:
        return [
            (
                letter["Body"],
                attributes["reason"]["StringValue"],
                attributes[FIRST_ID_ATTRIBUTE]["StringValue"],
            )
            for letter in aws.letters(aws.dead_letters_url)
            if (attributes := letter["MessageAttributes"])
        ]

    queue_url = client("sqs").create_queue(QueueName="intake")["QueueUrl"]

    def sent() -> list[str]:
        found: list[str] = []
        while letters := aws.letters(queue_url):
            found += [letter["Body"] for letter in letters]
            for letter in letters:
                client("sqs").delete_message(
                    QueueUrl=queue_url, ReceiptHandle=letter["ReceiptHandle"]
                )
        return found

    return ProviderHarness(
        StepFunctionsWorkflows(lambda: client("stepfunctions"), aws.state_machine_arn),
        runs,
        stop,
        EventBridgeEvents(lambda: client("events"), BUS),
        published,
        SqsDeadLetters(lambda: client("sqs"), aws.dead_letters_url),
        letters,
        SqsErrands(lambda: client("sqs"), queue_url),
        sent,
    )


def test_run_that_is_started_twice_is_one_run(harness: ProviderHarness) -> None:
    """Its name is made of task and run; another run has another name."""
    for run in (1, 1, 2):
        harness.workflows.start("ab" * 16, run)

    assert sorted(harness.runs()) == [f"{'ab' * 16}-1", f"{'ab' * 16}-2"]


def test_run_is_running_until_it_ends(harness: ProviderHarness) -> None:
    """A run that was never started is not running."""
    task_id = "ab" * 16
    for run in (1, 2):
        harness.workflows.start(task_id, run)
    harness.stop(task_id, 1)

    status = harness.workflows.status
    assert [status(task_id, run) for run in (1, 2, 3)] == ["ended", "running", "none"]


def test_event_arrives_as_published(harness: ProviderHarness) -> None:
    """Kind and detail, with any characters."""
    detail = {"task_id": "1", "results": ["a ü😀.png"], "cost": {"usd": 0.5, "credits": None}}
    harness.events.publish("Task Succeeded", detail)

    assert harness.published() == [("Task Succeeded", detail)]


def test_dead_letter_keeps_its_body_and_reason(harness: ProviderHarness) -> None:
    """And the id that its sender received."""
    harness.dead_letters.put("{not json 😀", "The message is not JSON.", "m-1")

    assert harness.letters() == [("{not json 😀", "The message is not JSON.", "m-1")]


def test_all_errands_are_sent(harness: ProviderHarness) -> None:
    """More than one call can take; no errands make no call."""
    bodies = [f'{{"release": "a.png", "tasks": "{digit}"}}' for digit in "0123456789abcdef"]
    harness.errands.send([])
    harness.errands.send(bodies)

    assert sorted(harness.sent()) == sorted(bodies)
