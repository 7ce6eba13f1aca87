"""The liberties that the havoc run takes, all of them with time; what it waits for passes sooner.

- A message that nobody finished comes back to the intake queue after half a minute (on AWS after
  six).
- A doubtful call to a provider with a list of past calls is looked for during half an hour before
  the task ends `unknown`. Once it has been looked for in vain, the beginning of that half hour is
  moved back by more than its length.
- Only in a hurried run: the message comes back after seconds, and the wait for an answer ends of
  which it is known that nobody is left to receive it.

Everything else passes as it does, the waits of the workflow and of the sweep included.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from infra.local.queue_poller import LONG_POLL_S
from tests.e2e.havoc.places import settling_of
from tests.e2e.shop import Shop

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

REDELIVER_S: Final = 30
REDELIVER_HURRIED_S: Final = 4
LONG: Final = timedelta(minutes=45)
LOOKED: Final = 2
"""How often it must have been looked for."""
UNDER_WAY: Final = timedelta(seconds=60)
"""A call that is under way has more than this before it; between two calls it is less at first."""


def redeliver_sooner(shop: Shop, *, hurried: bool) -> None:
    """Shorten the time after which the intake queue hands a message out again."""
    wait_s = REDELIVER_HURRIED_S if hurried else REDELIVER_S
    shop.sqs.set_queue_attributes(
        QueueUrl=shop.outputs["IntakeQueueUrl"], Attributes={"VisibilityTimeout": str(wait_s)}
    )
    # A poll that has begun keeps the time that it was told, also for what comes while it waits.
    time.sleep(LONG_POLL_S)


class Ageing:
    """Ages tasks in the table, each under the condition that nobody has written it since.

    Args:
        table: the tasks.
        callers_gone_at: when, by the wall clock, no process was left that could be in a call.
        hurried: whether the wait for an answer ends that nobody is left to receive.
    """

    def __init__(
        self, table: "Table", callers_gone_at: Callable[[], float], *, hurried: bool
    ) -> None:
        self.times = 0
        self._table = table
        self._callers_gone_at = callers_gone_at
        self._hurried = hurried
        self._cut_short: set[tuple[str, int]] = set()

    def look(self, items: list[dict[str, Any]]) -> None:
        """Age those of a scan's items that only wait."""
        for item in items:
            if item.get("state") == "submitting":
                attempt = item["task"]["attempts"][-1]
                changes = self._changes(item, attempt)
                if changes:
                    self._write(item, len(item["task"]["attempts"]) - 1, changes)

    def _changes(self, item: Mapping[str, Any], attempt: Mapping[str, Any]) -> dict[str, datetime]:
        began = datetime.fromisoformat(attempt.get("asked_since") or attempt["started_at"])
        written = datetime.fromisoformat(item["updated_at"])
        call_until = datetime.fromisoformat(attempt["call_until"])
        # A look counts once it was in vain: whoever was killed in it has seen nothing.
        asking = item["pk"], int(attempt["replays"])
        looked = call_until - written < UNDER_WAY and asking not in self._cut_short
        looked &= attempt["replays"] >= (1 if self._hurried else LOOKED)
        now = datetime.now(UTC)
        if settling_of(attempt) == "look-up" and looked and now - began < LONG:
            # As if a later run had taken the attempt up then; when it was made stays as it is.
            return {"asked_since": began - LONG}
        alone = written.timestamp() < self._callers_gone_at()
        late = call_until > now + timedelta(seconds=1)
        if self._hurried and alone and late:
            self._cut_short.add(asking)
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
            self.times += 1
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
