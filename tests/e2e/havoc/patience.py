"""What must hold of what passes by itself: nobody fails for it, and little is paid meanwhile."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tests.e2e.havoc.money import Check
from tests.e2e.havoc.play import Outcome

BLOCKED: Final = frozenset({"no-credits", "bad-credentials", "account-suspended"})
GONE: Final = "result gone"
"""The fault after which a result is really not to be had any more."""
SETTLED_S: Final = 3.0
"""So long after the output bucket closed the calls that were begun before it are over."""
MAX_FRUITLESS_CALLS: Final = 8
"""Paid calls while nothing can be delivered: one at a time tries, and each function by itself."""


def check_patience(outcome: Outcome) -> list[Check]:
    """Every promise about what passes by itself."""
    return [_accounts(outcome), _given_up(outcome), _closed(outcome)]


def _accounts(outcome: Outcome) -> Check:
    broken = []
    for key, manifest in outcome.evidence.manifests.items():
        if _code(manifest) in BLOCKED:
            broken.append(f"{key} is {manifest['status']}: {_code(manifest)}")
        broken += [
            f"{key} takes a blocked account for {one['outcome']}: attempt {one['number']}"
            for one in manifest["attempts"]
            if _code(one) in BLOCKED and one["outcome"] in ("refused", "failed", "lost")
        ]
    played = ", ".join(sorted(outcome.troubles)) or "none"
    return Check("no task fails for its provider's account", f"troubles: {played}", broken)


def _given_up(outcome: Outcome) -> Check:
    """As often as a result was really taken away, and no oftener."""
    given_up = Counter[str]()
    for manifest in outcome.evidence.manifests.values():
        if _code(manifest) in ("result-gone", "result-unreachable", "result-packed"):
            given_up[manifest["provider"]] += 1
    broken = [
        f"{provider}: {times} results given up, {outcome.fired[provider].get(GONE, 0)} were gone"
        for provider, times in given_up.items()
        if times > outcome.fired[provider].get(GONE, 0)
    ]
    return Check("only what is gone is given up", f"{given_up.total()} given up", broken)


def _closed(outcome: Outcome) -> Check:
    seen = outcome.evidence
    vain = [
        one
        for one in seen.exchanges
        if one.paid and any(since + SETTLED_S < one.at < until for since, until in seen.closed)
    ]
    broken = (
        [f"{one.provider}: {one.path}" for one in vain] if len(vain) > MAX_FRUITLESS_CALLS else []
    )
    figure = f"{len(vain)} paid calls in {sum(b - a for a, b in seen.closed):.0f} s"
    return Check("little is paid for while nothing can be delivered", figure, broken)


def _code(told: Mapping[str, Any]) -> str:
    failure = told.get("failure")
    return str(failure["code"]) if failure else ""
