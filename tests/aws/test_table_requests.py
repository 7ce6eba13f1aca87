"""What the requests to the table say, where moto would not mind if they did not say it."""

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
from tests.aws.line import Answer, Line, listening
from tests.fakes.clock import START
from tests.fakes.moto_aws import INDEXES, cloud
from tests.fakes.task_factory import sample_task

LATER = START + timedelta(days=9)
TASK = sample_task(1, "waiting", wants=("photos/1.jpg", "photos/1.mask.png"))


@pytest.fixture
def store() -> Iterator[tuple[Line, DynamoTasks, DynamoLimiter]]:
    """A table with one waiting task, and everything that speaks to it, listened to."""
    with cloud(), listening() as (line, table):
        tasks = DynamoTasks(table)
        tasks.create(TASK, previous=None, owner=None)
        yield line, tasks, DynamoLimiter(table)


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
    "change": lambda _, limiter: limiter.change("beta", CircuitState(), CircuitState(1, 9)),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_decides_something_is_read_consistently(
    store: tuple[Line, DynamoTasks, DynamoLimiter], name: str
) -> None:
    """An answer that is a second old releases nobody, or lets two pay."""
    line, tasks, limiter = store
    line.sent.clear()
    QUESTIONS[name](tasks, limiter)

    reads = line.of("GetItem", "Query")
    assert reads
    assert all(read.body["ConsistentRead"] is True for read in reads)
    assert not any("IndexName" in read.body for read in reads)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_of_its_own_index_which_cannot_be_read_consistently(
    store: tuple[Line, DynamoTasks, DynamoLimiter], name: str
) -> None:
    """DynamoDB refuses a consistent read of a global index; people see the newest first."""
    line, tasks, _ = store
    line.sent.clear()
    LISTS[name](tasks)

    assert set(LISTS) == set(INDEXES)
    assert line.sent
    for request in line.sent:
        assert request.operation == "Query"
        assert request.body["IndexName"] == name
        assert request.body.get("ConsistentRead", False) is False
        assert request.body.get("ScanIndexForward", True) is (name == "by-due")


@pytest.mark.parametrize("name", CHANGES)
def test_every_write_says_what_it_expects_to_find(
    store: tuple[Line, DynamoTasks, DynamoLimiter], name: str
) -> None:
    """But for the entries of wanted keys, which are their task's own."""
    line, tasks, limiter = store
    line.sent.clear()
    CHANGES[name](tasks, limiter)

    writes = [dict(request.body) for request in line.of("PutItem", "UpdateItem", "DeleteItem")]
    for request in line.of("TransactWriteItems"):
        writes += [write["Put"] for write in request.body["TransactItems"]]
    assert writes
    for write in writes:
        key = write.get("Key") or write["Item"]
        assert key["pk"]["S"].startswith("wants#") or write["ConditionExpression"]


def test_a_new_task_and_its_names_are_one_write() -> None:
    """The task, its spec's newest, its output's owner, an entry for each file: all or nothing."""
    with cloud(), listening() as (line, table):
        DynamoTasks(table).create(TASK, previous=None, owner=None)

    (request,) = line.sent
    puts = [one["Put"] for one in request.body["TransactItems"]]
    kinds = [put["Item"]["pk"]["S"].partition("#")[0] for put in puts]
    assert request.operation == "TransactWriteItems"
    assert sorted(kinds) == ["output", "spec", "task", "wants", "wants"]


def test_what_is_kept_beside_a_task_goes_by_itself() -> None:
    """`expires_at`, in whole seconds, is the attribute that the stack names to DynamoDB."""
    with cloud(), listening() as (line, table):
        tasks = DynamoTasks(table)
        tasks.create(TASK, previous=None, owner=None)
        tasks.replace(TASK, TASK.with_state("failed", START))

    created, ended = line.sent
    items = [one["Put"]["Item"] for one in created.body["TransactItems"]]
    notes = [item for item in items if not item["pk"]["S"].startswith("task#")]
    for item in (*notes, ended.body["Item"]):
        assert item["expires_at"]["N"].isdecimal()
        assert int(item["expires_at"]["N"]) > START.timestamp()


