"""What is in an account at GoAPI.

Facts are those of the vendor's command line and of clients: `GET /account/info` has the credits
that can be spent in `credit_pack_info.available_credits`, and what all are worth in
`equivalent_in_usd`. What the wallet's points are worth is not documented, so they are not counted.
"""

from darkroom.domain.prices import Balance
from darkroom.providers import json_fields
from darkroom.providers.adapter import Response
from darkroom.providers.goapi.envelope import read_data

ACCOUNT = "/account/info"


def read_balance(response: Response) -> Balance:
    """The credits and the dollars, as far as the answer has them."""
    data = read_data(response)
    pack = data.get("credit_pack_info")
    described = pack if isinstance(pack, dict) else {}
    credits_ = json_fields.credits_or_none(described.get("available_credits"))
    usd = json_fields.credits_or_none(data.get("equivalent_in_usd"))
    if credits_ is None and usd is None:
        raise json_fields.unreadable_response()
    frozen = json_fields.credits_or_none(described.get("frozen_credits"))
    plan = json_fields.quotable(data.get("plan"))
    notes = (f"plan {plan}" if plan else "", f"{frozen:g} credits are frozen" if frozen else "")
    return Balance(credits_, usd, ", ".join(filter(None, notes)))
