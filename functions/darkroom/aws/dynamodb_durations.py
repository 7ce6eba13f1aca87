"""How long the jobs of each route took, in the task table: one small item for each route.

| pk                | sk                              | what                                     |
|-------------------|---------------------------------|------------------------------------------|
| `gate#<provider>` | `durations#<operation>#<model>` | `domain.job_times.JobTimes`, written by  |
|                   |                                 | compare-and-set on `jobs`                |

`weights` has the buckets that are not empty. Times are whole milliseconds since 1970. An item that
is not written for as long as a finished task is kept expires.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from darkroom.aws.client_errors import map_aws_errors
from darkroom.aws.dynamodb_items import durations_key, expiry
from darkroom.aws.recent_reads import RecentReads
from darkroom.domain.errors import Conflict
from darkroom.domain.job_times import BUCKETS, JobTimes
from darkroom.domain.routes import Route

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TABLE = "the table of durations"


class DynamoDurations:
    """`ports.Durations` on DynamoDB.

    Args:
        table: the task table.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, table: "Table", monotonic: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._reads = RecentReads[tuple[str, str], JobTimes](JobTimes(), monotonic)

    def known(self, route: Route) -> JobTimes:
        """See `ports.Durations.known`. After an error the last answer holds for another minute."""
        return self._reads.get(_name(route), lambda: self._get(route))

    def compare_and_set(self, route: Route, old: JobTimes, new: JobTimes) -> bool:
        """See `ports.Durations.compare_and_set`."""
        unchanged: ConditionBase = Attr("jobs").eq(old.jobs)
        try:
            with map_aws_errors(TABLE):
                self._table.put_item(
                    Item=_write(route, new),
                    ConditionExpression=unchanged if old.jobs else Attr("pk").not_exists(),
                )
        except Conflict:
            self._reads.forget(_name(route))
            return False
        self._reads.keep(_name(route), new)
        return True

    def _get(self, route: Route) -> JobTimes:
        with map_aws_errors(TABLE):
            # An old answer does no harm: the next write then loses its race.
            answer = self._table.get_item(Key=durations_key(*_name(route)), ConsistentRead=False)
        item: Any = answer.get("Item")
        if item is None:
            return JobTimes()
        weights = [0] * BUCKETS
        for bucket, weight in item["weights"].items():
            weights[int(bucket)] = int(weight)
        written_at = int(item["written_at"]) / 1000
        return JobTimes(int(item["jobs"]), written_at, int(item["one_in"]), tuple(weights))


def _name(route: Route) -> tuple[str, str]:
    return route.provider, f"{route.operation}#{route.model}"


def _write(route: Route, times: JobTimes) -> dict[str, Any]:
    written_at = datetime.fromtimestamp(times.written_at, UTC)
    return durations_key(*_name(route)) | {
        "jobs": times.jobs,
        "written_at": round(times.written_at * 1000),
        "one_in": times.one_in,
        "weights": {str(n): weight for n, weight in enumerate(times.weights) if weight},
        "expires_at": expiry(written_at),
    }
