"""Shortens waits in a havoc run.

- The intake queue delivers an unfinished message again after half a minute (on AWS after six).
- For an unclear call to a provider with a list of past calls, the product searches that list for
  half an hour before the task ends `unknown`. After an unsuccessful search, the start of that half
  hour is moved back by more than its length.
- Only in a hurried run: the message is delivered again after seconds, and the wait for a response
  whose caller was killed ends at once.

All other waits keep their length, those of the workflow and of the sweep too.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from infra.local.queue_poller import LONG_POLL_S
from tests.e2e.environment_client import EnvironmentClient
from tests.e2e.havoc.request_kinds import settlement_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

REDELIVER_S: Final = 30
REDELIVER_HURRIED_S: Final = 4
LOOKUP_TIME: Final = timedelta(minutes=45)
MIN_LOOKUPS: Final = 2
"""How many searches must have ended."""
RUNNING_CALL: Final = timedelta(seconds=60)
"""A running search has more than this until its deadline; between two searches it is less."""


def redeliver_sooner(client: EnvironmentClient, *, hurried: bool) -> None:
    """Shorten the time after which the intake queue delivers a message again."""
    wait_s = REDELIVER_HURRIED_S if hurried else REDELIVER_S
    client.sqs.set_queue_attributes(
        QueueUrl=client.outputs["IntakeQueueUrl"],
        Attributes={"VisibilityTimeout": str(wait_s)},
    )
    # A poll that is running keeps its old visibility time-out.
    time.sleep(LONG_POLL_S)


class TimeCompression:
    """Moves times of tasks in the table, each write conditional on the task's revision.

    Args:
        table: the tasks.
        callers_gone_at: the last wall-clock time at which no process could be in a call.
        hurried: whether to end waits for responses whose caller was killed.
    """

    def __init__(
        self, table: "Table", callers_gone_at: Callable[[], float], *, hurried: bool
    ) -> None:
        self.times = 0
        self._table = table
        self._callers_gone_at = callers_gone_at
        self._hurried = hurried
        self._shortened: set[tuple[str, int]] = set()

    def apply(self, items: list[dict[str, Any]]) -> None:
        """Move the times of those items of a scan that only wait."""
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
        # Only finished searches count, not those whose process was killed.
        search = item["pk"], int(attempt["replays"])
        searched = call_until - written < RUNNING_CALL and search not in self._shortened
        searched &= attempt["replays"] >= (1 if self._hurried else MIN_LOOKUPS)
        now = datetime.now(UTC)
        if settlement_of(attempt) == "look-up" and searched and now - began < LOOKUP_TIME:
            # As if a later run had begun to search then; `started_at` does not change.
            return {"asked_since": began - LOOKUP_TIME}
        alone = written.timestamp() < self._callers_gone_at()
        late = call_until > now + timedelta(seconds=1)
        if self._hurried and alone and late:
            self._shortened.add(search)
            return {"call_until": now}
        return {}

    def _write(self, item: Mapping[str, Any], number: int, changes: Mapping[str, datetime]) -> None:
        names = {f"#{name}": name for name in changes}
        values = {f":{name}": _format(at) for name, at in changes.items()}
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


def _format(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
