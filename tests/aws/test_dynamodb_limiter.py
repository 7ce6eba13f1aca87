"""The limiter's writes: lost races, faults, and items of an older version."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom.aws.dynamodb_limiter import TRIES, DynamoLimiter
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.errors import DarkroomError
from tests.aws.request_recorder import Answer, Request, RequestRecorder, recorded_table
from tests.fakes.moto_aws import cloud_table, table

LOST = Answer({}, 400, "ConditionalCheckFailedException")


@pytest.fixture
def limiter() -> Iterator[tuple[RequestRecorder, DynamoLimiter]]:
    """A limiter that loses every race."""
    with recorded_table() as (recorder, table):
        recorder.answers = lambda _: LOST
        yield recorder, DynamoLimiter(table)


def _leases(**jobs: int) -> Answer:
    written = {task_id: {"N": str(until)} for task_id, until in jobs.items()}
    return Answer({"Item": {"jobs": {"M": written}}})


def test_lease_is_refused_after_losing_every_race(
    limiter: tuple[RequestRecorder, DynamoLimiter],
) -> None:
    """Both if another caller always makes room first, and at the very first lease."""
    recorder, store = limiter
    recorder.answers = lambda request: _leases(a=1) if request.operation == "GetItem" else LOST
    assert store.lease("beta", "b", 2000.0, 1, 1000.0) is False
    assert len(recorder.of("GetItem")) == TRIES

    recorder.sent.clear()
    recorder.answers = lambda request: Answer() if request.operation == "GetItem" else LOST
    assert store.lease("beta", "b", 2000.0, 1, 1000.0) is False
    assert len(recorder.of("GetItem")) == TRIES


def test_lease_is_refused_at_once_if_no_lease_has_expired(
    limiter: tuple[RequestRecorder, DynamoLimiter],
) -> None:
    """A valid lease is never taken away; one that ends at this moment has expired."""
    recorder, store = limiter

    def answer(until_ms: int) -> Any:
        def respond(request: Request) -> Answer:
            return _leases(a=until_ms) if request.operation == "GetItem" else LOST

        return respond

    recorder.answers = answer(1_000_001)
    assert store.lease("beta", "b", 2000.0, 1, 1000.0) is False
    assert [request.operation for request in recorder.sent] == ["GetItem", "UpdateItem"]

    recorder.sent.clear()
    recorder.answers = answer(1_000_000)
    store.lease("beta", "b", 2000.0, 1, 1000.0)
    removal = recorder.of("UpdateItem")[1].body
    assert removal["UpdateExpression"] == "REMOVE jobs.#id"
    assert removal["ConditionExpression"] == "jobs.#id = :until"


def test_circuit_state_that_changed_is_not_overwritten(
    limiter: tuple[RequestRecorder, DynamoLimiter],
) -> None:
    """The caller gets False. A circuit state that is not stored yet may also be stored as such."""
    recorder, store = limiter
    assert store.compare_and_set("beta", CircuitState(2, 9.0), CircuitState(3, 9.0)) is False
    assert store.compare_and_set("beta", CircuitState(), CircuitState(1, 0.0)) is False

    known, fresh = (request.body["ConditionExpression"] for request in recorder.sent)
    assert "attribute_not_exists(refusals)" not in known
    assert "attribute_not_exists(refusals) OR " in fresh


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_fault_is_not_a_lost_race(
    limiter: tuple[RequestRecorder, DynamoLimiter], code: str
) -> None:
    """Repeating would not help, and the fault would be taken for a full account."""
    recorder, store = limiter
    fault = Answer({}, 400, code)
    recorder.answers = lambda request: _leases() if request.operation == "GetItem" else fault
    with pytest.raises((ClientError, DarkroomError)):
        store.lease("beta", "b", 2000.0, 1, 1000.0)
    with pytest.raises((ClientError, DarkroomError)):
        store.compare_and_set("beta", CircuitState(), CircuitState(1, 0.0))
    assert [request.operation for request in recorder.sent] == ["GetItem", *2 * ["UpdateItem"]]


def test_circuit_state_of_an_older_version_has_no_reason() -> None:
    """It is changed like any other."""
    with cloud_table():
        item = {"pk": "gate#p", "sk": "standing", "refusals": 5, "until": 30_500}
        table().put_item(Item=item)
        limiter = DynamoLimiter(table())
        assert limiter.circuit("p") == CircuitState(5, 30.5)
        assert not limiter.compare_and_set("p", CircuitState(5, 30.5, "Other."), CircuitState())
        assert limiter.compare_and_set(
            "p", CircuitState(5, 30.5), CircuitState(6, 60.0, "It is away.")
        )
        assert limiter.circuit("p") == CircuitState(6, 60.0, "It is away.")
