"""Each provider's rate limiter, leases and circuit state in the task table; each write is atomic.

| pk                | sk            | what                                                       |
|-------------------|---------------|------------------------------------------------------------|
| `gate#<provider>` | `lane#<lane>` | rate limiter: `empty_at`, when the lane's bucket is empty  |
| `gate#<provider>` | `leases`      | `jobs`: task id -> until when its job may be open          |
| `gate#<provider>` | `standing`    | circuit: `refusals` in a row, open until `until`, `reason` |

Times are whole milliseconds since 1970. `reserve` moves a lane with updates that need no read
first, so that a burst of tasks does not lose races. Exactly one of these conditions holds at a time
(`d` is the length of the reserved calls, `edge` the end of the permitted burst):

    idle    empty_at <= now            empty_at := now + d         call now
    ahead   now < empty_at <= edge     empty_at := empty_at + d    call now
    full    empty_at > edge            empty_at := empty_at + d    call when it is within the edge
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from darkroom.aws.client_errors import map_aws_errors
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.errors import Busy, Conflict
from darkroom.domain.rate_limits import Bucket, Lane

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TRIES = 6
TABLE = "the table of rate limits"


class DynamoLimiter:
    """`ports.Limiter` on DynamoDB."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def reserve(
        self,
        provider: str,
        lane: Lane,
        bucket: Bucket,
        now: float,
        calls: int = 1,
        lender: Lane | None = None,
    ) -> float:
        """See `ports.Limiter.reserve`."""
        length = _ms(calls * bucket.spacing_s)
        edge = _ms(now + bucket.tolerance_s)
        own = _key(provider, f"lane#{lane}")
        for _ in range(TRIES):
            if self._reserve_idle(own, _ms(now), length) or self._reserve_ahead(
                own, _ms(now), edge, length
            ):
                return now
            if lender and self._reserve_idle(_key(provider, f"lane#{lender}"), _ms(now), length):
                return now
            full = self._update(
                own,
                "SET empty_at = empty_at + :d",
                "empty_at > :edge",
                {":d": length, ":edge": edge},
            )
            if full is not None:
                before = (int(str(full["empty_at"])) - length) / 1000
                return bucket.slot(before, now, calls)[0]
        raise Busy("contended", f"Too many calls of {provider} at once.")

    def _reserve_idle(self, lane: dict[str, Any], now: int, length: int) -> bool:
        """Reserve on the lane if it is idle; whether it was."""
        done = self._update(
            lane,
            "SET empty_at = :then",
            "attribute_not_exists(empty_at) OR empty_at <= :now",
            {":then": now + length, ":now": now},
        )
        return done is not None

    def _reserve_ahead(self, lane: dict[str, Any], now: int, edge: int, length: int) -> bool:
        """Reserve on the lane if it is busy but within its burst; whether it was."""
        done = self._update(
            lane,
            "SET empty_at = empty_at + :d",
            "empty_at > :now AND empty_at <= :edge",
            {":d": length, ":now": now, ":edge": edge},
        )
        return done is not None

    def lease(self, provider: str, task_id: str, until: float, most: int, now: float) -> bool:
        """See `ports.Limiter.lease`."""
        key = _key(provider, "leases")
        for _ in range(TRIES):
            jobs = self._read_leases(key)
            if jobs is None:
                self._update(key, "SET jobs = :none", "attribute_not_exists(jobs)", {":none": {}})
                continue
            updated = self._update(
                key,
                "SET jobs.#id = :until",
                "attribute_exists(jobs.#id) OR size(jobs) < :most",
                {":until": _ms(until), ":most": most},
                {"#id": task_id},
            )
            if updated is not None:
                return True
            if not self._drop_expired(key, jobs, _ms(now)):
                return False
        return False

    def release(self, provider: str, task_id: str) -> None:
        """See `ports.Limiter.release`."""
        key = _key(provider, "leases")
        if task_id in (self._read_leases(key) or {}):
            self._update(key, "REMOVE jobs.#id", "attribute_exists(jobs.#id)", {}, {"#id": task_id})

    def circuit(self, provider: str) -> CircuitState:
        """See `ports.Limiter.circuit`."""
        with map_aws_errors(TABLE):
            answer = self._table.get_item(Key=_key(provider, "standing"), ConsistentRead=True)
        item = answer.get("Item")
        if item is None:
            return CircuitState()
        until = int(str(item["until"])) / 1000
        return CircuitState(int(str(item["refusals"])), until, str(item.get("reason", "")))

    def compare_and_set(self, provider: str, old: CircuitState, new: CircuitState) -> bool:
        """See `ports.Limiter.compare_and_set`."""
        unknown = "attribute_not_exists(refusals) OR " if old == CircuitState() else ""
        same = "#reason = :old_reason"
        if not old.reason:  # an older version of the code wrote none
            same = f"(attribute_not_exists(#reason) OR {same})"
        changed = self._update(
            _key(provider, "standing"),
            "SET refusals = :refusals, #until = :until, #reason = :reason",
            f"{unknown}(refusals = :old_refusals AND #until = :old_until AND {same})",
            {
                ":refusals": new.refusals,
                ":until": _ms(new.until),
                ":old_refusals": old.refusals,
                ":old_until": _ms(old.until),
                ":reason": new.reason,
                ":old_reason": old.reason,
            },
            {"#until": "until", "#reason": "reason"},
        )
        return changed is not None

    def _read_leases(self, key: dict[str, Any]) -> Mapping[str, int] | None:
        """Task id -> end of its lease; None before the first lease."""
        with map_aws_errors(TABLE):
            item: Any = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        return None if item is None else item["jobs"]

    def _drop_expired(self, key: dict[str, Any], jobs: Mapping[str, int], now: int) -> bool:
        """Delete expired leases; whether there were any, so that another try makes sense."""
        expired = {task_id: until for task_id, until in jobs.items() if until <= now}
        for task_id, until in expired.items():
            self._update(
                key, "REMOVE jobs.#id", "jobs.#id = :until", {":until": until}, {"#id": task_id}
            )
        return bool(expired)

    def _update(
        self,
        key: dict[str, Any],
        update: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any] | None:
        """The item after the update, or None if the condition did not hold."""
        more: dict[str, Any] = {}
        if values:
            more["ExpressionAttributeValues"] = dict(values)
        if names:
            more["ExpressionAttributeNames"] = dict(names)
        try:
            with map_aws_errors(TABLE):
                answer = self._table.update_item(
                    Key=key,
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ReturnValues="ALL_NEW",
                    **more,
                )
        except Conflict:
            return None
        return answer["Attributes"]


def _key(provider: str, part: str) -> dict[str, Any]:
    return {"pk": f"gate#{provider}", "sk": part}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
