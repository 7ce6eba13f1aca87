"""Answers that are rare: a run that is being redriven, a version that is gone, a silent bus."""

import io
from typing import Any

import pytest

from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.aws.event_bridge import EventBridgeEvents
from darkroom.aws.s3 import S3Inputs
from darkroom.aws.step_functions import StepFunctionsWorkflows
from darkroom.domain.errors import Busy, DarkroomError, InputRefused
from tests.aws.line import Answer, Line, Request
from tests.fakes.moto_aws import INPUT, cloud, session, table
from tests.fakes.task_factory import sample_task

MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:runs"


def _client(service: Any, line: Line) -> Any:
    return line.listen(session().client(service))


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("RUNNING", "running"),
        ("PENDING_REDRIVE", "running"),
        ("SUCCEEDED", "ended"),
        ("FAILED", "ended"),
        ("TIMED_OUT", "ended"),
        ("ABORTED", "ended"),
    ],
)
def test_a_run_that_somebody_redrives_is_alive(status: str, told: str) -> None:
    """A second run beside it would be two; the name asked for is the run's own."""
    line = Line(answers=lambda _: Answer({"status": status}))
    workflows = StepFunctionsWorkflows(lambda: _client("stepfunctions", line), MACHINE)

    assert workflows.status("0" * 32, 3) == told
    (request,) = line.sent
    assert request.body["executionArn"] == (
        f"arn:aws:states:eu-central-1:123456789012:execution:runs:{'0' * 32}-3"
    )


def test_a_bus_that_takes_nothing_and_says_nothing_is_busy() -> None:
    """The next try says it again."""
    line = Line(answers=lambda _: Answer({"FailedEntryCount": 1, "Entries": [{}]}))
    events = EventBridgeEvents(lambda: _client("events", line), "bus")

    with pytest.raises(Busy) as caught:
        events.publish("Task Failed", {"a": "ä"})
    assert caught.value.failure.code == "event-not-taken"
    assert "'Task Failed' (unknown)" in caught.value.failure.sentence
    (entry,) = line.sent[0].body["Entries"]
    assert entry == {
        "EventBusName": "bus",
        "Source": "darkroom",
        "DetailType": "Task Failed",
        "Detail": '{"a": "ä"}',
    }


def test_a_version_that_was_deleted_is_told_with_what_to_do() -> None:
    """Its task cannot be done any more, whoever tries it."""
    line = Line(answers=lambda _: Answer({}, 404, "NoSuchVersion"))
    inputs = S3Inputs(_client("s3", line), INPUT)
    with pytest.raises(InputRefused) as caught, inputs.open("a/cat.jpg", "v1"):
        pass
    told = caught.value.failure
    assert told.code == "input-gone"
    assert told.sentence == "The version of a/cat.jpg that this task is about was deleted."
    assert told.next_step == "Upload the file and the spec again."


def test_why_a_file_is_not_shown_is_asked_with_its_first_byte() -> None:
    """An answer to a HEAD gives no reason; the whole file is not wanted for one."""

    def said(request: Request) -> Answer:
        if request.operation == "HeadObject":
            return Answer({}, 400, "400")
        return Answer({"Body": io.BytesIO(b"x")}, 400, "InvalidRequest")

    line = Line(answers=said)
    with pytest.raises(DarkroomError):
        S3Inputs(_client("s3", line), INPUT).find("a/cat.jpg")
    assert line.sent[1].headers["Range"] == "bytes=0-0"


def test_what_needs_attention_is_shown_newest_first_over_all_shards() -> None:
    """However the tasks were spread, and no more of them than asked for."""
    with cloud():
        tasks = DynamoTasks(table())
        made = [sample_task(number, "failed") for number in (3, 1, 4, 2, 5)]
        for age, task in enumerate(made):
            at = task.updated_at.replace(hour=11 - age)
            aged = sample_task(int(task.task_id[:4], 16), "failed", updated_at=at)
            tasks.create(aged, previous=None, owner=None)
        shown = [task.task_id for task in tasks.needing_attention(3)]
    assert shown == [task.task_id for task in made[:3]]


def test_a_run_is_begun_with_nothing_but_its_task_and_its_number() -> None:
    """The workflow's doors read both; anything else would be in its history for months."""
    line = Line(answers=lambda _: Answer({"executionArn": "arn", "startDate": 0}))
    StepFunctionsWorkflows(lambda: _client("stepfunctions", line), MACHINE).start("0" * 32, 3)

    (request,) = line.sent
    assert request.body == {
        "stateMachineArn": MACHINE,
        "name": f"{'0' * 32}-3",
        "input": f'{{"task_id": "{"0" * 32}", "run": 3}}',
    }
