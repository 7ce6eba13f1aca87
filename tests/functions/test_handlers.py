"""Each function translates: an event comes in, one use case is called, a small answer goes out."""

import importlib
import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom.domain.arrivals import FIRST_ID_ATTRIBUTE
from darkroom.domain.task import Task
from darkroom.pipeline.intake import MAX_TRIES
from darkroom.pipeline.release import MAX_BATCH
from tests.fakes.moto_aws import TABLE, client, table
from tests.fakes.providers import PNG
from tests.fakes.task_factory import sample_task
from tests.functions.conftest import House

STEPS = ("submit", "poll", "deliver", "fail")
SPEC = b'{"operation": "remove-background", "provider": "snapapi"}'


def _task_of(house: House, key: str) -> Task:
    task = house.ports.tasks.get(house.ports.tasks.latest(key) or "")
    assert task
    return task


def _events(house: House) -> list[dict[str, Any]]:
    return [json.loads(letter["Body"]) for letter in house.cloud.letters(house.cloud.watch_url)]


@pytest.mark.parametrize("verb", STEPS)
def test_step_answers_with_next_step_and_wait(house: House, verb: str) -> None:
    """Nothing else travels in the workflow; a missing task is done."""
    answer = house.enter(verb, {"task_id": "0" * 32, "run": 1, "step": {"next": "x"}})

    assert answer == {"next": "done", "wait_s": 0}


@pytest.mark.parametrize("verb", [*STEPS, "intake", "sweep"])
def test_metrics_name_their_environment(house: House, verb: str) -> None:
    """Several environments in one account and region share the namespace and the names."""
    importlib.import_module(verb)  # its logger keeps the stdout of now
    with redirect_stdout(io.StringIO()) as out:
        if verb == "intake":
            house.receive("{}")
        else:
            house.enter(verb, {} if verb == "sweep" else {"task_id": "0" * 32, "run": 1})
    lines = [json.loads(line) for line in out.getvalue().splitlines() if '"_aws"' in line]
    own = [line for line in lines if "ColdStart" not in line]  # it has the function's name
    assert own
    for line in own:
        assert line["environment"] == "test"
        for metrics in line["_aws"]["CloudWatchMetrics"]:
            assert metrics["Namespace"] == "Darkroom"
            assert all("environment" in each for each in metrics["Dimensions"])


def test_photo_and_spec_become_a_queued_task_with_a_run(house: House) -> None:
    """Both messages in one batch."""
    answer = house.receive(house.put("a/cat.jpg", PNG), house.put("a/cat.jpg.json", SPEC))

    assert answer == {"batchItemFailures": []}
    task = _task_of(house, "a/cat.jpg.json")
    assert (task.state, task.resolved_order.providers) == ("queued", ("snapapi",))
    machine = house.cloud.state_machine_arn
    runs = client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert [run["name"] for run in runs] == [f"{task.task_id}-1"]


def test_bad_spec_has_a_manifest_and_an_event(house: House) -> None:
    """And no dead letter: it has an output name."""
    house.receive(house.put("a/cat.jpg.json", b"{}"))

    task = _task_of(house, "a/cat.jpg.json")
    manifest = json.loads(house.ports.outputs.get(task.manifest_key) or b"")
    assert manifest["failure"]["code"] == "not-a-spec"
    assert [event["detail-type"] for event in _events(house)] == ["Task Failed"]
    assert house.cloud.letters(house.cloud.dead_letters_url) == []


def test_unreadable_message_goes_to_the_dead_letter_queue(house: House) -> None:
    """With the reason; the others of its batch are taken in."""
    answer = house.receive("{nonsense", house.put("cat.jpg.json", SPEC), '{"key": "no.json"}')

    assert answer == {"batchItemFailures": []}
    letters = house.cloud.letters(house.cloud.dead_letters_url)
    assert [letter["Body"] for letter in letters] == ["{nonsense", '{"key": "no.json"}']
    reasons = [one["MessageAttributes"]["reason"]["StringValue"] for one in letters]
    assert "not valid JSON" in reasons[0]
    assert "no.json" in reasons[1]
    assert _task_of(house, "cat.jpg.json").state == "waiting"


