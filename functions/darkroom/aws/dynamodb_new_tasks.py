"""How many new tasks a folder has had lately, in the task table.

| pk             | sk                           | what                                          |
|----------------|------------------------------|-----------------------------------------------|
| `new#<folder>` | when five minutes have begun | `tasks`: new ones of these minutes, about     |

It is about as many: a message that is delivered again is counted again. One item takes 1,000 writes
a second, and lives for an hour.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from darkroom.aws.client_errors import map_aws_errors
from darkroom.aws.dynamodb_items import time_text
from darkroom.domain.money_rules import GUARD_WINDOW

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TABLE = "the table of new tasks"
HALF = GUARD_WINDOW / 2
_LIFETIME = timedelta(hours=1)
_EPOCH = datetime.fromtimestamp(0, UTC)


class DynamoNewTasks:
    """`ports.NewTasks` on DynamoDB."""

    def __init__(self, table: "Table") -> None:
        self._table = table
        self._before: dict[tuple[str, datetime], int] = {}

    def count(self, folder: str, now: datetime) -> int:
        """See `ports.NewTasks.count`; one write, and one read per folder and five minutes."""
        began = now - (now - _EPOCH) % HALF
        with map_aws_errors(TABLE):
            answer = self._table.update_item(
                Key=_key(folder, began),
                UpdateExpression="ADD tasks :one SET expires_at = :expires",
                ExpressionAttributeValues={
                    ":one": 1,
                    ":expires": int((began + _LIFETIME).timestamp()),
                },
                ReturnValues="UPDATED_NEW",
            )
        attributes: Any = answer["Attributes"]
        return int(attributes["tasks"]) + self._count_before(folder, began - HALF)

    def _count_before(self, folder: str, began: datetime) -> int:
        if (folder, began) not in self._before:
            with map_aws_errors(TABLE):
                answer = self._table.get_item(Key=_key(folder, began), ConsistentRead=True)
            item: Any = answer.get("Item", {})
            self._before = {(folder, began): int(item.get("tasks", 0))}
        return self._before[folder, began]


def _key(folder: str, began: datetime) -> dict[str, Any]:
    return {"pk": f"new#{folder}", "sk": time_text(began)}
