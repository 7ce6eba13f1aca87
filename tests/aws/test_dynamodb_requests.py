"""The requests to the table: what they must contain, although moto does not check it."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom.aws import dynamodb_task_lists, dynamodb_tasks
from darkroom.aws.dynamodb_budgets import DynamoBudgets
from darkroom.aws.dynamodb_indexes import INDEXES, SHARDS
from darkroom.aws.dynamodb_items import task_key
from darkroom.aws.dynamodb_limiter import DynamoLimiter
from darkroom.aws.dynamodb_lines import DynamoLines
from darkroom.aws.dynamodb_task_lists import BATCH_TRIES
from darkroom.aws.dynamodb_tasks import MAX_CONTENDED, DynamoTasks
from darkroom.domain.attempt import Attempt
from darkroom.domain.budgets import MILLIONTHS, Reservation
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.errors import Busy, Conflict, DarkroomError, OverBudget
from darkroom.domain.task import STUCK_AFTER
from darkroom.domain.turns import Place, Turns
from tests.aws.request_recorder import Answer, Request, RequestRecorder, recorded_table
from tests.fakes.clock import START
from tests.fakes.moto_aws import TABLE, cloud_table, table
from tests.fakes.task_factory import sample_task

LATER = START + timedelta(days=9)
TASK = sample_task(1, "waiting", wants=("photos/1.jpg", "photos/1.mask.png"))
PLACE = Place("beta", START)
ACCOUNT = '["environment", "credits", "alpha", "2026-03-01"]'


@dataclass(frozen=True)
class Store:
    """Everything that is kept in the table."""

    recorder: RequestRecorder
    tasks: DynamoTasks
    limiter: DynamoLimiter
    lines: DynamoLines


@pytest.fixture
def store() -> Iterator[Store]:
    """A table with one waiting task, and a recorder of all requests to it."""
    with cloud_table(), recorded_table() as (recorder, table):
        tasks = DynamoTasks(table)
        tasks.create(TASK, previous=None, owner=None)
        yield Store(recorder, tasks, DynamoLimiter(table), DynamoLines(table))


QUESTIONS: Mapping[str, Callable[[Store], object]] = {
    "get": lambda store: store.tasks.get(TASK.task_id),
    "latest": lambda store: store.tasks.latest(TASK.trigger.key),
    "owner": lambda store: store.tasks.owner(TASK.output),
    "wanting": lambda store: store.tasks.wanting("photos/1.jpg"),
    "standing": lambda store: store.limiter.circuit("beta"),
    "lease": lambda store: store.limiter.lease("beta", TASK.task_id, 9, 1, 0),
    "release": lambda store: store.limiter.release("beta", TASK.task_id),
    "turns": lambda store: store.lines.turns("beta"),
    "first": lambda store: store.lines.first("beta", 25),
    "missed": lambda store: store.lines.missed("beta"),
    "ahead": lambda store: store.lines.ahead(TASK.task_id, PLACE),
}
"""What decides whether something is paid for, begun or written over."""

LISTS: Mapping[str, Callable[[Store], object]] = {
    "by-due": lambda store: list(store.tasks.due(LATER)),
    "by-key": lambda store: list(store.tasks.below("photos/")),
    "by-batch": lambda store: list(store.tasks.in_batch("night-7")),
    "by-attention": lambda store: store.tasks.needing_attention(5),
}

CHANGES: Mapping[str, Callable[[Store], object]] = {
    "create": lambda store: store.tasks.create(sample_task(2), previous=None, owner=None),
    "create in line": lambda store: store.tasks.create(
        replace(sample_task(2), place=PLACE), previous=None, owner=None
    ),
    "replace": lambda store: store.tasks.replace(TASK, TASK),
    "join a line": lambda store: store.tasks.replace(TASK, replace(TASK, place=PLACE)),
    "leave a line": lambda store: _move(store, PLACE, None),
    "move in line": lambda store: _move(store, PLACE, replace(PLACE, since=LATER)),
    "postpone": lambda store: store.tasks.postpone(TASK, LATER),
    "dismiss": lambda store: store.tasks.dismiss(TASK),
    "lease": lambda store: store.limiter.lease("beta", TASK.task_id, 9, 1, 0),
    "change": lambda store: store.limiter.compare_and_set(
        "beta", CircuitState(), CircuitState(1, 9)
    ),
    "first turns": lambda store: store.lines.compare_and_set("beta", Turns(), Turns()),
    "later turns": lambda store: store.lines.compare_and_set("beta", Turns(version=4), Turns()),
    "mark": lambda store: store.lines.mark(TASK.task_id, PLACE, missed=True),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_reads_that_decide_something_are_consistent(store: Store, name: str) -> None:
    """An old response could leave tasks unreleased, or let two callers pay."""
    store.recorder.sent.clear()
    QUESTIONS[name](store)

    reads = store.recorder.of("GetItem", "Query")
    assert reads
    assert all(read.body["ConsistentRead"] is True for read in reads)
    assert not any("IndexName" in read.body for read in reads)


@pytest.mark.parametrize("name", LISTS)
def test_list_queries_its_index_without_consistency(store: Store, name: str) -> None:
    """DynamoDB refuses a consistent read of a global index; users see the newest tasks first."""
    store.recorder.sent.clear()
    LISTS[name](store)

    assert set(LISTS) == set(INDEXES)
    assert store.recorder.sent
    for request in store.recorder.sent:
        if request.operation == "BatchGetItem":  # the tasks that `by-attention` has named
            assert request.body["RequestItems"][TABLE]["ConsistentRead"] is True
            continue
        assert request.operation == "Query"
        assert request.body["IndexName"] == name
        assert request.body.get("ConsistentRead", False) is False
        assert request.body.get("ScanIndexForward", True) is (name != "by-attention")


def test_list_below_a_folder_is_one_query_for_each_shard(store: Store) -> None:
    """However many folders there are, as long as a shard's answer fits into a megabyte."""
    store.recorder.sent.clear()
    assert [summary.task_id for summary in store.tasks.below("")] == [TASK.task_id]
    assert len(store.recorder.sent) == SHARDS


