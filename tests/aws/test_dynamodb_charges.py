"""The requests for charges: few, small, conditional; and what is stored."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError

from darkroom.aws.dynamodb_charges import DynamoCharges, _write
from darkroom.aws.recent_reads import FRESH_S
from darkroom.domain.prices import CALM, MAX_CHARGES, MAX_TERMS, Charge, ProviderCharges
from tests.aws.request_recorder import Answer, RequestRecorder, recorded_table
from tests.fakes.clock import START
from tests.fakes.moto_aws import cloud
from tests.fakes.routes import JOB_KEY, ROUTES

ROUTE = next(route for route in ROUTES if route.operation == JOB_KEY)
LOST = "ConditionalCheckFailedException"
ONE = Charge(3, START)
OTHER = Charge(4, START + CALM)


class Seconds:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


Store = tuple[RequestRecorder, Seconds, DynamoCharges]


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty table, a recorder of all requests to it, and the time."""
    with cloud(), recorded_table() as (recorder, table):
        seconds = Seconds()
        yield recorder, seconds, DynamoCharges(table, seconds)


def _sent(recorder: RequestRecorder) -> list[str]:
    return [request.operation for request in recorder.sent]


def test_charges_are_read_once_a_minute(store: Store) -> None:
    """Limits ask for them with every task; each provider has an item of its own."""
    recorder, seconds, charges = store
    for _ in range(5):
        charges.known(ROUTE.provider)
        seconds.now += FRESH_S / 5 - 0.1
    assert len(recorder.sent) == 1
    charges.known("gamma")
    seconds.now += 0.5
    charges.known(ROUTE.provider)
    assert _sent(recorder) == ["GetItem"] * 3
    assert not any(request.body["ConsistentRead"] for request in recorder.sent)


def test_task_that_teaches_nothing_writes_nothing(store: Store) -> None:
    """A thousand of them with the same charge are one write, known without another read."""
    recorder, seconds, charges = store
    for number in range(1000):
        charges.record(ROUTE, "scale 2", Charge(3, START + timedelta(milliseconds=number)))
    seconds.now += FRESH_S - 1
    assert charges.known(ROUTE.provider).of(ROUTE) == {"scale 2": (ONE,)}
    assert _sent(recorder) == ["GetItem", "PutItem"]


def test_others_write_is_known_after_a_lost_race(store: Store) -> None:
    """Or the next writes would be lost, too."""
    recorder, _, charges = store
    recorder.answers = lambda request: (
        Answer({}, 400, LOST) if request.operation == "PutItem" else None
    )
    assert not charges.record(ROUTE, "scale 2", ONE)
    charges.known(ROUTE.provider)
    assert _sent(recorder) == ["GetItem", "PutItem", "GetItem"]


def test_table_that_is_down_is_asked_once_a_minute(store: Store) -> None:
    """Until then the last answer holds: each try takes seconds."""
    recorder, seconds, charges = store
    charges.record(ROUTE, "scale 2", ONE)
    seconds.now += FRESH_S
    recorder.answers = lambda _: Answer({}, 400, "AccessDeniedException")
    recorder.sent.clear()
    with pytest.raises(ClientError):
        charges.known(ROUTE.provider)
    assert charges.known(ROUTE.provider).of(ROUTE) == {"scale 2": (ONE,)}
    assert not charges.record(ROUTE, "scale 2", ONE)
    assert len(recorder.sent) == 1
    with pytest.raises(ClientError):
        charges.record(ROUTE, "scale 2", OTHER)


def test_write_expects_what_was_read(store: Store) -> None:
    """The first one no item, later ones the version."""
    recorder, _, charges = store
    charges.record(ROUTE, "scale 2", ONE)
    charges.record(ROUTE, "scale 2", OTHER)
    _, first, later = (request.body for request in recorder.sent)
    assert first["ConditionExpression"] == "attribute_not_exists(#n0)"
    assert first["ExpressionAttributeNames"] == {"#n0": "pk"}
    assert later["ConditionExpression"] == "#n0 = :v0"
    assert later["ExpressionAttributeNames"] == {"#n0": "version"}
    assert later["ExpressionAttributeValues"] == {":v0": {"N": "1"}}


def test_charges_are_stored_under_their_provider() -> None:
    """A deployment reads what the one before it wrote; an item without writes expires."""
    charges = ProviderCharges().after(ROUTE, "scale 2", Charge(0.3, START))
    assert charges is not None
    at_ms = round(START.timestamp() * 1000)
    assert _write("beta", charges, START) == {
        "pk": "gate#beta",
        "sk": "charges",
        "version": 1,
        "routes": {"upscale#beta-1": {"scale 2": [{"credits": Decimal("0.3"), "at": at_ms}]}},
        "expires_at": int(START.timestamp()) + 400 * 24 * 3600,
    }


def test_charges_of_a_provider_are_a_small_item() -> None:
    """A write of the largest one is about 25 units, and there is at most one a minute for terms."""
    charges = ProviderCharges()
    for number in range(MAX_TERMS * MAX_CHARGES):
        terms = f"{number // MAX_CHARGES:080d}"
        new = charges.after(ROUTE, terms, Charge(1000.25 + number, START + number * CALM))
        assert new is not None
        charges = new
    assert len(str(_write("beta", charges, START))) < 50_000
