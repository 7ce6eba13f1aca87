"""What runs, events and dead letters promise, in memory and on AWS."""

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
class Bench:
    """Three ports, and what came of using them."""

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
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Nothing started, published or dead."""
    if request.param == "in memory":
        yield _in_memory()
        return
    with cloud() as aws:
        yield _on_aws(aws)


def _in_memory() -> Bench:
    workflows, events, dead = RecordingWorkflows(), RecordingEvents(), RecordingDeadLetters()
    errands = RecordingErrands()
    return Bench(
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


def _on_aws(aws: Cloud) -> Bench:
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
            (letter["Body"], told["reason"]["StringValue"], told[FIRST_ID_ATTRIBUTE]["StringValue"])
            for letter in aws.letters(aws.dead_letters_url)
            if (told := letter["MessageAttributes"])
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

    return Bench(
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


def test_a_run_that_is_started_twice_is_one_run(bench: Bench) -> None:
    """Its name is the task's and the run's; another run is another."""
    for run in (1, 1, 2):
        bench.workflows.start("ab" * 16, run)

    assert sorted(bench.runs()) == [f"{'ab' * 16}-1", f"{'ab' * 16}-2"]


def test_a_run_is_running_until_it_has_ended(bench: Bench) -> None:
    """One that was never started is neither; each is asked about by itself."""
    task_id = "ab" * 16
    for run in (1, 2):
        bench.workflows.start(task_id, run)
    bench.stop(task_id, 1)

    status = bench.workflows.status
    assert [status(task_id, run) for run in (1, 2, 3)] == ["ended", "running", "none"]


def test_an_event_arrives_as_it_was_published(bench: Bench) -> None:
    """Kind and detail, whatever characters are in it."""
    detail = {"task_id": "1", "results": ["a ü😀.png"], "cost": {"usd": 0.5, "credits": None}}
    bench.events.publish("Task Succeeded", detail)

    assert bench.published() == [("Task Succeeded", detail)]


def test_a_dead_letter_keeps_its_body_and_its_reason(bench: Bench) -> None:
    """All as they are, and the id that its sender was given."""
    bench.dead_letters.put("{not json 😀", "The message is not JSON.", "m-1")

    assert bench.letters() == [("{not json 😀", "The message is not JSON.", "m-1")]


def test_all_errands_are_sent(bench: Bench) -> None:
    """More than one call takes; none is no call."""
    bodies = [f'{{"release": "a.png", "tasks": "{digit}"}}' for digit in "0123456789abcdef"]
    bench.errands.send([])
    bench.errands.send(bodies)

    assert sorted(bench.sent()) == sorted(bodies)
