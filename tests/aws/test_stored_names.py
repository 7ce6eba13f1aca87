"""The names under which things are stored: a deployment reads what the one before it wrote."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from darkroom.aws import dynamodb_items as items
from darkroom.aws.dynamodb_limiter import DynamoLimiter
from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.rate_limits import Bucket
from tests.aws.line import listening
from tests.fakes.clock import START
from tests.fakes.moto_aws import cloud
from tests.fakes.task_factory import full_task, sample_task

ID = "0009" * 8


def test_every_kind_of_item_has_its_key() -> None:
    """A key that changed would be a task, a name or a wish that nobody finds any more."""
    assert items.task_key(ID) == {"pk": f"task#{ID}", "sk": "task"}
    assert items.wants_key("a/b.jpg", ID) == {"pk": "wants#a/b.jpg", "sk": ID}
    assert items.latest_key("a/b.jpg.json") == {"pk": "spec#a/b.jpg.json", "sk": "latest"}
    assert items.owner_key("a/b.jpg/upscale") == {"pk": "output#a/b.jpg/upscale", "sk": "owner"}


def test_a_task_is_written_with_what_its_indexes_read() -> None:
    """All of them, and the whole task under a name of its own."""
    item = items.write_item(
        sample_task(9, "failed", updated_at=START + timedelta(seconds=1.5), revision=3)
    )
    body = item.pop("task")

    assert item == {
        "pk": f"task#{ID}",
        "sk": "task",
        "revision": 3,
        "state": "failed",
        "folder": "photos/",
        "created_at": "2026-03-01T12:00:00.000000+00:00",
        "updated_at": "2026-03-01T12:00:01.500000+00:00",
        "due": "due#1",
        "due_at": "2026-03-01T12:30:01.500000+00:00",
        "expires_at": int(START.timestamp()) + 1 + 400 * 24 * 3600,
        "attention": "attention#1",
    }
    assert (body["task_id"], body["state"], body["trigger"]["key"]) == (
        ID,
        "failed",
        "photos/9.jpg.json",
    )


def test_a_file_in_the_buckets_root_has_a_folder_too() -> None:
    """An index has no empty keys."""
    task = sample_task(1)
    trigger = type(task.trigger)("upload", "darkroom-input", "cat.jpg.json", "v1")
    item = items.write_item(sample_task(1, trigger=trigger))
    assert item["folder"] == "/"


def test_numbers_come_back_as_they_were() -> None:
    """Whole ones as such; one that is too large for DynamoDB's digits stays a float."""
    params: Mapping[str, Any] = dict(full_task().resolved_order.params)
    item = items.write_item(full_task())
    assert isinstance(item["task"]["order"]["params"]["ratio"], Decimal)
    read = items.read_item(item).resolved_order.params
    assert dict(read) == params
    assert isinstance(read["huge"], float)
    assert isinstance(read["scale"], int)


def test_whole_numbers_are_whole_after_the_table_too() -> None:
    """DynamoDB gives every number back as a decimal; a provider would be sent `2.0` for 2."""
    with cloud(), listening() as (_, table):
        tasks = DynamoTasks(table)
        tasks.create(full_task(), previous=None, owner=None)
        read = tasks.get(full_task().task_id)
    assert read
    types = {name: type(value) for name, value in read.resolved_order.params.items()}
    assert types == {name: type(value) for name, value in full_task().resolved_order.params.items()}


def test_an_item_of_another_version_is_named_and_not_shown() -> None:
    """It may hold addresses."""
    item = items.write_item(full_task())
    item["task"]["state"] = "https://secret.example/?signature=1"
    with pytest.raises(ValueError, match=f"task#{'0007' * 8}") as caught:
        items.read_item(item)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


PACE: Mapping[str, tuple[Callable[[DynamoLimiter], object], dict[str, Any]]] = {
    "lane": (
        lambda limiter: limiter.reserve("beta", "poll", Bucket(2, 2), 1000.0),
        {"sk": "lane#poll", "empty_at": 1_002_000},
    ),
    "leases": (
        lambda limiter: limiter.lease("beta", ID, 1060.5, 1, 1000.0),
        {"sk": "leases", "jobs": {ID: 1_060_500}},
    ),
    "standing": (
        lambda limiter: limiter.change("beta", CircuitState(), CircuitState(5, 1030.25)),
        {"sk": "standing", "refusals": 5, "until": 1_030_250},
    ),
}


@pytest.mark.parametrize("name", PACE)
def test_a_providers_pace_is_kept_in_whole_milliseconds(name: str) -> None:
    """Under the provider's name, each part an item of its own."""
    act, expected = PACE[name]
    with cloud(), listening() as (_, table):
        act(DynamoLimiter(table))
        (item,) = table.scan()["Items"]
    assert {key: item[key] for key in ("pk", *expected)} == {"pk": "gate#beta", **expected}


def test_a_run_that_is_looked_at_later_changes_nothing_but_its_place() -> None:
    """Moving or taking it out of the index is no write to the task."""
    with cloud(), listening() as (line, table):
        tasks = DynamoTasks(table)
        task = sample_task(9)
        tasks.create(task, previous=None, owner=None)
        line.sent.clear()
        tasks.postpone(task, START + timedelta(hours=1))
        tasks.dismiss(task)
        assert tasks.get(task.task_id) == task

    later, gone = line.of("UpdateItem")
    assert later.body["UpdateExpression"] == "SET due_at = :until"
    assert later.body["ExpressionAttributeValues"][":until"] == {
        "S": "2026-03-01T13:00:00.000000+00:00"
    }
    assert gone.body["UpdateExpression"] == "REMOVE due, due_at"
