"""A write whose answer is lost is sent again by boto3, and must not be taken for another's."""

from typing import Any

import pytest

from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.domain.errors import Conflict
from tests.fakes.moto_aws import cloud, table
from tests.fakes.task_factory import sample_task


class SendsTwice:
    """A table whose first answer to every put is lost, so that the client sends it again."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.name = table.name
        self.meta = table.meta

    def put_item(self, **words: Any) -> Any:
        """Write, lose the answer, write again."""
        self._table.put_item(**words)
        return self._table.put_item(**words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def test_a_write_that_arrived_twice_has_succeeded() -> None:
    """Else an intent would count as someone else's, and end `unknown` though nothing was sent."""
    with cloud():
        tasks = DynamoTasks(table())
        task = sample_task(1, "queued")
        tasks.create(task, previous=None, owner=None)
        written = DynamoTasks(SendsTwice(table())).replace(task, task)  # type: ignore[arg-type]
        assert written.revision == 1
        assert tasks.get(task.task_id) == written


def test_the_same_write_by_another_is_a_conflict() -> None:
    """Two callers that write the very same task are still two."""
    with cloud():
        tasks = DynamoTasks(table())
        task = sample_task(1, "queued")
        tasks.create(task, previous=None, owner=None)
        tasks.replace(task, task)
        with pytest.raises(Conflict):
            tasks.replace(task, task)
