"""Each provider's circuit, and the leases of probes, in the task table; each write is atomic.

| pk                | sk         | what                                                       |
|-------------------|------------|------------------------------------------------------------|
| `gate#<provider>` | `leases`   | `jobs`: task id -> until when it has the lease             |
| `gate#<provider>` | `standing` | circuit: `refusals` in a row, open until `until`, `reason`,|
|                   |            | `blocked`: an account that a person has to fix             |

Times are whole milliseconds since 1970. `dynamodb_lines` has the providers' turns and open jobs.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from darkroom.aws.client_errors import map_aws_errors
from darkroom.domain.circuit_state import Blocked, CircuitState
from darkroom.domain.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TRIES = 6
TABLE = "the table of rate limits"


class DynamoLimiter:
    """`ports.Limiter` on DynamoDB."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def lease(self, name: str, task_id: str, until: float, most: int, now: float) -> bool:
        """See `ports.Limiter.lease`."""
        key = _key(name, "leases")
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

    def release(self, name: str, task_id: str) -> None:
        """See `ports.Limiter.release`."""
        key = _key(name, "leases")
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
        blocked: Any = item.get("blocked")
        return CircuitState(
            int(str(item["refusals"])),
            until,
            str(item.get("reason", "")),
            None if blocked is None else _read_blocked(blocked),
        )

    def compare_and_set(self, provider: str, old: CircuitState, new: CircuitState) -> bool:
        """See `ports.Limiter.compare_and_set`."""
        unknown = "attribute_not_exists(refusals) OR " if old == CircuitState() else ""
        same = "#reason = :old_reason"
        if not old.reason:  # an older version of the code wrote none
            same = f"(attribute_not_exists(#reason) OR {same})"
        same += " AND attribute_not_exists(#blocked)"
        change, values = " REMOVE #blocked", dict[str, Any]()
        if old.blocked is not None:
            same = same.replace("attribute_not_exists(#blocked)", "#blocked = :old_blocked")
            values[":old_blocked"] = _write_blocked(old.blocked)
        if new.blocked is not None:
            change, values[":blocked"] = ", #blocked = :blocked", _write_blocked(new.blocked)
        changed = self._update(
            _key(provider, "standing"),
            f"SET refusals = :refusals, #until = :until, #reason = :reason{change}",
            f"{unknown}(refusals = :old_refusals AND #until = :old_until AND {same})",
            {
                ":refusals": new.refusals,
                ":until": _ms(new.until),
                ":old_refusals": old.refusals,
                ":old_until": _ms(old.until),
                ":reason": new.reason,
                ":old_reason": old.reason,
                **values,
            },
            {"#until": "until", "#reason": "reason", "#blocked": "blocked"},
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


def _write_blocked(blocked: Blocked) -> dict[str, Any]:
    return {
        "since": _ms(blocked.since),
        "code": blocked.code,
        "announced": blocked.announced,
        "asked_at": _ms(blocked.asked_at),
    }


def _read_blocked(stored: Any) -> Blocked:  # noqa: ANN401 - a map of DynamoDB's values
    return Blocked(
        int(stored["since"]) / 1000,
        str(stored["code"]),
        bool(stored["announced"]),
        int(stored["asked_at"]) / 1000,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