def test_only_the_failed_message_is_tried_again(house: House) -> None:
    """After an error of AWS the message stays in the queue."""
    spec = house.put("cat.jpg.json", SPEC)
    client("dynamodb").delete_table(TableName=TABLE)
    answer = house.receive("{nonsense", spec)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def test_message_tried_too_often_goes_to_the_dead_letter_queue(house: House) -> None:
    """The queue counts; the last try gives the error, and nothing of the message."""
    spec = house.put("cat.jpg.json", SPEC)
    client("dynamodb").delete_table(TableName=TABLE)
    attributes = {"ApproximateReceiveCount": str(MAX_TRIES)}
    record = {"messageId": "1", "body": spec, "attributes": attributes, "eventSource": "aws:sqs"}
    answer = house.enter("intake", {"Records": [record]})

    assert answer == {"batchItemFailures": []}
    (letter,) = house.cloud.letters(house.cloud.dead_letters_url)
    reason = letter["MessageAttributes"]["reason"]["StringValue"]
    assert reason.startswith("ResourceNotFoundException: ")
    assert "Traceback" not in reason


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, "sqs-1"),
        ({FIRST_ID_ATTRIBUTE: {"stringValue": "sqs-0", "dataType": "String"}}, "sqs-0"),
    ],
    ids=["as it came", "sent again"],
)
def test_dead_letter_has_the_id_that_its_sender_was_given(
    house: House, attributes: dict[str, Any], expected: str
) -> None:
    """Also where somebody sent it again, under another id."""
    record = {
        "messageId": "sqs-1",
        "body": '{"key": "night/076.jpg"}',
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1772366400000"},
        "messageAttributes": attributes,
        "eventSource": "aws:sqs",
    }
    assert house.enter("intake", {"Records": [record]}) == {"batchItemFailures": []}

    (letter,) = house.cloud.letters(house.cloud.dead_letters_url)
    attributes = letter["MessageAttributes"]
    assert attributes[FIRST_ID_ATTRIBUTE]["StringValue"] == expected
    assert "'night/076.jpg' is not the key of a spec" in attributes["reason"]["StringValue"]
    assert "'night/076.jpg.json'" in attributes["reason"]["StringValue"]


def test_request_without_an_id_uses_the_queues_sent_time(
    house: House,
) -> None:
    """In milliseconds since 1970."""
    house.put("cat.jpg", PNG)
    house.receive('{"source": "cat.jpg", "spec": {"operation": "remove-background"}}')

    (summary,) = house.ports.tasks.below("")
    task = house.ports.tasks.get(summary.task_id)
    assert task
    assert task.trigger.asked_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_intake_sends_errands_to_its_own_queue(house: House) -> None:
    """It understands them when they arrive."""
    with table().batch_writer() as batch:
        for number in range(MAX_BATCH + 1):
            batch.put_item({"pk": "wants#m.png", "sk": f"{number:032x}"})
    house.receive(house.put("m.png", PNG))

    queue_url = os.environ["DARKROOM_INTAKE_QUEUE_URL"]
    bodies = [letter["Body"] for letter in house.cloud.letters(queue_url)]
    assert bodies
    assert {json.loads(body)["release"] for body in bodies} == {"m.png"}
    assert house.receive(*bodies) == {"batchItemFailures": []}


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_step_raises_an_error_of_aws(house: House) -> None:
    """The workflow file defines how often it is tried again."""
    client("dynamodb").delete_table(TableName=TABLE)

    with pytest.raises(ClientError):
        house.enter("submit", {"task_id": "0" * 32, "run": 1})


