"""The names under which data is stored: a deployment reads what the one before it wrote."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from darkroom.aws import dynamodb_items as items
from darkroom.aws.dynamodb_limiter import DynamoLimiter
from darkroom.aws.dynamodb_lines import DynamoLines
from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.quality import Quality
from darkroom.domain.task import Result
from darkroom.domain.turns import Place, Turn, Turns, Waiter
from tests.aws.request_recorder import recorded_table
from tests.fakes.clock import START
from tests.fakes.moto_aws import cloud_table
from tests.fakes.task_factory import full_task, sample_task

ID = "0009" * 8


def test_keys_of_all_kinds_of_item() -> None:
    """After a change of a key, stored tasks and notes could not be found."""
    assert items.task_key(ID) == {"pk": f"task#{ID}", "sk": "task"}
    assert items.wants_key("a/b.jpg", ID) == {"pk": "wants#a/b.jpg", "sk": ID}
    assert items.latest_key("a/b.jpg.json") == {"pk": "spec#a/b.jpg.json", "sk": "latest"}
    assert items.owner_key("a/b.jpg/upscale") == {"pk": "output#a/b.jpg/upscale", "sk": "owner"}
    assert items.request_key("order-17") == {"pk": "request#order-17", "sk": "task"}
    assert items.turns_key("beta") == {"pk": "gate#beta", "sk": "turns"}
    place = Place("beta", START + timedelta(milliseconds=7))
    assert items.line_key(ID, place) == {"pk": "line#beta", "sk": f"001772366400007#{ID}"}


def test_item_has_all_attributes_of_its_indexes() -> None:
    """And the whole task under its own name."""
    item = items.write_item(
        sample_task(9, "failed", updated_at=START + timedelta(seconds=1.5), revision=3)
    )
    body = item.pop("task")
    summary = json.loads(item.pop("summary"))

    assert item == {
        "pk": f"task#{ID}",
        "sk": "task",
        "revision": 3,
        "state": "failed",
        "tree": "tree#1",
        "tree_key": "/photos/9.jpg.json",
        "updated_at": "2026-03-01T12:00:01.500000+00:00",
        "due": "due#1",
        "due_at": "2026-03-01T12:30:01.500000+00:00",
        "expires_at": int(START.timestamp()) + 1 + 400 * 24 * 3600,
        "attention": "attention#1",
    }
    assert summary["state"] == "failed"
    assert summary["created_at"] == "2026-03-01T12:00:00+00:00"
    assert (body["task_id"], body["state"], body["trigger"]["key"]) == (
        ID,
        "failed",
        "photos/9.jpg.json",
    )


def test_summary_names_warnings_only_where_there_are_some() -> None:
    """An older version of the code can read all the others."""
    assert "warning" not in items.write_item(sample_task(1, "succeeded"))["summary"]
    result = Result("a.png", "image", "image/png", 1, "ab", Quality(warnings=("flat-result",)))
    item = items.write_item(sample_task(1, "succeeded", results=(result,)))
    summary = json.loads(item["summary"])
    assert (summary["warnings"], summary["warning"]) == (1, "flat-result")


def test_file_in_the_buckets_root_is_below_the_root() -> None:
    """An index has no empty keys."""
    task = sample_task(1)
    trigger = type(task.trigger)("upload", "darkroom-input", "cat.jpg.json", "v1")
    item = items.write_item(sample_task(1, trigger=trigger))
    assert item["tree_key"] == "/cat.jpg.json"


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
    with cloud_table(), recorded_table() as (_, table):
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
    with cloud_table(), recorded_table() as (_, table):
        act(DynamoLimiter(table))
        (item,) = table.scan()["Items"]
    assert {key: item[key] for key in ("pk", *expected)} == {"pk": "gate#beta", **expected}


def test_turns_are_stored_in_whole_milliseconds() -> None:
    """The attributes `version`, `empty_at`, `given` and `jobs` of one item for each provider."""
    turns = Turns(
        empty_at=1002.5,
        given={ID: Turn(1001.0, 0.625, since=900.5), "b": Turn(1000.0, used=True)},
        open_jobs={"b": 4600.25},
    )
    with cloud_table(), recorded_table() as (_, table):
        DynamoLines(table).compare_and_set("beta", Turns(), turns)
        (item,) = table.scan()["Items"]
    del item["write_id"]
    assert item == {
        "pk": "gate#beta",
        "sk": "turns",
        "version": 1,
        "empty_at": 1_002_500,
        "given": {ID: [1_001_000, 625, False, 900_500], "b": [1_000_000, 0, True, 0]},
        "jobs": {"b": 4_600_250},
    }


def test_place_in_line_is_stored_with_what_its_turn_needs() -> None:
    """A line is read without its tasks. The place expires after its task."""
    place = Place("beta", START, 6, opens_job=True)
    task = sample_task(9, run=3, place=place)
    written = items.write_waiter(task)
    assert written == {
        "pk": "line#beta",
        "sk": f"001772366400000#{ID}",
        "run": 3,
        "calls": 6,
        "opens_job": True,
        "missed": False,
        "expires_at": int(task.deadline.timestamp()) + 400 * 24 * 3600,
    }
    assert items.read_waiter(written) == Waiter(ID, 3, place)
    assert items.read_waiter(written | {"missed": True}) == Waiter(ID, 3, place, missed=True)
    assert items.write_waiter(sample_task(9)) is None


def test_task_without_a_place_can_be_read() -> None:
    """An older version of the code stored a slot of its rate limiter in its place."""
    item = items.write_item(sample_task(9))
    for name in ("place", "queued_at", "parked"):
        del item["task"][name]
    slot = {"provider": "beta", "lane": "submit", "at": "2026-03-01T12:00:00Z"}
    item["task"] |= {"slot": slot}
    item["task"]["order"].pop("priority")
    assert items.read_item(item) == sample_task(9)


def test_postpone_and_dismiss_change_index_keys_only() -> None:
    """Moving or removing the index key does not change the task."""
    with cloud_table(), recorded_table() as (recorder, table):
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
