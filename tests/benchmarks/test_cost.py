"""What the benchmark of costs counts is what really happens, and nothing is left out."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import boto3
import pytest

from darkroom.composition import build_ports
from darkroom.domain.arrivals import Uploaded
from darkroom.pipeline.continue_in_place import submit_and_continue
from darkroom.pipeline.intake import take_arrival
from darkroom.ports import Ports
from darkroom.settings import Settings
from tests.benchmarks import cost
from tests.benchmarks.counted_ports import FREE, REQUEST_MS, REQUESTS, WITH_CREDENTIALS
from tests.benchmarks.table_units import index_write_units, item_bytes, write_units
from tests.benchmarks.usage import PER_TASK, read_prices
from tests.fakes.clock import FixedClock
from tests.fakes.moto_aws import BUS, INPUT, OUTPUT, REGION, TABLE, Cloud, client, cloud
from tests.fakes.providers import PNG, FakeProviders
from tests.fakes.routes import JOB_KEY, ROUTES, SYNC_NONE
from tests.pipeline.harness import spec_of

SYNCHRONOUS: Mapping[str, int] = {
    "BatchGetItem": 1,
    "GetItem": 13,
    "GetObject": 9,
    "HeadObject": 3,
    "PutEvents": 1,
    "PutItem": 3,
    "PutObject": 2,
    "Query": 1,
    "StartExecution": 1,
    "TransactWriteItems": 1,
    "UpdateItem": 2,
}
"""Requests to AWS for one synchronous task, from the upload of its photo to its event, without
those of Lambda itself and without the provider's secret, which is cached.

Six of the reads look for a folder default, three for the photo and three for its spec; one reads
the photo again, to compare the result with it. The batches of its folders are read at once, in case
one of them had ended. One update counts the new tasks of its folder."""


def test_synchronous_task_makes_exactly_these_requests() -> None:
    """A change of this figure changes what every task costs: say so in the change."""
    assert _without_secrets(cost.run_darkroom(0, [5.0]).operations) == SYNCHRONOUS


@pytest.mark.parametrize(("job_s", "operation"), [(0, SYNC_NONE), (5, JOB_KEY)])
def test_requests_are_those_that_boto3_sends(job_s: int, operation: str) -> None:
    """The same task on moto, which opens no photo, and where each process is new.

    So it reads how many new tasks the folder had before. For a job it also reads how long such jobs
    took and what they cost, and stores what this one did.
    """
    counted = _without_secrets(cost.run_darkroom(job_s, [0.0]).operations)
    with cloud() as made:
        sent = _requests_on_moto(made, operation)
    once = Counter({"GetItem": 3, "PutItem": 1} if job_s else {"GetItem": 1})
    assert sent + Counter({"GetObject": 1}) == counted + once


@pytest.mark.parametrize(("job_s", "polls"), [(1, 1), (20, 4), (60, 12)])
def test_sample_enters_three_states_for_each_poll_and_two_more(job_s: int, polls: int) -> None:
    """As AWS's documentation draws it."""
    outcome = cost.run_sample(job_s, [job_s])
    assert outcome.polls == polls
    assert outcome.usage["state_entries"] == 3 * polls + 2


def test_sample_of_a_provider_that_answers_at_once_enters_two_states() -> None:
    """There is nothing to poll."""
    assert cost.run_sample(0, [5.0]).usage["state_entries"] == 2


def test_every_item_has_a_price_and_its_date() -> None:
    """An item without a price would be free."""
    assert set(PER_TASK) | {"secret_months"} == set(read_prices())
    assert all(usd > 0 for usd in read_prices().values())


def test_every_request_has_its_time() -> None:
    """A request without a time would be done at once."""
    ports = {one.name for one in fields(Ports)}
    assert {name.partition(".")[0] for name in {*REQUESTS, *FREE, *WITH_CREDENTIALS}} <= ports
    assert all(ms > 0 for ms in REQUEST_MS.values())


def test_jobs_are_drawn_around_their_median() -> None:
    """Both sides get the same ones."""
    times = cost.draw_times(20, 0.25, 1000)
    assert times == cost.draw_times(20, 0.25, 1000)
    assert math.isclose(sorted(times)[500], 20, rel_tol=0.05)


def test_sizes_follow_the_developer_guide() -> None:
    """DynamoDB developer guide, "Item sizes and formats"."""
    assert item_bytes({"pk": "ab", "n": 12, "on": True, "list": ["abc"], "map": {}}) == (
        2 + 2 + 1 + 2 + 2 + 1 + 4 + 3 + 1 + 3 + 3 + 3
    )
    assert write_units({"pk": "x" * 1022}) == 1
    assert write_units({"pk": "x" * 1023}) == 2
    due = {"pk": "a", "due": "due#1", "due_at": "1"}
    assert index_write_units(None, due) == {"by-due": 1}
    assert index_write_units(due, due) == index_write_units(due, due | {"hidden": "1"}) == {}
    assert index_write_units(due, due | {"due_at": "2"}) == {"by-due": 2}
    assert index_write_units(due, {"pk": "a"}) == {"by-due": 1}
    shown = {"pk": "a", "tree": "tree#1", "tree_key": "/a", "summary": "x" * 1025}
    assert index_write_units(None, shown) == {"by-key": 2}
    assert index_write_units(shown, shown | {"summary": "y"}) == {"by-key": 1}
    assert index_write_units(shown, shown | {"tree_key": "/b"}) == {"by-key": 4}


def _without_secrets(operations: Mapping[str, int]) -> Counter[str]:
    return Counter({name: calls for name, calls in operations.items() if name != "GetSecretValue"})


def _requests_on_moto(made: Cloud, operation: str) -> Counter[str]:
    """The requests of one task, photo first, by the real ports."""
    sent: Counter[str] = Counter()
    session = boto3.Session("testing", "testing", region_name=REGION)

    def count(model: Any, **_more: Any) -> None:
        sent[model.name] += 1

    session.events.register("before-call", count)
    settings = Settings(
        environment="test",
        input_bucket=INPUT,
        output_bucket=OUTPUT,
        table=TABLE,
        event_bus=BUS,
        state_machine_arn=made.state_machine_arn,
    )
    route = next(one for one in ROUTES if one.operation == operation)
    ports = replace(
        build_ports(settings, session),
        providers=FakeProviders([route], polls=0),
        clock=FixedClock(),
    )
    spec = spec_of(operation, provider=route.provider)
    for key, body in (("photos/2026/1.jpg", PNG), ("photos/2026/1.jpg.json", spec)):
        version = client("s3").put_object(Bucket=INPUT, Key=key, Body=body)["VersionId"]
        take_arrival(ports, Uploaded(key, version))
    (run,) = client("stepfunctions").list_executions(stateMachineArn=made.state_machine_arn)[
        "executions"
    ]
    task_id = run["name"].partition("-")[0]
    assert submit_and_continue(ports, task_id, 1).next == "done"
    return sent
