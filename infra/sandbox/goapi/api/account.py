"""GoAPI's `GET /account/info`: plan, wallet, credit pack and the limits of concurrency.

Fields from "Account Info" (piapi.ai/docs) and from what the vendor's command line reads. 500
credits are 1 USD; the sandbox's ledger counts these credits.
"""

from collections.abc import Mapping

from werkzeug.wrappers import Response

from infra.sandbox.clock import iso_seconds
from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.goapi.api.envelope import success_response

CREDITS_PER_USD = 500
ACCOUNT_ID = 1
CAPPED = (
    "task",
    "flux",
    "kling",
    "luma",
    "hailuo",
    "image_toolkit",
    "trellis",
    "suno",
    "udio",
    "internal_proxy",
)
YEAR_S = 365 * 24 * 3600.0


def show_account(_: RequestContext, state: SandboxState) -> Response:
    """Respond with the account's present state."""
    state.jobs.settle()
    report = state.ledger.report()
    used = _int_entry(report, "charged") - _int_entry(report, "refunded")
    left = state.ledger.balance
    now = state.clock.now()
    most = int(state.knobs["max_concurrent_tasks"])
    caps = {
        f"max_concurrent_{name}_count" if name == "task" else f"max_{name}_concurrency": most
        for name in CAPPED
    }
    return success_response(
        {
            "id": ACCOUNT_ID,
            "name": "sandbox",
            "plan": "creator" if state.knobs["uploads_in_plan"] else "free",
            "type": "user",
            "platform": "sandbox",
            "account_group": "sandbox",
            "is_enable": state.active,
            "is_verified": True,
            "equivalent_in_usd": left / CREDITS_PER_USD,
            **caps,
            "notification_hook_url": "",
            "wallet": {
                "id": ACCOUNT_ID,
                "point_remain": left,
                "point_frozen": 0,
                "point_used": used,
                "llm_remain": 0,
                "llm_used": 0,
                "mj_remain": 0,
                "luma_remain": 0,
                "gpts_remain": 0,
                "auto_recharge_enabled": False,
            },
            "credit_pack_info": {
                "available_credits": left,
                "used_credits": used,
                "total_credits": left + used,
                "frozen_credits": 0,
                "expired_credits": 0,
                "inactive_credits": 0,
                "credit_packs_count": 1,
                "credit_packs": [
                    {
                        "id": 1,
                        "active": True,
                        "capacity": left + used,
                        "expired_at": iso_seconds(now + YEAR_S),
                    }
                ],
            },
            "created_at": iso_seconds(now - YEAR_S),
            "updated_at": iso_seconds(now),
        }
    )


def _int_entry(report: Mapping[str, object], name: str) -> int:
    value = report[name]
    return value if isinstance(value, int) else 0
