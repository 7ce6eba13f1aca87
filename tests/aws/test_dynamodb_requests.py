"""The requests to the table: what they must contain, although moto does not check it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom.aws.dynamodb_items import SHARDS
from darkroom.aws.dynamodb_limiter import DynamoLimiter
from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.errors import Conflict, DarkroomError
from darkroom.domain.rate_limits import Bucket
from darkroom.domain.task import STUCK_AFTER
from tests.aws.request_recorder import Answer, RequestRecorder, recorded_table
from tests.fakes.clock import START
from tests.fakes.moto_aws import INDEXES, cloud
from tests.fakes.task_factory import sample_task

LATER = START + timedelta(days=9)
TASK = sample_task(1, "waiting", wants=("photos/1.jpg", "photos/1.mask.png"))


@pytest.fixture
def store() -> Iterator[tuple[RequestRecorder, DynamoTasks, DynamoLimiter]]:
    """A table with one waiting task, and a recorder of all requests to it."""
    with cloud(), recorded_table() as (recorder, table):
        tasks = DynamoTasks(table)
        tasks.create(TASK, previous=None, owner=None)
        yield recorder, tasks, DynamoLimiter(table)


QUESTIONS: Mapping[str, Callable[[DynamoTasks, DynamoLimiter], object]] = {
    "get": lambda tasks, _: tasks.get(TASK.task_id),
    "latest": lambda tasks, _: tasks.latest(TASK.trigger.key),
    "owner": lambda tasks, _: tasks.owner(TASK.output),
    "wanting": lambda tasks, _: tasks.wanting("photos/1.jpg"),
    "standing": lambda _, limiter: limiter.circuit("beta"),
    "lease": lambda _, limiter: limiter.lease("beta", TASK.task_id, 9, 1, 0),
    "release": lambda _, limiter: limiter.release("beta", TASK.task_id),
}
"""What decides whether something is paid for, begun or written over."""

LISTS: Mapping[str, Callable[[DynamoTasks], object]] = {
    "by-due": lambda tasks: list(tasks.due(LATER)),
    "by-folder": lambda tasks: tasks.in_folder("photos/", 5),
    "by-attention": lambda tasks: tasks.needing_attention(5),
}

CHANGES: Mapping[str, Callable[[DynamoTasks, DynamoLimiter], object]] = {
    "create": lambda tasks, _: tasks.create(sample_task(2), previous=None, owner=None),
    "replace": lambda tasks, _: tasks.replace(TASK, TASK),
    "postpone": lambda tasks, _: tasks.postpone(TASK, LATER),
    "dismiss": lambda tasks, _: tasks.dismiss(TASK),
    "reserve": lambda _, limiter: limiter.reserve("beta", "submit", Bucket(1, 5), 0),
    "lease": lambda _, limiter: limiter.lease("beta", TASK.task_id, 9, 1, 0),
    "change": lambda _, limiter: limiter.compare_and_set(
        "beta", CircuitState(), CircuitState(1, 9)
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_reads_that_decide_something_are_consistent(
    store: tuple[RequestRecorder, DynamoTasks, DynamoLimiter], name: str
) -> None:
    """An old response could leave tasks unreleased, or let two callers pay."""
    recorder, tasks, limiter = store
    recorder.sent.clear()
    QUESTIONS[name](tasks, limiter)

    reads = recorder.of("GetItem", "Query")
    assert reads
    assert all(read.body["ConsistentRead"] is True for read in reads)
    assert not any("IndexName" in read.body for read in reads)


@pytest.mark.parametrize("name", LISTS)
def test_list_queries_its_index_without_consistency(
    store: tuple[RequestRecorder, DynamoTasks, DynamoLimiter], name: str
) -> None:
    """DynamoDB refuses a consistent read of a global index; users see the newest tasks first."""
    recorder, tasks, _ = store
    recorder.sent.clear()
    LISTS[name](tasks)

    assert set(LISTS) == set(INDEXES)
    assert recorder.sent
    for request in recorder.sent:
        assert request.operation == "Query"
        assert request.body["IndexName"] == name
        assert request.body.get("ConsistentRead", False) is False
        assert request.body.get("ScanIndexForward", True) is (name == "by-due")


@pytest.mark.parametrize("name", CHANGES)
def test_every_write_has_a_condition(
    store: tuple[RequestRecorder, DynamoTasks, DynamoLimiter], name: str
) -> None:
    """Except the `wants#` notes, which belong to one task."""
    recorder, tasks, limiter = store
    recorder.sent.clear()
    CHANGES[name](tasks, limiter)

    writes = [dict(request.body) for request in recorder.of("PutItem", "UpdateItem", "DeleteItem")]
    for request in recorder.of("TransactWriteItems"):
        writes += [write["Put"] for write in request.body["TransactItems"]]
    assert writes
    for write in writes:
        key = write.get("Key") or write["Item"]
        assert key["pk"]["S"].startswith("wants#") or write["ConditionExpression"]


def test_task_and_its_notes_are_created_in_one_transaction() -> None:
    """The task, its spec's newest task, its output's owner, a note for each missing file."""
    with cloud(), recorded_table() as (recorder, table):
        DynamoTasks(table).create(TASK, previous=None, owner=None)

    (request,) = recorder.sent
    puts = [one["Put"] for one in request.body["TransactItems"]]
    kinds = [put["Item"]["pk"]["S"].partition("#")[0] for put in puts]
    assert request.operation == "TransactWriteItems"
    assert sorted(kinds) == ["output", "spec", "task", "wants", "wants"]


def test_notes_and_ended_tasks_expire() -> None:
    """`expires_at`, in whole seconds, is the TTL attribute of the stack's table."""
    with cloud(), recorded_table() as (recorder, table):
        tasks = DynamoTasks(table)
        tasks.create(TASK, previous=None, owner=None)
        tasks.replace(TASK, TASK.with_state("failed", START))

    created, ended = recorder.sent
    items = [one["Put"]["Item"] for one in created.body["TransactItems"]]
    notes = [item for item in items if not item["pk"]["S"].startswith("task#")]
    for item in (*notes, ended.body["Item"]):
        assert item["expires_at"]["N"].isdecimal()
        assert int(item["expires_at"]["N"]) > START.timestamp()


