"""Lists of tasks are complete and sorted, although DynamoDB returns at most 1 MB a page."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from darkroom.aws.dynamodb_indexes import SHARDS, shard_of
from darkroom.aws.dynamodb_items import task_key
from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.domain.errors import OwnTrouble
from darkroom.domain.order import Order
from darkroom.domain.task import Task
from tests.fakes.clock import START
from tests.fakes.moto_aws import cloud_table, table
from tests.fakes.task_factory import sample_task

LARGE = Order("upscale", (), metadata={"note": "x" * 300_000})
COUNT = 5
IDS = [sample_task(age * SHARDS).task_id for age in range(COUNT)]

LISTS: dict[str, Callable[[DynamoTasks, int], Sequence[Task]]] = {
    "get_many": lambda tasks, limit: tasks.get_many(IDS[:limit]),
    "needing_attention": lambda tasks, limit: tasks.needing_attention(limit),
}


@pytest.fixture
def tasks() -> Iterator[DynamoTasks]:
    """Failed tasks of one folder and one shard, each a third of a response's limit."""
    with cloud_table():
        store = DynamoTasks(table())
        for age in range(COUNT):
            at = START - timedelta(hours=age)
            store.create(
                sample_task(age * SHARDS, "failed", order=LARGE, created_at=at, updated_at=at),
                previous=None,
                owner=None,
            )
        yield store


@pytest.mark.parametrize("name", LISTS)
def test_list_reads_all_pages(tasks: DynamoTasks, name: str) -> None:
    """The newest first, and no more than the limit."""
    found = LISTS[name](tasks, 100)
    assert len(found) == COUNT
    times = [task.updated_at for task in found]
    assert times == sorted(times, reverse=True)
    assert LISTS[name](tasks, 4) == found[:4]


@pytest.mark.parametrize("name", LISTS)
def test_unreadable_item_does_not_hide_the_others(
    tasks: DynamoTasks, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Another version of the code wrote it; the log has its id and nothing else."""
    broken = sample_task(2 * SHARDS).task_id
    table().update_item(
        Key=task_key(broken),
        UpdateExpression="SET task = :it",
        ExpressionAttributeValues={":it": {"secret": 1}},
    )
    assert len(LISTS[name](tasks, 100)) == COUNT - 1
    assert broken in caplog.text
    assert "secret" not in caplog.text


def test_due_tasks_are_sorted_over_all_shards() -> None:
    """The tasks of the first shard do not come before all others."""
    with cloud_table():
        store = DynamoTasks(table())
        for age in range(2 * SHARDS):
            at = START - timedelta(minutes=age)
            task = sample_task(age, created_at=at, updated_at=at)
            store.create(task, previous=None, owner=None)
        found = list(store.due(START + timedelta(days=1)))

    assert found == [sample_task(age).task_id for age in reversed(range(2 * SHARDS))]


def test_tasks_needing_attention_are_sorted_over_all_shards() -> None:
    """The newest first, and no more than the limit."""
    with cloud_table():
        tasks = DynamoTasks(table())
        made = [sample_task(number, "failed") for number in (3, 1, 4, 2, 5)]
        for age, task in enumerate(made):
            at = task.updated_at.replace(hour=11 - age)
            aged = sample_task(int(task.task_id[:4], 16), "failed", updated_at=at)
            tasks.create(aged, previous=None, owner=None)
        shown = [task.task_id for task in tasks.needing_attention(3)]
    assert shown == [task.task_id for task in made[:3]]


def test_unreadable_shard_does_not_hide_the_other_shards() -> None:
    """Its error is raised at the end."""
    with cloud_table():
        store = DynamoTasks(_FirstShardThrottled(table()))  # type: ignore[arg-type]
        for number in range(2 * SHARDS):
            store.create(sample_task(number), previous=None, owner=None)
        found: list[str] = []
        due = store.due(START + timedelta(days=1))
        with pytest.raises(OwnTrouble):
            _drain(due, found)

    assert set(found) == {
        sample_task(number).task_id
        for number in range(2 * SHARDS)
        if shard_of(sample_task(number).task_id)
    }


class _FirstShardThrottled:
    """A table whose index has one hot partition that cannot be read."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.name = table.name
        self.meta = table.meta

    def query(self, **kwargs: Any) -> Any:
        """Query the table, except for that partition."""
        partition = kwargs["KeyConditionExpression"].get_expression()["values"][0]
        if "due#0" in str(partition.get_expression()["values"]):
            error = {"Error": {"Code": "ThrottlingException", "Message": "slow down"}}
            raise ClientError(error, "Query")  # type: ignore[arg-type]
        return self._table.query(**kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def _drain(ones: Iterable[str], into: list[str]) -> None:
    for one in ones:
        into.append(one)  # noqa: PERF402 - keeps what comes before an error
