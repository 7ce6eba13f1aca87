"""What is in an account at Perfect: lots of units, from a subscription or paid as they are used.

Facts are those of the vendor's page "unit system" (docs.perfectcorp.com/developers/unit_system).
"""

from collections import defaultdict

from darkroom.domain.prices import Balance
from darkroom.providers import json_fields
from darkroom.providers.adapter import Response


def read_balance(response: Response) -> Balance:
    """The sum of the lots; the note has the sums of their kinds, where there are several.

    The lots are beside the envelope's status, not in a `result`. `amount_dec` has the decimals that
    `amount` lacks.
    """
    body = json_fields.as_object(response.json())
    by_kind: dict[str, float] = defaultdict(float)
    for item in json_fields.as_list(body.get("results")):
        lot = json_fields.as_object(item)
        amounts = (json_fields.credits_or_none(lot.get(name)) for name in ("amount_dec", "amount"))
        amount = next((one for one in amounts if one is not None), None)
        if amount is None:
            raise json_fields.unreadable_response()
        by_kind[json_fields.quotable(lot.get("type")) or "other"] += amount
    kinds = ", ".join(f"{kind} {amount:g}" for kind, amount in sorted(by_kind.items()))
    return Balance(float(sum(by_kind.values())), note=kinds if len(by_kind) > 1 else "")
