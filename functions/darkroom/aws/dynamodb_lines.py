"""Each provider's line, and what is given out there, in the task table.

| pk                | sk                     | what                                                |
|-------------------|------------------------|-----------------------------------------------------|
| `gate#<provider>` | `turns`                | `domain.turns.Turns`, written by compare-and-set    |
| `line#<provider>` | `<since in ms>#<task>` | a task in line: `run`, `calls`, `opens_job`,        |
|                   |                        | `missed` (whether it has missed a turn)             |

`dynamodb_tasks` writes a task's place together with the task; here it is only read and marked. A
turn is one write of the first item, so that item is written as often as the provider may be called.
Times are whole milliseconds since 1970.
"""

import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from darkroom.aws.client_errors import map_aws_errors
from darkroom.aws.dynamodb_items import line_key, line_partition, read_waiter, turns_key
from darkroom.domain.errors import Conflict
from darkroom.domain.turns import Place, Turn, Turns, Waiter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TABLE = "the table of turns"


class DynamoLines:
    """`ports.Lines` on DynamoDB."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def turns(self, provider: str) -> Turns:
        """See `ports.Lines.turns`."""
        with map_aws_errors(TABLE):
            answer = self._table.get_item(Key=turns_key(provider), ConsistentRead=True)
        item: Any = answer.get("Item")
        if item is None:
            return Turns()
        return Turns(
            int(item["version"]),
            int(item["empty_at"]) / 1000,
            {str(task_id): _read_turn(turn) for task_id, turn in item["given"].items()},
            {str(task_id): int(until) / 1000 for task_id, until in item["jobs"].items()},
        )

    def compare_and_set(self, provider: str, old: Turns, new: Turns) -> bool:
        """See `ports.Lines.compare_and_set`."""
        write_id = uuid.uuid4().hex
        item = turns_key(provider) | {
            "version": old.version + 1,
            "empty_at": _ms(new.empty_at),
            "given": {task_id: _write_turn(turn) for task_id, turn in new.given.items()},
            "jobs": {task_id: _ms(until) for task_id, until in new.open_jobs.items()},
            "write_id": write_id,
        }
        unchanged: ConditionBase = Attr("version").eq(old.version)
        try:
            with map_aws_errors(TABLE):
                self._table.put_item(
                    Item=item,
                    ConditionExpression=unchanged if old.version else Attr("pk").not_exists(),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except Conflict as conflict:
            # boto3 repeats a write whose response is lost, and then meets its own first write.
            error = conflict.__cause__
            stored: Any = error.response.get("Item", {}) if isinstance(error, ClientError) else {}
            return stored.get("write_id") in (write_id, {"S": write_id})
        return True

    def first(self, provider: str, most: int) -> Sequence[Waiter]:
        """See `ports.Lines.first`."""
        waiting = self._query(provider, most, FilterExpression=Attr("missed").eq(False))
        return [read_waiter(item) for item in itertools.islice(waiting, most)]

    def missed(self, provider: str) -> Sequence[Waiter]:
        """See `ports.Lines.missed`."""
        missed = self._query(provider, None, FilterExpression=Attr("missed").eq(True))
        return [read_waiter(item) for item in missed]

    def mark(self, task_id: str, place: Place, *, missed: bool) -> None:
        """See `ports.Lines.mark`."""
        with suppress(Conflict), map_aws_errors(TABLE):
            self._table.update_item(
                Key=line_key(task_id, place),
                UpdateExpression="SET missed = :missed",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":missed": missed},
            )

    def ahead(self, task_id: str, place: Place) -> int:
        """See `ports.Lines.ahead`."""
        key = line_key(task_id, place)
        before = Key("pk").eq(key["pk"]) & Key("sk").lt(key["sk"])
        return sum(page["Count"] for page in self._pages(before, Select="COUNT"))

    def length(self, provider: str) -> int:
        """See `ports.Lines.length`."""
        everyone = Key("pk").eq(line_partition(provider))
        return sum(page["Count"] for page in self._pages(everyone, Select="COUNT"))

    def _query(self, provider: str, page: int | None, **query: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - boto3's arguments
        limit = {} if page is None else {"Limit": page}
        everyone = Key("pk").eq(line_partition(provider))
        for answer in self._pages(everyone, **limit, **query):
            yield from answer["Items"]

    def _pages(self, condition: ConditionBase, **query: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - boto3's arguments
        while True:
            with map_aws_errors(TABLE):
                answer = self._table.query(
                    KeyConditionExpression=condition, ConsistentRead=True, **query
                )
            yield answer
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _write_turn(turn: Turn) -> list[Any]:
    return [_ms(turn.at), _ms(turn.length_s), turn.used, _ms(turn.since)]


def _read_turn(stored: Any) -> Turn:  # noqa: ANN401 - a list of DynamoDB's values
    at, length, used, since = stored
    return Turn(int(at) / 1000, int(length) / 1000, bool(used), int(since) / 1000)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