def test_write_returns_the_item_that_it_lost_to(
    store: tuple[RequestRecorder, DynamoTasks, DynamoLimiter],
) -> None:
    """So a write that arrived twice is known; an update returns its result."""
    recorder, tasks, limiter = store
    recorder.sent.clear()
    tasks.replace(TASK, TASK)
    limiter.reserve("beta", "submit", Bucket(1, 5), 0)

    (put,) = recorder.of("PutItem")
    assert put.body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    assert {update.body["ReturnValues"] for update in recorder.of("UpdateItem")} == {"ALL_NEW"}


def test_write_that_lost_to_itself_has_succeeded(
    store: tuple[RequestRecorder, DynamoTasks, DynamoLimiter],
) -> None:
    """Its response was lost, boto3 repeated it, and DynamoDB returns the stored item."""
    recorder, tasks, _ = store

    def own(request: Any) -> Answer:
        there = {"write_id": request.body["Item"]["write_id"]}
        return Answer({"Item": there}, 400, "ConditionalCheckFailedException")

    recorder.answers = own
    assert tasks.replace(TASK, TASK).revision == 1

    recorder.answers = lambda _: Answer(
        {"Item": {"write_id": {"S": "another"}}}, 400, "ConditionalCheckFailedException"
    )
    with pytest.raises(Conflict):
        tasks.replace(TASK, TASK)


@pytest.mark.parametrize("page", [1, 2])
def test_all_pages_of_a_list_are_read(page: int) -> None:
    """DynamoDB ends a page at 1 MB, moto hardly ever; no task may be left out."""
    with cloud(), recorded_table() as (recorder, table):
        tasks = DynamoTasks(table)
        for number in range(5):
            tasks.create(
                sample_task(number * SHARDS, "waiting", wants=("mask.png",), deadline=START),
                previous=None,
                owner=None,
            )
            failed = sample_task(100 + number * SHARDS, "failed")
            tasks.create(failed, previous=None, owner=None)
        recorder.page = page
        recorder.sent.clear()

        assert len(tasks.wanting("mask.png")) == 5
        assert len(list(tasks.due(START))) == 5
        assert len(list(tasks.due(START + STUCK_AFTER))) == 10
        assert len(tasks.in_folder("photos/", 100)) == 10
        assert len(tasks.in_folder("photos/", 7)) == 7
        assert len(tasks.needing_attention(100)) == 5
    assert any("ExclusiveStartKey" in request.body for request in recorder.of("Query"))


@pytest.mark.parametrize("code", ["ConditionalCheckFailed", "TransactionConflict"])
@pytest.mark.parametrize("place", range(4))
def test_transaction_that_lost_a_race_is_a_conflict(
    store: tuple[RequestRecorder, DynamoTasks, DynamoLimiter], code: str, place: int
) -> None:
    """Whichever of its items another caller changed or was changing."""
    recorder, tasks, _ = store
    reasons = [{"Code": "None"}] * 4
    reasons[place] = {"Code": code}
    cancelled = {"CancellationReasons": reasons}
    recorder.answers = lambda _: Answer(cancelled, 400, "TransactionCanceledException")

    with pytest.raises(Conflict):
        tasks.create(sample_task(2), previous=None, owner=None)


@pytest.mark.parametrize("code", ["ThrottlingError", "ItemCollectionSizeLimitExceeded"])
def test_transaction_with_another_error_is_not_a_conflict(
    store: tuple[RequestRecorder, DynamoTasks, DynamoLimiter], code: str
) -> None:
    """It would be repeated at once, for a reason that does not pass."""
    recorder, tasks, _ = store
    cancelled = {"CancellationReasons": [{"Code": "None"}, {"Code": code}]}
    recorder.answers = lambda _: Answer(cancelled, 400, "TransactionCanceledException")

    with pytest.raises((ClientError, DarkroomError)) as caught:
        tasks.create(sample_task(2), previous=None, owner=None)
    assert not isinstance(caught.value, Conflict)
