"""What providers have charged lately, in the task table: one small item for each provider.

| pk                | sk        | what                                                          |
|-------------------|-----------|---------------------------------------------------------------|
| `gate#<provider>` | `charges` | `domain.prices.ProviderCharges`, written by compare-and-set   |
|                   |           | on `version`                                                  |

`routes` maps a route to its terms, and these to their charges, newest first; a charge is its amount
and its time in whole milliseconds since 1970. An item that is not written for as long as a finished
task is kept expires.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from darkroom.aws.client_errors import map_aws_errors
from darkroom.aws.dynamodb_items import charges_key, expiry
from darkroom.aws.recent_reads import RecentReads
from darkroom.domain.errors import Conflict
from darkroom.domain.prices import Charge, ProviderCharges
from darkroom.domain.routes import Route

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TABLE = "the table of charges"


class DynamoCharges:
    """`ports.Charges` on DynamoDB.

    Args:
        table: the task table.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, table: "Table", monotonic: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._reads = RecentReads[str, ProviderCharges](ProviderCharges(), monotonic)

    def known(self, provider: str) -> ProviderCharges:
        """See `ports.Charges.known`. After an error the last answer holds for another minute."""
        return self._reads.get(provider, lambda: self._get(provider))

    def record(self, route: Route, terms: str, charge: Charge) -> bool:
        """See `ports.Charges.record`."""
        old = self.known(route.provider)
        new = old.after(route, terms, charge)
        if new is None:
            return False
        unchanged: ConditionBase = Attr("version").eq(old.version)
        try:
            with map_aws_errors(TABLE):
                self._table.put_item(
                    Item=_write(route.provider, new, charge.at),
                    ConditionExpression=unchanged if old.version else Attr("pk").not_exists(),
                )
        except Conflict:
            self._reads.forget(route.provider)
            return False
        self._reads.keep(route.provider, new)
        return True

    def _get(self, provider: str) -> ProviderCharges:
        with map_aws_errors(TABLE):
            # An old answer does no harm: the next write then loses its race.
            answer = self._table.get_item(Key=charges_key(provider), ConsistentRead=False)
        item: Any = answer.get("Item")
        if item is None:
            return ProviderCharges()
        routes = {
            name: {terms: tuple(map(_read_charge, charges)) for terms, charges in charged.items()}
            for name, charged in item["routes"].items()
        }
        return ProviderCharges(int(item["version"]), routes)


def _read_charge(stored: Mapping[str, Any]) -> Charge:
    at = datetime.fromtimestamp(int(stored["at"]) / 1000, UTC)
    return Charge(float(stored["credits"]), at)


def _write(provider: str, charges: ProviderCharges, at: datetime) -> dict[str, Any]:
    routes = {
        name: {
            terms: [
                {
                    "credits": Decimal(str(charge.credits)),
                    "at": round(charge.at.timestamp() * 1000),
                }
                for charge in lately
            ]
            for terms, lately in charged.items()
        }
        for name, charged in charges.routes.items()
    }
    return charges_key(provider) | {
        "version": charges.version,
        "routes": routes,
        "expires_at": expiry(at),
    }
