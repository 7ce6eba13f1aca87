"""The names under which data is stored: a deployment reads what the one before it wrote."""

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
from tests.aws.request_recorder import recorded_table
from tests.fakes.clock import START
from tests.fakes.moto_aws import cloud
from tests.fakes.task_factory import full_task, sample_task

ID = "0009" * 8


def test_keys_of_all_kinds_of_item() -> None:
    """After a change of a key, stored tasks and notes could not be found."""
    assert items.task_key(ID) == {"pk": f"task#{ID}", "sk": "task"}
    assert items.wants_key("a/b.jpg", ID) == {"pk": "wants#a/b.jpg", "sk": ID}
    assert items.latest_key("a/b.jpg.json") == {"pk": "spec#a/b.jpg.json", "sk": "latest"}
    assert items.owner_key("a/b.jpg/upscale") == {"pk": "output#a/b.jpg/upscale", "sk": "owner"}


def test_item_has_all_attributes_of_its_indexes() -> None:
    """And the whole task under its own name."""
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


def test_file_in_the_buckets_root_has_a_folder() -> None:
    """An index has no empty keys."""
    task = sample_task(1)
    trigger = type(task.trigger)("upload", "darkroom-input", "cat.jpg.json", "v1")
    item = items.write_item(sample_task(1, trigger=trigger))
    assert item["folder"] == "/"


def test_numbers_keep_their_type() -> None:
    """Whole numbers as int; one that is too large for DynamoDB's digits stays a float."""
    params: Mapping[str, Any] = dict(full_task().resolved_order.params)
    item = items.write_item(full_task())
    assert isinstance(item["task"]["order"]["params"]["ratio"], Decimal)
    read = items.read_item(item).resolved_order.params
    assert dict(read) == params
    assert isinstance(read["huge"], float)
    assert isinstance(read["scale"], int)


def test_whole_numbers_keep_their_type_in_the_table() -> None:
    """DynamoDB returns every number as a decimal; a provider would get `2.0` for 2."""
    with cloud(), recorded_table() as (_, table):
        tasks = DynamoTasks(table)
        tasks.create(full_task(), previous=None, owner=None)
        read = tasks.get(full_task().task_id)
    assert read
    types = {name: type(value) for name, value in read.resolved_order.params.items()}
    assert types == {name: type(value) for name, value in full_task().resolved_order.params.items()}


def test_error_for_an_item_of_another_version_does_not_show_it() -> None:
    """It may contain URLs."""
    item = items.write_item(full_task())
    item["task"]["state"] = "https://secret.example/?signature=1"
    with pytest.raises(ValueError, match=f"task#{'0007' * 8}") as caught:
        items.read_item(item)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


LIMITER_ITEMS: Mapping[str, tuple[Callable[[DynamoLimiter], object], dict[str, Any]]] = {
    "lane": (
        lambda limiter: limiter.reserve("beta", "poll", Bucket(2, 2), 1000.0),
        {"sk": "lane#poll", "empty_at": 1_002_000},
    ),
    "leases": (
        lambda limiter: limiter.lease("beta", ID, 1060.5, 1, 1000.0),
        {"sk": "leases", "jobs": {ID: 1_060_500}},
    ),
    "standing": (
        lambda limiter: limiter.compare_and_set("beta", CircuitState(), CircuitState(5, 1030.25)),
        {"sk": "standing", "refusals": 5, "until": 1_030_250},
    ),
}


@pytest.mark.parametrize("name", LIMITER_ITEMS)
def test_limiter_stores_whole_milliseconds(name: str) -> None:
    """Under the provider's name, each part in its own item."""
    act, expected = LIMITER_ITEMS[name]
    with cloud(), recorded_table() as (_, table):
        act(DynamoLimiter(table))
        (item,) = table.scan()["Items"]
    assert {key: item[key] for key in ("pk", *expected)} == {"pk": "gate#beta", **expected}


def test_postpone_and_dismiss_change_index_keys_only() -> None:
    """Moving or removing the index key does not change the task."""
    with cloud(), recorded_table() as (recorder, table):
        tasks = DynamoTasks(table)
        task = sample_task(9)
        tasks.create(task, previous=None, owner=None)
        recorder.sent.clear()
        tasks.postpone(task, START + timedelta(hours=1))
        tasks.dismiss(task)
        assert tasks.get(task.task_id) == task

    later, gone = recorder.of("UpdateItem")
    assert later.body["UpdateExpression"] == "SET due_at = :until"
    assert later.body["ExpressionAttributeValues"][":until"] == {
        "S": "2026-03-01T13:00:00.000000+00:00"
    }
    assert gone.body["UpdateExpression"] == "REMOVE due, due_at"
