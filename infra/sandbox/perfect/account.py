"""Perfect's credit endpoints: the balance, and the history of charges.

From the vendor's page "unit system" (docs.perfectcorp.com/developers/unit_system): credits spent
are negative amounts in the history, `target_id` is the task that they were spent on.
"""

from collections.abc import Mapping

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.ledger import Entry
from infra.sandbox.perfect.errors import invalid_parameters
from infra.sandbox.perfect.features import BY_SLUG
from infra.sandbox.perfect.requests import read_page_size, read_token
from infra.sandbox.responses import json_response

LOT_ID = 24409059381740549
FIRST_HISTORY_ID = 38173479337460985
LOT_EXPIRES_AT_MS = 4_102_444_800_000  # the year 2100: the sandbox's credits do not expire
MAX_HISTORY_PER_PAGE = 30  # the style lists have 20


class Account:
    """Handles the credit routes, from the ledger."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def credit(self, _: RequestContext) -> Response:
        """Respond with the balance, as one lot that does not expire."""
        balance = self._state.ledger.balance
        lot = _lot(balance) | {"type": "ApiPaygToken", "expiry": LOT_EXPIRES_AT_MS}
        return json_response({"status": 200, "results": [lot]})

    def history(self, ctx: RequestContext) -> Response:
        """Respond with a page of charges, the newest first."""
        size = read_page_size(ctx.request.args, MAX_HISTORY_PER_PAGE)
        entries = [
            _show(number, entry) for number, entry in enumerate(self._state.ledger.entries())
        ]
        entries.reverse()
        token = read_token(ctx.request.args)
        start = 0
        if token is not None:
            places = [n for n, entry in enumerate(entries) if str(entry["id"]) == token]
            if not places:
                raise invalid_parameters()
            start = places[0]
        end = start + size
        next_token = str(entries[end]["id"]) if end < len(entries) else None
        result = {"next_token": next_token, "history": entries[start:end]}
        return json_response({"status": 200, "result": result})


def _show(number: int, entry: Entry) -> Mapping[str, object]:
    slug = entry.route.rpartition("/")[2]
    return {
        "id": FIRST_HISTORY_ID + 2 * number,
        "timestamp": int(entry.at * 1000),
        "action": BY_SLUG[slug].action,
        "target_id": entry.job_id,
        "info": {"credits": [_lot(-entry.credits if entry.kind == "charge" else entry.credits)]},
    }


def _lot(amount: int) -> dict[str, object]:
    return {"id": LOT_ID, "amount": amount, "amount_dec": float(amount)}
