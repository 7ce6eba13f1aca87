"""The one liberty that the havoc run takes: half an hour passes at once for a task that only waits.

A doubtful call to a provider with a list of past calls is looked for during half an hour before
the task ends `unknown`. Once it has been looked for in vain, its beginning is moved back by more
than that; everything else, the waits of the workflow included, passes as it does. A hurried run
also ends the wait for an answer of which it knows that nobody is left to receive it.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LONG: Final = timedelta(minutes=45)
LOOKED: Final = 2
"""How often it must have been looked for."""


class Hurry:
    """Ages tasks in the table, each under the condition that nobody has written it since.

    Args:
        table: the tasks.
        callers_gone_at: when, by the wall clock, no process was left that could be in a call.
        patient: whether an answer is waited for that nobody is left to receive.
    """

    def __init__(
        self, table: "Table", callers_gone_at: Callable[[], float], *, patient: bool
    ) -> None:
        self.aged = 0
        self._table = table
        self._callers_gone_at = callers_gone_at
        self._patient = patient

    def look(self, items: list[dict[str, Any]]) -> None:
        """Age those of a scan's items that only wait."""
        for item in items:
            if item.get("state") == "submitting":
                attempt = item["task"]["attempts"][-1]
                changes = self._changes(item, attempt)
                if changes:
                    self._write(item, len(item["task"]["attempts"]) - 1, changes)

    def _changes(self, item: Mapping[str, Any], attempt: Mapping[str, Any]) -> dict[str, datetime]:
        began = datetime.fromisoformat(attempt["started_at"])
        listed = attempt["provider"] == "goapi" and attempt["model"] != "image-toolkit-v2"
        looked = attempt["replays"] >= (LOOKED if self._patient else 1)
        now = datetime.now(UTC)
        if listed and looked and now - began < LONG:
            return {"started_at": began - LONG}
        written = datetime.fromisoformat(item["updated_at"])
        alone = written.timestamp() < self._callers_gone_at()
        late = datetime.fromisoformat(attempt["call_until"]) > now + timedelta(seconds=1)
        if not self._patient and alone and late:
            return {"call_until": now}
        return {}

    def _write(self, item: Mapping[str, Any], number: int, changes: Mapping[str, datetime]) -> None:
        names = {f"#{name}": name for name in changes}
        values = {f":{name}": _written(at) for name, at in changes.items()}
        sets = ", ".join(f"#task.attempts[{number}].#{name} = :{name}" for name in changes)
        try:
            self._table.update_item(
                Key={"pk": item["pk"], "sk": item["sk"]},
                UpdateExpression=f"SET {sets}",
                ConditionExpression="revision = :revision",
                ExpressionAttributeNames={"#task": "task", **names},
                ExpressionAttributeValues={":revision": item["revision"], **values},
            )
            self.aged += 1
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
