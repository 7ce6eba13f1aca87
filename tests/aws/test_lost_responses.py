"""boto3 repeats a write whose response is lost; the store must know its own write again."""

from typing import Any

import pytest

from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.domain.errors import Conflict
from tests.fakes.moto_aws import cloud, table
from tests.fakes.task_factory import sample_task


class SendsEveryPutTwice:
    """A table that loses the first response to every put, so that the client repeats it."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.name = table.name
        self.meta = table.meta

    def put_item(self, **words: Any) -> Any:
        """Write, lose the response, write again."""
        self._table.put_item(**words)
        return self._table.put_item(**words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def test_write_that_arrived_twice_succeeds() -> None:
    """Otherwise an intent would seem to be another caller's, and the task would end `unknown`."""
    with cloud():
        tasks = DynamoTasks(table())
        task = sample_task(1, "queued")
        tasks.create(task, previous=None, owner=None)
        written = DynamoTasks(SendsEveryPutTwice(table())).replace(task, task)  # type: ignore[arg-type]
        assert written.revision == 1
        assert tasks.get(task.task_id) == written


def test_equal_write_by_another_caller_is_a_conflict() -> None:
    """Two callers that write the very same task are still two."""
    with cloud():
        tasks = DynamoTasks(table())
        task = sample_task(1, "queued")
        tasks.create(task, previous=None, owner=None)
        tasks.replace(task, task)
        with pytest.raises(Conflict):
            tasks.replace(task, task)
