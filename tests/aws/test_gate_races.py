"""A gate that loses every race ends its tries: it says so, or gives nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom.aws.dynamodb_limiter import TRIES, DynamoLimiter
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.errors import Busy, DarkroomError
from darkroom.domain.rate_limits import Bucket
from tests.aws.line import Answer, Line, Request, listening

BUCKET = Bucket(2, 2)
LOST = Answer({}, 400, "ConditionalCheckFailedException")


@pytest.fixture
def limiter() -> Iterator[tuple[Line, DynamoLimiter]]:
    """Somebody else is always a moment earlier."""
    with listening() as (line, table):
        line.answers = lambda _: LOST
        yield line, DynamoLimiter(table)


def _leases(**jobs: int) -> Answer:
    written = {task_id: {"N": str(until)} for task_id, until in jobs.items()}
    return Answer({"Item": {"jobs": {"M": written}}})


def test_a_slot_that_is_never_won_is_asked_for_later(limiter: tuple[Line, DynamoLimiter]) -> None:
    """After a few tries, each at an idle, a busy and a full lane."""
    line, one = limiter
    with pytest.raises(Busy) as caught:
        one.reserve("beta", "submit", BUCKET, 1000.0)

    assert caught.value.failure.code == "contended"
    assert "beta" in caught.value.failure.sentence
    assert len(line.sent) == 3 * TRIES


def test_a_lent_lane_is_asked_for_after_the_own_one(limiter: tuple[Line, DynamoLimiter]) -> None:
    """And only for being idle."""
    line, one = limiter
    with pytest.raises(Busy):
        one.reserve("beta", "submit", BUCKET, 1000.0, 1, "poll")

    lanes = [request.body["Key"]["sk"]["S"] for request in line.sent[:4]]
    assert lanes == ["lane#submit", "lane#submit", "lane#poll", "lane#submit"]
    assert len(line.sent) == 4 * TRIES


def test_a_place_that_is_never_won_is_not_given(limiter: tuple[Line, DynamoLimiter]) -> None:
    """Neither while another keeps making room first, nor for ever at the very first lease."""
    line, one = limiter
    line.answers = lambda request: _leases(a=1) if request.operation == "GetItem" else LOST
    assert one.lease("beta", "b", 2000.0, 1, 1000.0) is False
    assert len(line.of("GetItem")) == TRIES

    line.sent.clear()
    line.answers = lambda request: Answer() if request.operation == "GetItem" else LOST
    assert one.lease("beta", "b", 2000.0, 1, 1000.0) is False
    assert len(line.of("GetItem")) == TRIES


def test_where_no_lease_has_run_out_one_look_is_enough(limiter: tuple[Line, DynamoLimiter]) -> None:
    """Nobody's place is taken that is still good; one that ends at this moment has ended."""
    line, one = limiter

    def answer(until_ms: int) -> Any:
        def said(request: Request) -> Answer:
            return _leases(a=until_ms) if request.operation == "GetItem" else LOST

        return said

    line.answers = answer(1_000_001)
    assert one.lease("beta", "b", 2000.0, 1, 1000.0) is False
    assert [request.operation for request in line.sent] == ["GetItem", "UpdateItem"]

    line.sent.clear()
    line.answers = answer(1_000_000)
    one.lease("beta", "b", 2000.0, 1, 1000.0)
    removal = line.of("UpdateItem")[1].body
    assert removal["UpdateExpression"] == "REMOVE jobs.#id"
    assert removal["ConditionExpression"] == "jobs.#id = :until"


def test_a_standing_that_changed_is_left_as_it_is(limiter: tuple[Line, DynamoLimiter]) -> None:
    """The caller is told; one that nobody knew yet may also be there as such."""
    line, one = limiter
    assert one.change("beta", CircuitState(2, 9.0), CircuitState(3, 9.0)) is False
    assert one.change("beta", CircuitState(), CircuitState(1, 0.0)) is False

    known, fresh = (request.body["ConditionExpression"] for request in line.sent)
    assert "attribute_not_exists(refusals)" not in known
    assert "attribute_not_exists(refusals) OR " in fresh


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_a_fault_is_no_lost_race(limiter: tuple[Line, DynamoLimiter], code: str) -> None:
    """It would be tried in vain, and be taken for a full account."""
    line, one = limiter
    line.answers = lambda _: Answer({}, 400, code)
    with pytest.raises((ClientError, DarkroomError)):
        one.reserve("beta", "submit", BUCKET, 1000.0)
    with pytest.raises((ClientError, DarkroomError)):
        one.change("beta", CircuitState(), CircuitState(1, 0.0))
    assert len(line.sent) == 2