@pytest.mark.parametrize("refusals", [1, BATCH_TRIES - 1, BATCH_TRIES])
def test_rest_of_a_batch_is_asked_for_again(
    store: Store, refusals: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB leaves out what does not fit into its answer, or comes too fast."""
    monkeypatch.setattr(dynamodb_task_lists, "FIRST_PAUSE_S", 0)

    def refuse() -> Iterator[Answer]:
        for _ in range(refusals):
            key = {name: {"S": value} for name, value in task_key(TASK.task_id).items()}
            yield Answer({"Responses": {}, "UnprocessedKeys": {TABLE: {"Keys": [key]}}})

    refused = refuse()
    store.recorder.answers = lambda _: next(refused, None)

    if refusals == BATCH_TRIES:
        with pytest.raises(Busy):
            store.tasks.get_many([TASK.task_id])
    else:
        assert store.tasks.get_many([TASK.task_id]) == [TASK]


@pytest.mark.parametrize("name", CHANGES)
def test_every_write_has_a_condition(store: Store, name: str) -> None:
    """Except notes that belong to one task: its `wants#` and its place in line."""
    store.recorder.sent.clear()
    CHANGES[name](store)

    single = store.recorder.of("PutItem", "UpdateItem", "DeleteItem")
    assert all(request.body["ConditionExpression"] for request in single)
    transactions = [_writes(request) for request in store.recorder.of("TransactWriteItems")]
    assert single or transactions
    for writes in transactions:
        kinds = {_key(write)[0].partition("#")[0] for write in writes}
        assert "task" in kinds
        for write in writes:
            notes = _key(write)[0].startswith(("wants#", "line#"))
            assert notes or write["ConditionExpression"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, PLACE, ["Put task", "Put line"]),
        (PLACE, None, ["Put task", "Delete line"]),
        (PLACE, replace(PLACE, since=LATER), ["Put task", "Put line", "Delete line"]),
        (PLACE, replace(PLACE, provider="gamma"), ["Put task", "Put line", "Delete line"]),
        (PLACE, replace(PLACE, calls=6), ["Put task", "Put line"]),
    ],
)
def test_task_and_its_place_are_written_in_one_transaction(
    store: Store, before: Place | None, after: Place | None, expected: list[str]
) -> None:
    """No item twice, which DynamoDB refuses; the condition is the task's revision."""
    _move(store, before, after)

    (*_, request) = store.recorder.of("TransactWriteItems")
    assert store.recorder.sent[-1] == request
    writes = [(kind, write) for one in request.body["TransactItems"] for kind, write in one.items()]
    kinds = [f"{kind} {_key(write)[0].partition('#')[0]}" for kind, write in writes]
    assert kinds == expected
    assert len({_key(write) for _, write in writes}) == len(writes)
    (_, task), *_ = writes
    assert task["ConditionExpression"] == "revision = :revision"
    revision = int(task["Item"]["revision"]["N"])
    assert task["ExpressionAttributeValues"] == {":revision": {"N": str(revision - 1)}}


def test_transaction_can_be_repeated(store: Store) -> None:
    """DynamoDB does the same request twice as one, for ten minutes, by its token."""
    store.recorder.sent.clear()
    _move(store, None, PLACE)
    _move(store, PLACE, None)
    store.tasks.create(sample_task(2), previous=None, owner=None)

    requests = store.recorder.of("TransactWriteItems")
    tokens = {str(uuid.UUID(request.body["ClientRequestToken"])) for request in requests}
    assert len(tokens) == len(requests) == 3


def test_task_that_stays_where_it_is_needs_no_transaction(store: Store) -> None:
    """A transaction costs twice as much as a write."""
    _move(store, None, PLACE)
    store.recorder.sent.clear()
    task = store.tasks.get(TASK.task_id)
    assert task
    store.tasks.replace(task, replace(task, wait_reason="why"))
    assert [request.operation for request in store.recorder.sent] == ["GetItem", "PutItem"]


def test_task_and_its_notes_are_created_in_one_transaction() -> None:
    """And its spec's newest task, its output's owner, its place, a note for each missing file."""
    with cloud_table(), recorded_table() as (recorder, table):
        DynamoTasks(table).create(replace(TASK, place=PLACE), previous=None, owner=None)

    (request,) = recorder.sent
    puts = [one["Put"] for one in request.body["TransactItems"]]
    kinds = [put["Item"]["pk"]["S"].partition("#")[0] for put in puts]
    assert request.operation == "TransactWriteItems"
    assert sorted(kinds) == ["line", "output", "spec", "task", "wants", "wants"]


def test_notes_and_ended_tasks_expire() -> None:
    """`expires_at`, in whole seconds, is the TTL attribute of the stack's table."""
    with cloud_table(), recorded_table() as (recorder, table):
        tasks = DynamoTasks(table)
        tasks.create(replace(TASK, place=PLACE), previous=None, owner=None)
        tasks.replace(TASK, TASK.with_state("failed", START))

    created, ended = recorder.sent
    items = [one["Put"]["Item"] for one in created.body["TransactItems"]]
    notes = [item for item in items if not item["pk"]["S"].startswith("task#")]
    assert len(notes) == 5
    for item in (*notes, ended.body["Item"]):
        assert item["expires_at"]["N"].isdecimal()
        assert int(item["expires_at"]["N"]) > START.timestamp()


def test_write_returns_the_item_that_it_lost_to(
    store: Store,
) -> None:
    """So a write that arrived twice is known; an update returns its result."""
    store.recorder.sent.clear()
    store.tasks.replace(TASK, TASK)
    store.lines.compare_and_set("beta", Turns(), Turns())
    store.limiter.compare_and_set("beta", CircuitState(), CircuitState(1, 9))

    task, turns = store.recorder.of("PutItem")
    assert task.body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    assert turns.body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    (update,) = store.recorder.of("UpdateItem")
    assert update.body["ReturnValues"] == "ALL_NEW"


def test_write_that_lost_to_itself_has_succeeded(
    store: Store,
) -> None:
    """Its response was lost, boto3 repeated it, and DynamoDB returns the stored item."""
    recorder, tasks = store.recorder, store.tasks

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
    with cloud_table(), recorded_table() as (recorder, table):
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
        assert len(list(tasks.below("photos/"))) == 10
        assert len(tasks.needing_attention(100)) == 5
    assert any("ExclusiveStartKey" in request.body for request in recorder.of("Query"))


@pytest.mark.parametrize("code", ["ConditionalCheckFailed", "TransactionConflict"])
@pytest.mark.parametrize("place", range(4))
def test_transaction_that_lost_a_race_is_a_conflict(store: Store, code: str, place: int) -> None:
    """Whichever of its items another caller changed or was changing."""
    recorder, tasks = store.recorder, store.tasks
    reasons = [{"Code": "None"}] * 4
    reasons[place] = {"Code": code}
    cancelled = {"CancellationReasons": reasons}
    recorder.answers = lambda _: Answer(cancelled, 400, "TransactionCanceledException")

    with pytest.raises(Conflict):
        tasks.create(sample_task(2), previous=None, owner=None)


@pytest.mark.parametrize("code", ["ThrottlingError", "ItemCollectionSizeLimitExceeded"])
def test_transaction_with_another_error_is_not_a_conflict(store: Store, code: str) -> None:
    """It would be repeated at once, for a reason that does not pass."""
    recorder, tasks = store.recorder, store.tasks
    cancelled = {"CancellationReasons": [{"Code": "None"}, {"Code": code}]}
    recorder.answers = lambda _: Answer(cancelled, 400, "TransactionCanceledException")

    with pytest.raises((ClientError, DarkroomError)) as caught:
        tasks.create(sample_task(2), previous=None, owner=None)
    assert not isinstance(caught.value, Conflict)


def _paid(store: Store) -> Callable[[], object]:
    """The write that states a task's intent to pay, and reserves two credits of an account."""
    task = sample_task(2, "queued")
    store.tasks.create(task, previous=None, owner=None)
    reserved = (Reservation(ACCOUNT, 2, MILLIONTHS, limit=2),)
    attempt = Attempt(1, "alpha", "a-1", START, LATER, reserved=reserved)
    paying = task.with_state("submitting", START, attempts=(attempt,))
    return lambda: store.tasks.replace(task, paying)


def _cancelled(*codes: str) -> Answer:
    reasons = [{"Code": code} for code in codes]
    return Answer({"CancellationReasons": reasons}, 400, "TransactionCanceledException")


@pytest.mark.parametrize("contended", [1, MAX_CONTENDED - 1])
def test_account_that_others_change_at_this_moment_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, contended: int
) -> None:
    """Every task of an environment changes it; the write is the same one, and reserves once."""
    monkeypatch.setattr(dynamodb_tasks, "MAX_CONTENDED_S", 0)
    pay, refused = _paid(store), iter([_cancelled("None", "TransactionConflict")] * contended)
    store.recorder.sent.clear()
    store.recorder.answers = lambda _: next(refused, None)
    pay()
    store.recorder.answers = lambda _: None
    requests = store.recorder.of("TransactWriteItems")
    assert len(requests) == contended + 1
    assert all(_writes(one) == _writes(requests[0]) for one in requests)
    held = DynamoBudgets(table()).held(ACCOUNT)
    assert held == 2


