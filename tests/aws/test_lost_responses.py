"""boto3 repeats a write whose response is lost; the store must know its own write again."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from darkroom.aws.dynamodb_lines import DynamoLines
from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.domain.errors import Conflict
from darkroom.domain.turns import Place, Turns
from tests.aws.request_recorder import recorded_table
from tests.fakes.clock import START
from tests.fakes.moto_aws import cloud_table, table
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
    with cloud_table():
        tasks = DynamoTasks(table())
        task = sample_task(1, "queued")
        tasks.create(task, previous=None, owner=None)
        written = DynamoTasks(SendsEveryPutTwice(table())).replace(task, task)  # type: ignore[arg-type]
        assert written.revision == 1
        assert tasks.get(task.task_id) == written


def test_equal_write_by_another_caller_is_a_conflict() -> None:
    """Two callers that write the very same task are still two."""
    with cloud_table():
        tasks = DynamoTasks(table())
        task = sample_task(1, "queued")
        tasks.create(task, previous=None, owner=None)
        tasks.replace(task, task)
        with pytest.raises(Conflict):
            tasks.replace(task, task)


def test_turns_that_arrived_twice_are_set() -> None:
    """Otherwise a task would seem to have no turn, and its calls of the rate would be lost."""
    with cloud_table():
        lines = DynamoLines(table())
        again = DynamoLines(SendsEveryPutTwice(table()))  # type: ignore[arg-type]
        assert again.compare_and_set("beta", Turns(), Turns(empty_at=5.0))
        assert again.compare_and_set("beta", lines.turns("beta"), Turns(empty_at=6.0))
        assert lines.turns("beta") == Turns(2, 6.0)


def test_equal_turns_of_another_caller_are_not_ones_own() -> None:
    """Two callers that give out the very same turn would start two runs for it."""
    with cloud_table():
        lines = DynamoLines(table())
        assert lines.compare_and_set("beta", Turns(), Turns(empty_at=5.0))
        assert not lines.compare_and_set("beta", Turns(), Turns(empty_at=5.0))


def test_transaction_whose_response_is_lost_is_repeated_with_its_token() -> None:
    """By the token DynamoDB knows it, and answers as the first time; moto does not check it."""
    sent: list[dict[str, Any]] = []

    def lose_first(request: Any, **_more: Any) -> AWSResponse:
        sent.append(json.loads(request.body))
        known = sent[0]["ClientRequestToken"] == sent[-1]["ClientRequestToken"]
        status = 200 if known and len(sent) > 1 else 500
        answer = AWSResponse(request.url, status, HTTPHeaders(), request)
        answer._content = b"{}"  # type: ignore[attr-defined] # else read from the connection
        return answer

    with cloud_table(), recorded_table() as (_, recorded):
        tasks, task = DynamoTasks(recorded), sample_task(1)
        tasks.create(task, previous=None, owner=None)
        # The first handler's response counts, but moto's is called too, and writes.
        recorded.meta.client.meta.events.register_first(
            "before-send.dynamodb.TransactWriteItems", lose_first
        )
        written = tasks.replace(task, replace(task, place=Place("beta", START)))
        assert tasks.get(task.task_id) == written

    first, second = sent
    assert first == second