def test_a_write_asks_what_it_lost_to(store: tuple[Line, DynamoTasks, DynamoLimiter]) -> None:
    """So a write that arrived twice is told from another's; an update reads its result."""
    line, tasks, limiter = store
    line.sent.clear()
    tasks.replace(TASK, TASK)
    limiter.reserve("beta", "submit", Bucket(1, 5), 0)

    (put,) = line.of("PutItem")
    assert put.body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    assert {update.body["ReturnValues"] for update in line.of("UpdateItem")} == {"ALL_NEW"}


def test_a_write_that_lost_to_itself_has_won(
    store: tuple[Line, DynamoTasks, DynamoLimiter],
) -> None:
    """Its answer was lost, boto3 sent it again, and DynamoDB shows what is there by now."""
    line, tasks, _ = store

    def own(request: Any) -> Answer:
        there = {"write_id": request.body["Item"]["write_id"]}
        return Answer({"Item": there}, 400, "ConditionalCheckFailedException")

    line.answers = own
    assert tasks.replace(TASK, TASK).revision == 1

    line.answers = lambda _: Answer(
        {"Item": {"write_id": {"S": "another"}}}, 400, "ConditionalCheckFailedException"
    )
    with pytest.raises(Conflict):
        tasks.replace(TASK, TASK)


@pytest.mark.parametrize("page", [1, 2])
def test_every_page_of_a_list_is_read(page: int) -> None:
    """DynamoDB ends a page at a megabyte, moto hardly ever; nobody's turn hangs on that."""
    with cloud(), listening() as (line, table):
        tasks = DynamoTasks(table)
        for number in range(5):
            tasks.create(
                sample_task(number * SHARDS, "waiting", wants=("mask.png",), deadline=START),
                previous=None,
                owner=None,
            )
            failed = sample_task(100 + number * SHARDS, "failed")
            tasks.create(failed, previous=None, owner=None)
        line.page = page
        line.sent.clear()

        assert len(tasks.wanting("mask.png")) == 5
        assert len(list(tasks.due(START))) == 5
        assert len(list(tasks.due(START + STUCK_AFTER))) == 10
        assert len(tasks.in_folder("photos/", 100)) == 10
        assert len(tasks.in_folder("photos/", 7)) == 7
        assert len(tasks.needing_attention(100)) == 5
    assert any("ExclusiveStartKey" in request.body for request in line.of("Query"))


@pytest.mark.parametrize("code", ["ConditionalCheckFailed", "TransactionConflict"])
@pytest.mark.parametrize("place", range(4))
def test_a_transaction_that_lost_to_another_is_a_conflict(
    store: tuple[Line, DynamoTasks, DynamoLimiter], code: str, place: int
) -> None:
    """Whichever of its items it was that another changed, or was changing."""
    line, tasks, _ = store
    reasons = [{"Code": "None"}] * 4
    reasons[place] = {"Code": code}
    cancelled = {"CancellationReasons": reasons}
    line.answers = lambda _: Answer(cancelled, 400, "TransactionCanceledException")

    with pytest.raises(Conflict):
        tasks.create(sample_task(2), previous=None, owner=None)


@pytest.mark.parametrize("code", ["ThrottlingError", "ItemCollectionSizeLimitExceeded"])
def test_a_transaction_that_lost_to_nobody_is_no_conflict(
    store: tuple[Line, DynamoTasks, DynamoLimiter], code: str
) -> None:
    """It would be read and written again at once, for a reason that stays."""
    line, tasks, _ = store
    cancelled = {"CancellationReasons": [{"Code": "None"}, {"Code": code}]}
    line.answers = lambda _: Answer(cancelled, 400, "TransactionCanceledException")

    with pytest.raises((ClientError, DarkroomError)) as caught:
        tasks.create(sample_task(2), previous=None, owner=None)
    assert not isinstance(caught.value, Conflict)