def test_account_that_others_keep_changing_is_a_conflict(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some tries; the task's step is repeated then."""
    monkeypatch.setattr(dynamodb_tasks, "MAX_CONTENDED_S", 0)
    pay = _paid(store)
    store.recorder.sent.clear()
    store.recorder.answers = lambda _: _cancelled("None", "TransactionConflict")
    with pytest.raises(Conflict):
        pay()
    assert len(store.recorder.of("TransactWriteItems")) == MAX_CONTENDED


@pytest.mark.parametrize(
    ("reasons", "error"),
    [
        (("ConditionalCheckFailed", "TransactionConflict"), Conflict),
        (("None", "ConditionalCheckFailed"), OverBudget),
    ],
)
def test_contention_hides_no_other_reason(
    store: Store, reasons: tuple[str, ...], error: type[Exception]
) -> None:
    """A changed task and a full account are not tried again."""
    pay = _paid(store)
    store.recorder.sent.clear()
    store.recorder.answers = lambda _: _cancelled(*reasons)
    with pytest.raises(error):
        pay()
    assert len(store.recorder.of("TransactWriteItems")) == 1


def _move(store: Store, before: Place | None, after: Place | None) -> None:
    """Change the stored task's place, by way of another one."""
    task = store.tasks.get(TASK.task_id)
    assert task
    if task.place != before:
        task = store.tasks.replace(task, replace(task, place=before))
    store.tasks.replace(task, replace(task, place=after))


def _writes(request: Request) -> list[dict[str, Any]]:
    return [write for one in request.body["TransactItems"] for write in one.values()]


def _key(write: Mapping[str, Any]) -> tuple[str, str]:
    """The primary key of the item that a put, an update or a deletion writes."""
    key = write.get("Key") or write["Item"]
    return key["pk"]["S"], key["sk"]["S"]
