"""What is held of each budget, and which budgets hold tasks back, in the task table.

| pk                 | sk            | what                                                       |
|--------------------|---------------|------------------------------------------------------------|
| `budget#<account>` | `held`        | `held`: reserved and spent, in millionths                  |
| `holding`          | a line's name | `noted_at`: in this line tasks may be held                 |

`dynamodb_tasks` writes an account together with the task that changes it; here it is only read.
One item takes 1,000 writes a second, and a task with a budget writes its account once or twice.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from darkroom.aws.client_errors import map_aws_errors
from darkroom.aws.dynamodb_items import account_key, expiry, time_text
from darkroom.domain.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TABLE = "the table of budgets"
_HOLDING = "holding"


class DynamoBudgets:
    """`ports.Budgets` on DynamoDB."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def held(self, account: str) -> int:
        """See `ports.Budgets.held`; a strongly consistent read."""
        with map_aws_errors(TABLE):
            answer = self._table.get_item(Key=account_key(account), ConsistentRead=True)
        item: Any = answer.get("Item", {})
        return int(item.get("held", 0))

    def note_holding(self, line: str, now: datetime) -> None:
        """See `ports.Budgets.note_holding`."""
        note: dict[str, Any] = {"noted_at": time_text(now), "expires_at": expiry(now)}
        with map_aws_errors(TABLE):
            self._table.put_item(Item={"pk": _HOLDING, "sk": line, **note})

    def holding(self) -> Sequence[str]:
        """See `ports.Budgets.holding`."""
        return list(self._holding())

    def forget_holding(self, line: str, before: datetime) -> None:
        """See `ports.Budgets.forget_holding`."""
        with suppress(Conflict), map_aws_errors(TABLE):
            self._table.delete_item(
                Key={"pk": _HOLDING, "sk": line},
                ConditionExpression=Attr("noted_at").lt(time_text(before)),
            )

    def _holding(self) -> Iterator[str]:
        query: dict[str, Any] = {"KeyConditionExpression": Key("pk").eq(_HOLDING)}
        while True:
            with map_aws_errors(TABLE):
                answer = self._table.query(ConsistentRead=True, **query)
            yield from (str(item["sk"]) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
