"""Batches in the task table: one item each, which no task writes.

| pk             | sk                    | what                                                   |
|----------------|-----------------------|--------------------------------------------------------|
| `batch#<name>` | `folder` or `message` | `domain.batch.Batch`, written by compare-and-set       |

The index `by-due` holds the batches that SWEEP has to look at, in a partition of their own.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from pydantic import TypeAdapter

from darkroom.aws.client_errors import map_aws_errors
from darkroom.aws.dynamodb_indexes import BY_DUE
from darkroom.aws.dynamodb_items import expiry, time_text
from darkroom.aws.dynamodb_task_lists import BATCH_TRIES, FIRST_PAUSE_S
from darkroom.domain.batch import Batch, BatchId, Kind
from darkroom.domain.errors import Busy

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TABLE: Final = "the table of batches"
DUE: Final = "due#batches"
"""The partition of the index by due time; there are few batches."""


class DynamoBatches:
    """`ports.Batches` on DynamoDB."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def get_many(self, ids: Iterable[BatchId]) -> Sequence[Batch]:
        """See `ports.Batches.get_many`; one consistent request."""
        name = self._table.name
        keys = [batch_key(one) for one in dict.fromkeys(ids)]
        asked: Any = {name: {"Keys": keys, "ConsistentRead": True}}
        found: list[Batch] = []
        for tries in range(BATCH_TRIES):
            with map_aws_errors(TABLE):
                answer = self._table.meta.client.batch_get_item(RequestItems=asked)
            items: Sequence[Mapping[str, Any]] = answer["Responses"].get(name, [])
            found += map(read_batch, items)
            asked = answer["UnprocessedKeys"]
            if not asked:
                return found
            time.sleep(FIRST_PAUSE_S * 2**tries)
        raise Busy("table-busy", "The table returned only some of the batches asked for.")

    def write(self, old: Batch | None, new: Batch) -> Batch:
        """See `ports.Batches.write`; the condition is the version."""
        written = replace(new, version=old.version + 1 if old else 1)
        unchanged: ConditionBase = Attr("pk").not_exists()
        if old is not None:
            unchanged = Attr("version").eq(old.version)
        with map_aws_errors(TABLE):
            self._table.put_item(Item=write_batch(written), ConditionExpression=unchanged)
        return written

    def due(self, now: datetime, most: int) -> Sequence[BatchId]:
        """See `ports.Batches.due`; one query of an index, eventually consistent."""
        with map_aws_errors(TABLE):
            answer = self._table.query(
                IndexName=BY_DUE,
                KeyConditionExpression=Key("due").eq(DUE) & Key("due_at").lte(time_text(now)),
                ConsistentRead=False,
                Limit=most,
            )
        return [_id_of(item) for item in answer["Items"]]


def batch_key(of: BatchId) -> dict[str, Any]:
    """The primary key of a batch's item."""
    return {"pk": f"batch#{of.name}", "sk": of.kind}


def write_batch(batch: Batch) -> dict[str, Any]:
    """The batch as an item."""
    last = batch.look_at or batch.changed_at
    item = batch_key(batch.id) | {
        "version": batch.version,
        "document": _adapter().dump_json(batch).decode(),
        "expires_at": expiry(last),
    }
    if batch.look_at is not None:
        item |= {"due": DUE, "due_at": time_text(batch.look_at)}
    return item


def read_batch(item: Mapping[str, Any]) -> Batch:
    """The batch that `write_batch` wrote."""
    return _adapter().validate_python(json.loads(str(item["document"])))


@cache
def _adapter() -> TypeAdapter[Batch]:
    return TypeAdapter(Batch)


def _id_of(item: Mapping[str, Any]) -> BatchId:
    kind: Kind = "folder" if item["sk"] == "folder" else "message"
    return BatchId(kind, str(item["pk"]).removeprefix("batch#"))
