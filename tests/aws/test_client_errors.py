"""AWS's errors that moto never gives: each is mapped, and one without a row is raised unchanged."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber

from darkroom.aws.client_errors import CONFLICTS, TRANSIENT, map_aws_errors
from darkroom.aws.dynamodb_indexes import SHARDS
from darkroom.aws.dynamodb_limiter import DynamoLimiter
from darkroom.aws.dynamodb_lines import DynamoLines
from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.aws.s3 import S3Inputs, S3Outputs
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.errors import Busy, Conflict, InputWithheld
from darkroom.domain.turns import Place, Turns
from tests.fakes.clock import START
from tests.fakes.task_factory import sample_task

ONE_TRY = Config(retries={"mode": "standard", "total_max_attempts": 1})
TASK = sample_task(1)
PLACE = Place("p", START)


@pytest.fixture
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    """A table and the stub of its client."""
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
    "join a line": (
        "transact_write_items",
        lambda table: DynamoTasks(table).replace(TASK, replace(TASK, place=PLACE)),
    ),
    "claim_job": ("put_item", lambda table: DynamoTasks(table).claim_job("p", "j", "t", 1)),
    "postpone": ("update_item", lambda table: DynamoTasks(table).postpone(TASK, START)),
    "dismiss": ("update_item", lambda table: DynamoTasks(table).dismiss(TASK)),
    "wanting": ("query", lambda table: list(DynamoTasks(table).wanting("a"))),
    "due": ("query", lambda table: list(DynamoTasks(table).due(START))),
    "get_many": ("batch_get_item", lambda table: DynamoTasks(table).get_many(["t"])),
    "below": ("query", lambda table: list(DynamoTasks(table).below("a/"))),
    "lease": ("get_item", lambda table: DynamoLimiter(table).lease("p", "t", 9, 1, 1)),
    "standing": ("get_item", lambda table: DynamoLimiter(table).circuit("p")),
    "change": (
        "update_item",
        lambda table: DynamoLimiter(table).compare_and_set("p", CircuitState(), CircuitState(1)),
    ),
    "turns": ("get_item", lambda table: DynamoLines(table).turns("p")),
    "set turns": (
        "put_item",
        lambda table: DynamoLines(table).compare_and_set("p", Turns(), Turns()),
    ),
    "first": ("query", lambda table: DynamoLines(table).first("p", 5)),
    "missed": ("query", lambda table: DynamoLines(table).missed("p")),
    "mark": ("update_item", lambda table: DynamoLines(table).mark("t", PLACE, missed=True)),
    "ahead": ("query", lambda table: DynamoLines(table).ahead("t", PLACE)),
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
def test_transient_error_of_any_call_is_busy(
    stubbed: tuple[Any, Stubber], name: str, code: str, status: int
) -> None:
    """A hot partition of an index is like a throttled table: the call is repeated."""
    table, stub = stubbed
    operation, call = CALLS[name]
    # Some query all shards before they raise.
    for _ in range(SHARDS if name in ("due", "below") else 1):
        stub.add_client_error(operation, code, "not now", http_status_code=status)

    with pytest.raises(Busy, match="AWS did not answer"):
        call(table)


@pytest.mark.parametrize("name", ["replace", "claim_job", "create", "join a line"])
def test_running_transaction_is_a_conflict_for_a_plain_write(
    stubbed: tuple[Any, Stubber], name: str
) -> None:
    """DynamoDB refuses a PutItem while a transaction holds the item."""
    table, stub = stubbed
    operation, call = CALLS[name]
    stub.add_client_error(operation, "TransactionConflictException", "x", http_status_code=400)

    with pytest.raises(Conflict):
        call(table)


def test_turns_are_not_set_and_no_place_is_marked_during_a_transaction(
    stubbed: tuple[Any, Stubber],
) -> None:
    """The caller reads the turns again; the place is just being left or shows a new run."""
    table, stub = stubbed
    for operation in ("put_item", "update_item"):
        stub.add_client_error(operation, "TransactionConflictException", http_status_code=400)

    assert DynamoLines(table).compare_and_set("p", Turns(), Turns()) is False
    DynamoLines(table).mark("t", PLACE, missed=True)
    stub.assert_no_pending_responses()


def test_due_time_is_not_updated_during_a_transaction(stubbed: tuple[Any, Stubber]) -> None:
    """The other write sets a newer due time."""
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
def test_cancelled_transaction_is_mapped_by_its_reasons(
    reason: str, error: type[Exception]
) -> None:
    """Its own code only says that it was cancelled."""
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "x"},
        "CancellationReasons": [{"Code": "None"}, {"Code": reason}],
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    with pytest.raises(error), map_aws_errors("the table"):
        raise ClientError(response, "TransactWriteItems")


@pytest.mark.parametrize(
    "lost",
    [
        ReadTimeoutError(endpoint_url="https://x.example"),
        EndpointConnectionError(endpoint_url="https://x.example"),
    ],
)
def test_missing_response_is_busy(lost: Exception) -> None:
    """It is transient; the write may have been made."""
    with pytest.raises(Busy) as raised, map_aws_errors("the table"):
        raise lost
    assert "https" not in str(raised.value)


def test_error_without_a_row_is_raised_unchanged() -> None:
    """A missing right is a fault of the deployment, and its message is for the log."""
    response: Any = {"Error": {"Code": "AccessDeniedException", "Message": "x"}}
    with pytest.raises(ClientError), map_aws_errors("the table"):
        raise ClientError(response, "GetItem")
    assert not CONFLICTS & TRANSIENT


class _DeniedAws:
    """AWS without any right."""

    class meta:  # noqa: N801 - boto3's own name
        client: Any = None

    name = "table"

    def __getattr__(self, operation: str) -> Any:
        def refuse(**_kwargs: Any) -> None:
            error = {"Error": {"Code": "AccessDenied", "Message": "no"}}
            raise ClientError(error, operation)  # type: ignore[arg-type]

        return refuse


def test_missing_right_is_not_a_missing_file() -> None:
    """It is a fault of the deployment; a task must not fail or wait because of it."""
    denied: Any = _DeniedAws()
    denied.meta.client = denied
    inputs, outputs = S3Inputs(denied, "b"), S3Outputs(denied, "b")
    tasks, lines = DynamoTasks(denied), DynamoLines(denied)
    task = sample_task()
    for read in (
        lambda: inputs.find("a"),
        lambda: inputs.read("a", "v", 1),
        lambda: inputs.open("a", "v").__enter__(),
    ):
        with pytest.raises(InputWithheld):
            read()
    for call in (
        lambda: outputs.get("a"),
        lambda: tasks.create(task, previous=None, owner=None),
        lambda: tasks.replace(task, task),
        lambda: tasks.replace(task, replace(task, place=PLACE)),
        lambda: lines.turns("p"),
        lambda: lines.compare_and_set("p", Turns(), Turns()),
        lambda: lines.first("p", 5),
        lambda: lines.mark("t", PLACE, missed=True),
    ):
        with pytest.raises(ClientError):
            call()
