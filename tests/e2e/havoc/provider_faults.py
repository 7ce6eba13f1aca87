"""Faults of the providers in a havoc run: random rules for each sandbox.

The rates let most tasks succeed. No rule changes what a provider charges.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from tests.e2e.havoc.request_kinds import PAID, POLLS, RESULTS, UPLOADS

Effect = Mapping[str, Any]

UNCLEAR: Final[Sequence[Effect]] = (
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
TRANSIENT: Final[Sequence[Effect]] = ({"drop": "before"}, {"status": 500}, {"malformed": True})
BROKEN: Final[Sequence[Effect]] = ({"drop": "before"}, {"status": 500}, {"truncate": 300})
LATE: Final[Sequence[Effect]] = ({"status": 404}, {"status": 403}, {"pack": "gzip"})
"""Faults of a result that exists: not available yet, or compressed."""
LATE_TIMES: Final = 2
NO_PLAN: Final[Effect] = {"status": 403}
"""Some of GoAPI's plans have no upload; the file is then sent as a presigned URL."""
NO_TOKEN: Final[Effect] = {"status": 401, "body": {"error_code": "InvalidAccessToken"}}

PAID_SHARE: Final = 0.4
FREE_SHARE: Final = 0.3


def draw_rules(
    rng: random.Random, provider: str, tasks: int, *, hurried: bool = False
) -> list[dict[str, Any]]:
    """Rules for a number of tasks: each applies once, after a random number of requests.

    In a hurried run Perfect only gets a refused token: it runs one job at a time, and a job that is
    not polled in time is lost and made again only after a pause.
    """
    refused = {"match": {"method": "GET", "path": "/s2s/v1.0/task/*"}, "do": dict(NO_TOKEN)}
    if hurried and provider == "perfect":
        return [refused]

    def count(share: float) -> int:
        return max(1, round(tasks * share))

    def rule(method: str, path: str, do: Effect) -> dict[str, Any]:
        skip = rng.randrange(max(1, tasks))
        return {"match": {"method": method, "path": path}, "do": dict(do), "skip": skip}

    kinds = [*UNCLEAR, *CLEAR] + ([] if provider == "snapapi" else [FAILED_JOB])
    rng.shuffle(kinds)
    rules = [
        rule("POST", rng.choice(PAID[provider]), kinds[number % len(kinds)])
        for number in range(count(PAID_SHARE))
    ]
    for places in (UPLOADS[provider], POLLS[provider]):
        if places:
            rules += [
                rule(*rng.choice(places), rng.choice(TRANSIENT)) for _ in range(count(FREE_SHARE))
            ]
    rules += [rule("GET", RESULTS[provider], rng.choice(BROKEN)) for _ in range(count(FREE_SHARE))]
    if not hurried:
        rules += [
            rule("GET", RESULTS[provider], rng.choice(LATE)) | {"times": LATE_TIMES}
            for _ in range(count(FREE_SHARE))
        ]
    if provider == "goapi":
        # First, and more than one: a presigned URL must really be used.
        no_plan = {"method": "POST", "path": "/api/ephemeral_resource"}
        rules[:0] = [{"match": no_plan, "do": dict(NO_PLAN)} for _ in range(1 + count(0.15))]
    if provider == "perfect":
        rules += [refused | {"skip": rng.randrange(tasks)} for _ in range(count(0.15))]
    return rules


def add_rules(base_url: str, rules: Sequence[Mapping[str, Any]]) -> None:
    """Add the rules to a sandbox."""
    httpx.post(f"{base_url}/_sandbox/faults", json=list(rules)).raise_for_status()


def count_fired(base_url: str) -> dict[str, int]:
    """Fault -> how often it was applied."""
    fired: dict[str, int] = {}
    for rule in httpx.get(f"{base_url}/_sandbox/faults").json()["rules"]:
        do = rule["do"]
        name = " ".join(f"{key} {do[key]}" for key in sorted(do) if key not in ("headers", "body"))
        if rule["fired"]:
            fired[name] = fired.get(name, 0) + int(rule["fired"])
    return fired
