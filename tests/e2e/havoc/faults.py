"""What goes wrong at the providers in a havoc run: rules for each sandbox, drawn from a seed.

Rates are such that most tasks still come out. No rule changes what a provider charges.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from tests.e2e.havoc.places import PAID, POLLS, RESULTS, UPLOADS

Effect = Mapping[str, Any]

DOUBTFUL: Final[Sequence[Effect]] = (
    {"drop": "before"},
    {"drop": "after"},
    {"status": 500},
    {"malformed": True},
    {"truncate": 12},
    {"delay_s": 1.0, "then": "before"},
)
CLEAR: Final[Sequence[Effect]] = (
    {"status": 429, "headers": {"retry-after": "1"}},
    {"status": 429},
    {"delay_s": 1.0, "then": "after"},
)
FAILED_JOB: Final[Effect] = {"job": "fail"}
PASSING: Final[Sequence[Effect]] = ({"drop": "before"}, {"status": 500}, {"malformed": True})
BROKEN: Final[Sequence[Effect]] = ({"drop": "before"}, {"status": 500}, {"truncate": 300})
LATE: Final[Sequence[Effect]] = ({"status": 404}, {"status": 403}, {"pack": "gzip"})
"""What befalls a result that is there all the same: not yet to be seen, or packed."""
LATE_TIMES: Final = 2
NO_PLAN: Final[Effect] = {"status": 403}
"""GoAPI's upload belongs to some plans only; without it files are read at a signed address."""
NO_TOKEN: Final[Effect] = {"status": 401, "body": {"error_code": "InvalidAccessToken"}}

PAID_SHARE: Final = 0.4
FREE_SHARE: Final = 0.3


def draw_rules(
    rng: random.Random, provider: str, tasks: int, *, hurried: bool = False
) -> list[dict[str, Any]]:
    """Rules for so many tasks: each strikes once, after a number of requests has passed.

    In a hurried run Perfect's part is nothing but a refused token: it does one job at a time, and
    one that is not asked about in time is lost, and rests before it is made anew.
    """
    refused = {"match": {"method": "GET", "path": "/s2s/v1.0/task/*"}, "do": dict(NO_TOKEN)}
    if hurried and provider == "perfect":
        return [refused]

    def some(share: float) -> int:
        return max(1, round(tasks * share))

    def rule(method: str, path: str, do: Effect) -> dict[str, Any]:
        skip = rng.randrange(max(1, tasks))
        return {"match": {"method": method, "path": path}, "do": dict(do), "skip": skip}

    kinds = [*DOUBTFUL, *CLEAR] + ([] if provider == "snapapi" else [FAILED_JOB])
    rng.shuffle(kinds)
    rules = [
        rule("POST", rng.choice(PAID[provider]), kinds[number % len(kinds)])
        for number in range(some(PAID_SHARE))
    ]
    for places in (UPLOADS[provider], POLLS[provider]):
        if places:
            rules += [
                rule(*rng.choice(places), rng.choice(PASSING)) for _ in range(some(FREE_SHARE))
            ]
    rules += [rule("GET", RESULTS[provider], rng.choice(BROKEN)) for _ in range(some(FREE_SHARE))]
    if not hurried:
        rules += [
            rule("GET", RESULTS[provider], rng.choice(LATE)) | {"times": LATE_TIMES}
            for _ in range(some(FREE_SHARE))
        ]
    if provider == "goapi":
        # First of all, and more than one: a signed address must be in use for certain.
        no_plan = {"method": "POST", "path": "/api/ephemeral_resource"}
        rules[:0] = [{"match": no_plan, "do": dict(NO_PLAN)} for _ in range(1 + some(0.15))]
    if provider == "perfect":
        rules += [refused | {"skip": rng.randrange(tasks)} for _ in range(some(0.15))]
    return rules


def add_rules(base_url: str, rules: Sequence[Mapping[str, Any]]) -> None:
    """Have a sandbox keep them."""
    httpx.post(f"{base_url}/_sandbox/faults", json=list(rules)).raise_for_status()


def count_fired(base_url: str) -> dict[str, int]:
    """Which faults struck, and how often."""
    fired: dict[str, int] = {}
    for rule in httpx.get(f"{base_url}/_sandbox/faults").json()["rules"]:
        do = rule["do"]
        name = " ".join(f"{key} {do[key]}" for key in sorted(do) if key not in ("headers", "body"))
        if rule["fired"]:
            fired[name] = fired.get(name, 0) + int(rule["fired"])
    return fired
