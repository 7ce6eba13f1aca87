"""Lists of tasks are as long as was asked for, although DynamoDB answers a megabyte at most."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest

from darkroom.aws.items import SHARDS
from darkroom.aws.tasks import DynamoTasks
from darkroom.order import Order
from darkroom.task import Task
from tests.fakes.clock import START
from tests.fakes.cloud import cloud, table
from tests.fakes.samples import sample_task

LARGE = Order("upscale", (), metadata={"note": "x" * 300_000})
COUNT = 5

LISTS: dict[str, Callable[[DynamoTasks, int], Sequence[Task]]] = {
    "in_folder": lambda tasks, limit: tasks.in_folder("photos/", limit),
    "needing_attention": lambda tasks, limit: tasks.needing_attention(limit),
}


@pytest.fixture
def tasks() -> Iterator[DynamoTasks]:
    """Failed tasks of one folder and one shard, each a third of what an answer may hold."""
    with cloud():
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
def test_a_list_goes_on_where_an_answer_ends(tasks: DynamoTasks, name: str) -> None:
    """All of them, the newest first; and no more than asked for."""
    found = LISTS[name](tasks, 100)
    assert len(found) == COUNT
    times = [task.updated_at for task in found]
    assert times == sorted(times, reverse=True)
    assert LISTS[name](tasks, 4) == found[:4]