def test_fail_takes_the_workflows_error(house: House) -> None:
    """The manifest names the task and the error for those who read the logs."""
    task = replace(sample_task(), run=house.ports.limits.runs)
    house.ports.tasks.create(task, previous=None, owner=None)
    error = {"Error": "States.Timeout", "Cause": '{"stackTrace": ["secret"]}'}
    house.enter("fail", {"task_id": task.task_id, "run": task.run, "error": error})

    manifest = json.loads(house.ports.outputs.get(task.manifest_key) or b"")
    assert manifest["failure"]["code"] == "internal"
    assert "States.Timeout" in manifest["failure"]["next_step"]
    assert "stackTrace" not in json.dumps(manifest)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_fail_takes_the_status_change_of_a_run(house: House, status: str) -> None:
    """Its name has the task and the run; another run's end changes nothing."""
    task = replace(sample_task(), run=house.ports.limits.runs)
    house.ports.tasks.create(task, previous=None, owner=None)

    def ended(run: int) -> dict[str, Any]:
        detail = {"name": f"{task.task_id}-{run}", "status": status, "input": "{}"}
        return {"detail-type": "Step Functions Execution Status Change", "detail": detail}

    house.enter("fail", ended(task.run + 1))
    assert house.ports.tasks.get(task.task_id) == task
    house.enter("fail", ended(task.run))
    after = house.ports.tasks.get(task.task_id)
    assert after
    assert after.state == "failed"


def test_sweep_answers_with_its_outcomes(house: House) -> None:
    """Its event is the schedule's."""
    assert house.enter("sweep", {"source": "aws.scheduler"}) == {}

    past = house.ports.clock.now() - timedelta(seconds=1)
    task = sample_task(1, "waiting", wants=("photos/1.jpg",), deadline=past)
    house.ports.tasks.create(task, previous=None, owner=None)
    assert house.enter("sweep", {}) == {"given-up": 1}


def test_logs_have_ids_and_answers_but_no_payload(house: House) -> None:
    """A payload may contain anything."""
    event = {"task_id": "0" * 32, "run": 1, "error": {"Cause": "signed-url-with-secret"}}
    house.enter("fail", event)
    house.receive("{}")
    with _written("fail", "intake") as out:
        house.enter("fail", event)
        house.receive('{"key": "secret-message.json"}')

    log = out.getvalue()
    assert "0" * 32 in log
    assert '"next":"done"' in log.replace(" ", "")
    assert "no-such-spec" in log
    assert "signed-url-with-secret" not in log
    assert "secret-message" not in log


def test_message_that_stays_in_the_queue_has_its_reason_in_the_log(house: House) -> None:
    """Until it is given up nobody else says so."""
    house.receive("{}")
    spec = house.put("cat.jpg.json", SPEC)
    client("dynamodb").delete_table(TableName=TABLE)
    with _written("intake") as out:
        house.receive("{nonsense", spec)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["message"] for line in lines] == ["dead letter", "message failed"]
    assert lines[1]["error"] == "ResourceNotFoundException"
    assert (lines[1]["message_id"], lines[1]["receives"]) == ("1", 1)


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_step_that_fails_logs_its_task_and_its_run(house: House) -> None:
    """The runtime's own line about the error has neither."""
    event = {"task_id": "0" * 32, "run": 7}
    house.enter("submit", event)
    client("dynamodb").delete_table(TableName=TABLE)
    with _written("submit") as out, pytest.raises(ClientError):
        house.enter("submit", event)

    [line] = map(json.loads, out.getvalue().splitlines())
    assert (line["level"], line["message"]) == ("ERROR", "submit failed")
    assert (line["task_id"], line["run"], line["error"]) == (
        "0" * 32,
        7,
        "ResourceNotFoundException",
    )


@contextmanager
def _written(*loggers: str) -> Iterator[io.StringIO]:
    """What these loggers write, instead of to the stream that was there when they were made."""
    out = io.StringIO()
    handlers = [h for name in loggers for h in logging.getLogger(name).handlers]
    streams = [h for h in handlers if isinstance(h, logging.StreamHandler)]
    before = [handler.setStream(out) for handler in streams]
    try:
        yield out
    finally:
        for handler, stream in zip(streams, before, strict=True):
            handler.setStream(stream)
