"""The requests for durations: few, small, conditional; and what is stored."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from darkroom.aws.dynamodb_durations import DynamoDurations, _write
from darkroom.aws.recent_reads import FRESH_S
from darkroom.domain.job_times import BUCKETS, JobTimes
from tests.aws.request_recorder import Answer, RequestRecorder, recorded_table
from tests.fakes.clock import START
from tests.fakes.moto_aws import cloud_table
from tests.fakes.routes import JOB_KEY, ROUTES

NOW = START.timestamp()
ROUTE = next(route for route in ROUTES if route.operation == JOB_KEY)
ONE = JobTimes().after(20.5, 14, NOW)
LOST = "ConditionalCheckFailedException"


class Seconds:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def store() -> Iterator[tuple[RequestRecorder, Seconds, DynamoDurations]]:
    """An empty table, a recorder of all requests to it, and the time."""
    with cloud_table(), recorded_table() as (recorder, table):
        seconds = Seconds()
        yield recorder, seconds, DynamoDurations(table, seconds)


Store = tuple[RequestRecorder, Seconds, DynamoDurations]


def test_digest_is_read_once_a_minute(store: Store) -> None:
    """Every wait asks for it; the other routes are read on their own."""
    recorder, seconds, durations = store
    for _ in range(5):
        durations.known(ROUTE)
        seconds.now += FRESH_S / 5 - 0.1
    assert len(recorder.sent) == 1
    durations.known(replace(ROUTE, provider="gamma"))
    seconds.now += 0.5
    durations.known(ROUTE)
    assert [request.operation for request in recorder.sent] == ["GetItem"] * 3
    assert not any(request.body["ConsistentRead"] for request in recorder.sent)


def test_own_write_is_known_without_a_read(store: Store) -> None:
    """And holds for another minute."""
    recorder, seconds, durations = store
    assert durations.compare_and_set(ROUTE, durations.known(ROUTE), ONE)
    seconds.now += FRESH_S - 1
    assert durations.known(ROUTE) == ONE
    assert [request.operation for request in recorder.sent] == ["GetItem", "PutItem"]


def test_others_write_is_known_after_a_lost_race(store: Store) -> None:
    """At once, or the next writes would be lost, too."""
    recorder, _, durations = store
    stale = durations.known(ROUTE)
    recorder.answers = lambda request: (
        Answer({}, 400, LOST) if request.operation == "PutItem" else None
    )
    assert not durations.compare_and_set(ROUTE, stale, ONE)
    durations.known(ROUTE)
    assert [request.operation for request in recorder.sent] == ["GetItem", "PutItem", "GetItem"]


def test_table_that_is_down_is_asked_once_a_minute(store: Store) -> None:
    """Until then the last digest holds: each try takes seconds, in every wait."""
    recorder, seconds, durations = store
    durations.compare_and_set(ROUTE, JobTimes(), ONE)
    seconds.now += FRESH_S
    recorder.answers = lambda _: Answer({}, 400, "AccessDeniedException")
    recorder.sent.clear()
    with pytest.raises(ClientError):
        durations.known(ROUTE)
    assert durations.known(ROUTE) == ONE
    assert len(recorder.sent) == 1
    with pytest.raises(ClientError):
        durations.compare_and_set(ROUTE, ONE, ONE)


def test_write_expects_what_was_read(store: Store) -> None:
    """The first one no item, later ones the number of jobs."""
    recorder, _, durations = store
    recorder.answers = lambda _: Answer({}, 400, LOST)
    durations.compare_and_set(ROUTE, JobTimes(), ONE)
    durations.compare_and_set(ROUTE, ONE, ONE.after(9, 8, NOW))
    first, later = (request.body for request in recorder.sent)
    assert first["ConditionExpression"] == "attribute_not_exists(#n0)"
    assert first["ExpressionAttributeNames"] == {"#n0": "pk"}
    assert later["ConditionExpression"] == "#n0 = :v0"
    assert later["ExpressionAttributeNames"] == {"#n0": "jobs"}
    assert later["ExpressionAttributeValues"] == {":v0": {"N": "1"}}


def test_digest_is_stored_under_its_route() -> None:
    """A deployment reads what the one before it wrote; an unused digest expires."""
    assert _write(ROUTE, replace(ONE, one_in=8)) == {
        "pk": "gate#beta",
        "sk": "durations#upscale#beta-1",
        "jobs": 1,
        "written_at": round(NOW * 1000),
        "one_in": 8,
        "weights": {"31": 103, "32": 204, "33": 223, "34": 243, "35": 227},
        "expires_at": int(NOW) + 400 * 24 * 3600,
    }


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_digest_is_small(ages: list[float]) -> None:
    """Below 1 KB, which is what one write unit holds; DynamoDB counts a number's digits by half."""
    times = JobTimes()
    for age in ages:
        times = times.after(age, 0, NOW)
    assert _size(times) < 1000
    assert _size(JobTimes(10**9, NOW, 4096, (9999,) * BUCKETS)) < 1024


def _size(times: JobTimes) -> int:
    item = _write(ROUTE, times)
    weights = item.pop("weights")
    names = sum(len(name) + 1 + len(str(weight)) / 2 + 1 for name, weight in weights.items())
    rest = sum(len(name) + len(str(value)) + 1 for name, value in item.items())
    return int(3 + names + rest)
