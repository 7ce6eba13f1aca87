"""The task store on one DynamoDB table; every write names what it expects to find.

| pk               | sk       | what                                                  |
|------------------|----------|-------------------------------------------------------|
| `task#<id>`      | `task`   | the task                                              |
| `wants#<key>`    | `<id>`   | the task waits for this input key                     |
| `spec#<key>`     | `latest` | the newest task of this spec                          |
| `output#<name>`  | `owner`  | the newest task that may write under this output name |

Indexes: `by-due` (what is not dismissed, by when to look at it), `by-folder`, `by-attention`
(failed and unknown tasks).
"""

import heapq
import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from darkroom.aws.items import (
    SHARDS,
    expiry,
    latest_key,
    owner_key,
    read_item,
    task_key,
    time_text,
    wants_key,
    write_item,
)
from darkroom.errors import Conflict
from darkroom.task import Task

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PAGE = 1000
"""Items asked for at once, where many are wanted."""
_LOST = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


class DynamoTasks:
    """`ports.Tasks` on DynamoDB."""

    def __init__(self, table: "Table") -> None:
        self._table = table
        self._client = table.meta.client

    def get(self, task_id: str) -> Task | None:
        """See `ports.Tasks.get`; a strongly consistent read."""
        answer = self._table.get_item(Key=task_key(task_id), ConsistentRead=True)
        return read_item(answer["Item"]) if "Item" in answer else None

    def create(self, task: Task, *, previous: str | None, owner: str | None) -> None:
        """See `ports.Tasks.create`; one transaction of at most 3 + len(wants) items."""
        claims = [(owner_key(task.output), owner)]
        if task.replaces:
            claims.append((latest_key(task.trigger.key), previous))
        note, expires = {"task_id": task.task_id}, {"expires_at": expiry(task.created_at)}
        writes: list[dict[str, Any]] = [
            self._put(write_item(task), "attribute_not_exists(pk)"),
            *(self._claim(key, expected, note | expires) for key, expected in claims),
            *(
                self._put(wants_key(key, task.task_id) | expires, None)
                for key in dict.fromkeys(task.wants)
            ),
        ]
        try:
            self._client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type] # plain dicts, checked by the service
        except ClientError as error:
            reasons = error.response.get("CancellationReasons", [])
            if any(reason.get("Code") in _LOST for reason in reasons):
                raise Conflict(f"Task {task.task_id} or its names changed meanwhile.") from error
            raise

    def replace(self, old: Task, new: Task) -> Task:
        """See `ports.Tasks.replace`; the condition is the revision."""
        written = replace(new, revision=old.revision + 1)
        write_id = uuid.uuid4().hex
        try:
            self._table.put_item(
                Item=write_item(written) | {"write_id": write_id},
                ConditionExpression=Attr("revision").eq(old.revision),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            # boto3 sends a write again when its answer is lost, and then meets what it wrote.
            there: Any = error.response.get("Item", {})
            if there.get("write_id") not in (write_id, {"S": write_id}):
                raise Conflict(f"Task {old.task_id} changed meanwhile.") from error
        return written

    def latest(self, key: str) -> str | None:
        """See `ports.Tasks.latest`."""
        return self._named(latest_key(key))

    def owner(self, output: str) -> str | None:
        """See `ports.Tasks.owner`."""
        return self._named(owner_key(output))

    def claim_output(self, name: str, task: Task, over: str | None) -> bool:
        """See `ports.Tasks.claim_output`; the note is kept as long as those of `create`."""
        free = Attr("pk").not_exists() | Attr("task_id").is_in([task.task_id, over or task.task_id])
        note = {"task_id": task.task_id, "expires_at": expiry(task.created_at)}
        try:
            self._table.put_item(Item=owner_key(name) | note, ConditionExpression=free)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def wanting(self, key: str) -> Sequence[str]:
        """See `ports.Tasks.wanting`; a consistent query on the table itself."""
        return [
            str(item["sk"])
            for item in self._pages(KeyConditionExpression=Key("pk").eq(f"wants#{key}"))
        ]

    def forget_wants(self, task: Task) -> None:
        """See `ports.Tasks.forget_wants`."""
        for key in dict.fromkeys(task.wants):
            self._table.delete_item(Key=wants_key(key, task.task_id))

    def due(self, now: datetime) -> Iterable[str]:
        """See `ports.Tasks.due`; eventually consistent, soonest first within a shard."""
        for shard in range(SHARDS):
            condition = Key("due").eq(f"due#{shard}") & Key("due_at").lte(time_text(now))
            for item in self._pages(
                IndexName="by-due", KeyConditionExpression=condition, ConsistentRead=False
            ):
                yield str(item["pk"]).removeprefix("task#")

    def postpone(self, task: Task, until: datetime) -> None:
        """See `ports.Tasks.postpone`; moves the index alone."""
        self._mark(task, "SET due_at = :until", {":until": time_text(until)})

    def dismiss(self, task: Task) -> None:
        """See `ports.Tasks.dismiss`; takes it out of the index."""
        self._mark(task, "REMOVE due, due_at", {})

    def in_folder(self, folder: str, limit: int) -> Sequence[Task]:
        """See `ports.Tasks.in_folder`; eventually consistent."""
        return list(self._newest("by-folder", Key("folder").eq(folder or "/"), limit))

    def needing_attention(self, limit: int) -> Sequence[Task]:
        """See `ports.Tasks.needing_attention`; eventually consistent."""
        found = (
            task
            for shard in range(SHARDS)
            for task in self._newest(
                "by-attention", Key("attention").eq(f"attention#{shard}"), limit
            )
        )
        return heapq.nlargest(limit, found, key=lambda task: task.updated_at)

    def _newest(self, index: str, condition: ConditionBase, limit: int) -> Iterator[Task]:
        """The last of an index's partition; page after page, for one holds a megabyte at most."""
        items = self._pages(
            IndexName=index,
            KeyConditionExpression=condition,
            ConsistentRead=False,
            ScanIndexForward=False,
            Limit=min(limit, PAGE),
        )
        return (read_item(item) for item in itertools.islice(items, limit))

    def _mark(self, task: Task, update: str, values: dict[str, Any]) -> None:
        try:
            self._table.update_item(
                Key=task_key(task.task_id),
                UpdateExpression=update,
                ConditionExpression="revision = :revision",
                ExpressionAttributeValues={":revision": task.revision, **values},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def _pages(self, **query: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - boto3's arguments
        query.setdefault("ConsistentRead", True)
        while True:
            answer = self._table.query(**query)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _named(self, key: dict[str, Any]) -> str | None:
        answer = self._table.get_item(Key=key, ConsistentRead=True)
        return str(answer["Item"]["task_id"]) if "Item" in answer else None

    def _put(self, item: dict[str, Any], condition: str | None) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._table.name, "Item": item}
        if condition is not None:
            put["ConditionExpression"] = condition
        return {"Put": put}

    def _claim(
        self, key: dict[str, Any], expected: str | None, note: dict[str, Any]
    ) -> dict[str, Any]:
        write = self._put(key | note, "attribute_not_exists(pk)")
        if expected is not None:
            write["Put"] |= {
                "ConditionExpression": "task_id = :expected",
                "ExpressionAttributeValues": {":expected": expected},
            }
        return write
