"""Answers that AWS gives and moto never: each is ours, and none comes out raw where a row says."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber

from darkroom.aws.client_errors import CONFLICTS, PASSING, translated
from darkroom.aws.dynamodb_items import SHARDS
from darkroom.aws.dynamodb_limiter import DynamoLimiter
from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.errors import Busy, Conflict
from darkroom.domain.rate_limits import Bucket
from tests.fakes.clock import START
from tests.fakes.task_factory import sample_task

ONE_TRY = Config(retries={"mode": "standard", "total_max_attempts": 1})
TASK = sample_task(1)


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    """A table, and what its client is to be answered."""
    resource: Any = boto3.resource(
        "dynamodb",
        region_name="eu-central-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",
        config=ONE_TRY,
    )
    table = resource.Table("t")
    with Stubber(table.meta.client) as stub:
        yield table, stub


CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "get": ("get_item", lambda table: DynamoTasks(table).get(TASK.task_id)),
    "owner": ("get_item", lambda table: DynamoTasks(table).owner("a")),
    "create": (
        "transact_write_items",
        lambda table: DynamoTasks(table).create(TASK, previous=None, owner=None),
    ),
    "replace": ("put_item", lambda table: DynamoTasks(table).replace(TASK, TASK)),
    "claim_job": ("put_item", lambda table: DynamoTasks(table).claim_job("p", "j", "t", 1)),
    "postpone": ("update_item", lambda table: DynamoTasks(table).postpone(TASK, START)),
    "dismiss": ("update_item", lambda table: DynamoTasks(table).dismiss(TASK)),
    "wanting": ("query", lambda table: list(DynamoTasks(table).wanting("a"))),
    "due": ("query", lambda table: list(DynamoTasks(table).due(START))),
    "in_folder": ("query", lambda table: DynamoTasks(table).in_folder("a/", 5)),
    "reserve": (
        "update_item",
        lambda table: DynamoLimiter(table).reserve("p", "submit", Bucket(1, 0), 1.0),
    ),
    "lease": ("get_item", lambda table: DynamoLimiter(table).lease("p", "t", 9, 1, 1)),
    "standing": ("get_item", lambda table: DynamoLimiter(table).circuit("p")),
    "change": (
        "update_item",
        lambda table: DynamoLimiter(table).change("p", CircuitState(), CircuitState(1)),
    ),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("ProvisionedThroughputExceededException", 400),
        ("RequestLimitExceeded", 400),
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
        ("SomethingNew", 500),
    ],
)
def test_what_passes_is_busy_whatever_was_asked(
    stubbed: tuple[Any, Stubber], name: str, code: str, status: int
) -> None:
    """A hot index partition is as good as a throttled table: it is tried again."""
    table, stub = stubbed
    operation, call = CALLS[name]
    for _ in range(SHARDS if name == "due" else 1):  # it asks all of them before it gives up
        stub.add_client_error(operation, code, "not now", http_status_code=status)

    with pytest.raises(Busy, match="AWS did not answer"):
        call(table)


@pytest.mark.parametrize("name", ["replace", "claim_job", "create"])
def test_a_transaction_under_way_is_a_conflict_on_a_plain_write_too(
    stubbed: tuple[Any, Stubber], name: str
) -> None:
    """DynamoDB refuses a PutItem while a transaction holds the item."""
    table, stub = stubbed
    operation, call = CALLS[name]
    stub.add_client_error(operation, "TransactionConflictException", "x", http_status_code=400)

    with pytest.raises(Conflict):
        call(table)


def test_a_mark_that_meets_a_transaction_is_left_out(stubbed: tuple[Any, Stubber]) -> None:
    """Whatever the other write says of when the task is looked at is newer."""
    table, stub = stubbed
    stub.add_client_error("update_item", "TransactionConflictException", http_status_code=400)

    DynamoTasks(table).dismiss(TASK)
    stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("ConditionalCheckFailed", Conflict),
        ("TransactionConflict", Conflict),
        ("ThrottlingError", Busy),
        ("ProvisionedThroughputExceeded", Busy),
        ("ValidationError", ClientError),
    ],
)
def test_a_cancelled_transaction_means_what_its_reasons_mean(
    reason: str, error: type[Exception]
) -> None:
    """Its own code says only that it was cancelled."""
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "x"},
        "CancellationReasons": [{"Code": "None"}, {"Code": reason}],
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    with pytest.raises(error), translated("the table"):
        raise ClientError(response, "TransactWriteItems")


@pytest.mark.parametrize(
    "lost",
    [
        ReadTimeoutError(endpoint_url="https://x.example"),
        EndpointConnectionError(endpoint_url="https://x.example"),
    ],
)
def test_no_answer_at_all_is_busy(lost: Exception) -> None:
    """It passes, too; the write may have been made."""
    with pytest.raises(Busy) as raised, translated("the table"):
        raise lost
    assert "https" not in str(raised.value)


def test_what_no_row_explains_stays_what_it_is() -> None:
    """A missing right is a fault of the deployment, and its message is for the log."""
    response: Any = {"Error": {"Code": "AccessDeniedException", "Message": "x"}}
    with pytest.raises(ClientError), translated("the table"):
        raise ClientError(response, "GetItem")
    assert not CONFLICTS & PASSING
