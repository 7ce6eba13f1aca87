"""Checks of temporary outages: no task fails because of them, and few calls are paid for."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tests.e2e.havoc.money_checks import Check
from tests.e2e.havoc.runner import Outcome

BLOCKED: Final = frozenset({"no-credits", "bad-credentials", "account-suspended"})
GONE: Final = "result gone"
"""The fault that deletes a result."""
SETTLED_S: Final = 3.0
"""Seconds after the output bucket closed until earlier calls have ended."""
MAX_FRUITLESS_CALLS: Final = 8
"""Paid calls while nothing can be delivered: each function lets one at a time try."""


def check_waits(outcome: Outcome) -> list[Check]:
    """Every promise about temporary outages."""
    return [_accounts(outcome), _given_up(outcome), _closed(outcome)]


def _accounts(outcome: Outcome) -> Check:
    broken = []
    for key, manifest in outcome.state.manifests.items():
        if _code(manifest) in BLOCKED:
            broken.append(f"{key} is {manifest['status']}: {_code(manifest)}")
        broken += [
            f"{key} takes a blocked account for {one['outcome']}: attempt {one['number']}"
            for one in manifest["attempts"]
            if _code(one) in BLOCKED and one["outcome"] in ("refused", "failed", "lost")
        ]
    finished = ", ".join(sorted(outcome.outages)) or "none"
    return Check("no task fails because of its provider's account", f"outages: {finished}", broken)


def _given_up(outcome: Outcome) -> Check:
    """No more results are given up than were deleted."""
    given_up = Counter[str]()
    for manifest in outcome.state.manifests.values():
        if _code(manifest) in ("result-gone", "result-unreachable", "result-packed"):
            given_up[manifest["provider"]] += 1
    broken = [
        f"{provider}: {times} results given up, {outcome.fired[provider].get(GONE, 0)} were gone"
        for provider, times in given_up.items()
        if times > outcome.fired[provider].get(GONE, 0)
    ]
    return Check("only deleted results are given up", f"{given_up.total()} given up", broken)


def _closed(outcome: Outcome) -> Check:
    seen = outcome.state
    fruitless = [
        one
        for one in seen.exchanges
        if one.paid and any(since + SETTLED_S < one.at < until for since, until in seen.closed)
    ]
    broken = (
        [f"{one.provider}: {one.path}" for one in fruitless]
        if len(fruitless) > MAX_FRUITLESS_CALLS
        else []
    )
    figure = f"{len(fruitless)} paid calls in {sum(b - a for a, b in seen.closed):.0f} s"
    return Check("few paid calls while nothing can be delivered", figure, broken)


def _code(document: Mapping[str, Any]) -> str:
    failure = document.get("failure")
    return str(failure["code"]) if failure else ""
