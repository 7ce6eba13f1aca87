"""The questions about many tasks at once, on the table's indexes."""

import heapq
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import ConditionBase, Key
from botocore.exceptions import ClientError

from darkroom.aws.client_errors import map_aws_errors
from darkroom.aws.dynamodb_indexes import (
    BY_ATTENTION,
    BY_BATCH,
    BY_DUE,
    BY_KEY,
    SHARDS,
    batch_partition,
    read_entry,
    tree_key,
    tree_partition,
)
from darkroom.aws.dynamodb_items import read_item, task_key, time_text
from darkroom.domain.errors import Busy, OwnTrouble
from darkroom.domain.task import Task
from darkroom.domain.task_summary import TaskSummary

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import Table

LOG = logging.getLogger(__name__)
PAGE: Final = 1000
"""Items per query, if the caller wants many."""
TABLE: Final = "the task table"
BATCH: Final = 100
"""DynamoDB's limit of a BatchGetItem."""
BATCH_TRIES: Final = 8
"""How often a batch is asked for the rest: it answers at most 16 MB, and less when it is busy."""
FIRST_PAUSE_S: Final = 0.05
"""Before the second try; then twice as long each time."""


class DynamoTaskLists:
    """The part of `ports.Tasks` that lists."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    @property
    def _client(self) -> "DynamoDBClient":
        return self._table.meta.client

    def get_many(self, task_ids: Iterable[str]) -> Sequence[Task]:
        """See `ports.Tasks.get_many`; strongly consistent, a request for each 100."""
        wanted = list(dict.fromkeys(task_ids))
        found: dict[str, Task] = {}
        for chunk in _chunks(wanted):
            for task in _readable_tasks(self._get_batch(chunk)):
                found[task.task_id] = task
        return [found[task_id] for task_id in wanted if task_id in found]

    def due(self, now: datetime) -> Iterable[str]:
        """See `ports.Tasks.due`; eventually consistent, soonest first.

        A shard that cannot be read does not hide the tasks of the other shards; its error is raised
        at the end.
        """
        errors: list[Exception] = []

        def due_of(shard: int) -> Iterator[dict[str, Any]]:
            condition = Key("due").eq(f"due#{shard}") & Key("due_at").lte(time_text(now))
            try:
                yield from self._query_index(BY_DUE, condition)
            except (OwnTrouble, ClientError) as error:
                errors.append(error)

        shards = (due_of(shard) for shard in range(SHARDS))
        for item in heapq.merge(*shards, key=lambda item: str(item["due_at"])):
            yield str(item["pk"]).removeprefix("task#")
        if errors:
            raise errors[0]

    def below(self, prefix: str) -> Iterable[TaskSummary]:
        """See `ports.Tasks.below`; a query for each shard and megabyte of it, eight at once."""

        def condition(shard: int) -> ConditionBase:
            begins = Key("tree_key").begins_with(tree_key(prefix))
            return Key("tree").eq(tree_partition(shard)) & begins

        for summary in self._summaries(BY_KEY, condition):
            if summary.key.startswith(prefix):
                yield summary

    def in_batch(self, name: str) -> Iterable[TaskSummary]:
        """See `ports.Tasks.in_batch`; as many queries as `below`."""
        return self._summaries(
            BY_BATCH, lambda shard: Key("batch").eq(batch_partition(name, shard))
        )

    def _summaries(
        self, index: str, condition: Callable[[int], ConditionBase]
    ) -> Iterator[TaskSummary]:
        """What an index shows in all shards."""

        # boto3 warns of resources in threads; a query changes nothing of this one.
        def entries_of(shard: int) -> list[dict[str, Any]]:
            return list(self._query_index(index, condition(shard)))

        with ThreadPoolExecutor(SHARDS) as pool:
            shards = list(pool.map(entries_of, range(SHARDS)))
        for item in itertools.chain.from_iterable(shards):
            try:
                yield read_entry(item)
            except ValueError as error:
                LOG.warning("left out: %s", error)

    def needing_attention(self, limit: int) -> Sequence[Task]:
        """See `ports.Tasks.needing_attention`; the index is eventually consistent."""
        found = (
            item
            for shard in range(SHARDS)
            for item in itertools.islice(self._query_attention(shard, limit), limit)
        )
        newest = heapq.nlargest(limit, found, key=lambda item: str(item["updated_at"]))
        return self.get_many(str(item["pk"]).removeprefix("task#") for item in newest)

    def _query_attention(self, shard: int, limit: int) -> Iterator[dict[str, Any]]:
        return self._query_index(
            BY_ATTENTION,
            Key("attention").eq(f"attention#{shard}"),
            ScanIndexForward=False,
            Limit=min(limit, PAGE),
        )

    def _get_batch(self, task_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The items of at most 100 tasks. Raises `Busy` if the table does not give them all."""
        name = self._table.name
        asked: Any = {name: {"Keys": list(map(task_key, task_ids)), "ConsistentRead": True}}
        for tries in range(BATCH_TRIES):
            with map_aws_errors(TABLE):
                answer = self._client.batch_get_item(RequestItems=asked)
            items: Sequence[dict[str, Any]] = answer["Responses"].get(name, [])
            yield from items
            asked = answer["UnprocessedKeys"]
            if not asked:
                return
            if not items:
                time.sleep(FIRST_PAUSE_S * 2**tries)
        raise Busy("table-busy", f"{TABLE.capitalize()} returned only some of the tasks asked for.")

    def _query_index(
        self,
        index: str,
        condition: ConditionBase,
        **more: Any,  # noqa: ANN401 - boto3's arguments
    ) -> Iterator[dict[str, Any]]:
        """DynamoDB refuses consistent reads of such an index."""
        return self._query(
            IndexName=index, KeyConditionExpression=condition, ConsistentRead=False, **more
        )

    def _query(self, **query: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - boto3's arguments
        query.setdefault("ConsistentRead", True)
        while True:
            with map_aws_errors(TABLE):
                answer = self._table.query(**query)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _chunks(task_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (task_ids[start : start + BATCH] for start in range(0, len(task_ids), BATCH))


def _readable_tasks(items: Iterable[dict[str, Any]]) -> Iterator[Task]:
    """The tasks of these items; one that cannot be read is logged and left out."""
    for item in items:
        try:
            yield read_item(item)
        except ValueError as error:
            LOG.warning("left out: %s", error)
