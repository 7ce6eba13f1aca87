"""Perfect's history of credits: `GET /client/credit/history`, a token leads to the next page.

Facts are those of the vendor's page "unit system" (docs.perfectcorp.com/developers/unit_system).
A row is a change of the account: `target_id` names the task that it is about. `renew` and `expire`
are about none. `amount_dec` has the decimals that `amount` lacks. A task is charged when it
succeeds, so one that has failed is in no row.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from darkroom.domain.vendor_history import HistoryPage, HistoryRow
from darkroom.providers import json_fields
from darkroom.providers.adapter import Request, Response
from darkroom.providers.history_rows import read_page, word
from darkroom.providers.parse_time import millis_as_s
from darkroom.providers.perfect.errors import read_result

HISTORY: Final = "/s2s/v1.0/client/credit/history"
PAGE_SIZE: Final = 30
"""The most that the vendor allows."""
_NO_JOB: Final = frozenset({"renew", "expire"})


def page_request(after: str) -> Request:
    """The request for the page that this token names; "" is the first."""
    query = {"page_size": str(PAGE_SIZE)} | ({"starting_token": after} if after else {})
    return Request("GET", f"{HISTORY}?{urlencode(query)}")


def read_history(response: Response) -> HistoryPage:
    """The page in a 2xx response. Raises `Unclear` if there is none."""
    result = read_result(response)
    token = result.get("next_token")
    after = "" if token in (None, "") else json_fields.as_id(token)
    return read_page(result.get("history"), _read_row, after)


def _read_row(row: Mapping[str, Any]) -> HistoryRow | None:
    target = row.get("target_id")
    if row.get("action") in _NO_JOB or target in (None, ""):
        return None
    return HistoryRow(
        entry=json_fields.as_id(row.get("id")),
        job_id=json_fields.as_id(target),
        at_s=millis_as_s(row.get("timestamp")),
        credits=_amount(row.get("info")),
        state="charged",
        what=word(row.get("action")),
    )


def _amount(info: object) -> float:
    """The sum of all lots that the credits came from."""
    total = 0.0
    for item in json_fields.as_list(json_fields.as_object(info).get("credits")):
        lot = json_fields.as_object(item)
        amounts = (json_fields.number_or_none(lot.get(name)) for name in ("amount_dec", "amount"))
        amount = next((one for one in amounts if one is not None), None)
        if amount is None:
            raise json_fields.unreadable_response()
        total += amount
    return total
