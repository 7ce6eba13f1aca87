"""A small havoc run keeps every promise, and its checks would notice if it had not."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.havoc import keep_evidence
from tests.e2e.havoc_canaries import KINDS, Canary, find_canaries, read_canaries
from tests.e2e.havoc_checks import check
from tests.e2e.havoc_evidence import Evidence, Execution
from tests.e2e.havoc_run import Asked, Outcome, run

pytestmark = pytest.mark.e2e

SMALL = Asked(tasks=12, seed=4, kills=5, patience_s=120, redeliver_s=4, hurried=True)
"""Hurried, because a killed call is otherwise waited for a minute and a half, as it should be."""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What became of a small run in an environment of its own."""
    folder = tmp_path_factory.mktemp("havoc")
    found = run(SMALL, folder, print)
    keep_evidence(found, folder)
    return found


def broken(outcome: Outcome) -> dict[str, list[str]]:
    """The promises that were broken, with the places."""
    return {one.name: list(one.broken) for one in check(outcome) if one.broken}


def test_every_promise_holds_while_processes_are_killed_and_providers_fail(
    outcome: Outcome,
) -> None:
    """Every task ends once, is paid for once at most, and its manifest tells the truth."""
    assert broken(outcome) == {}


def _lose_a_manifest(seen: Evidence) -> None:
    seen.manifests.pop(next(iter(seen.manifests)))


def _lose_a_task(seen: Evidence) -> None:
    seen.items.remove(seen.tasks[0])


def _leave_a_task_unfinished(seen: Evidence) -> None:
    seen.tasks[0]["state"] = "running"


def _charge_again(seen: Evidence) -> None:
    entries = next(entries for entries in seen.ledgers.values() if entries)
    entries.append(entries[0] | {"job_id": "another"})


def _charge_a_stranger(seen: Evidence) -> None:
    entries = next(entries for entries in seen.ledgers.values() if entries)
    entries.append(entries[0] | {"key": None, "request_digest": "another"})


def _deny_a_charge(seen: Evidence) -> None:
    attempts = [one for m in seen.manifests.values() for one in m["attempts"]]
    next(one for one in attempts if one["charged"] == "yes")["charged"] = "no"


def _claim_a_charge(seen: Evidence) -> None:
    next(entries for entries in seen.ledgers.values() if entries).clear()


def _misstate_the_price(seen: Evidence) -> None:
    attempts = [one for m in seen.manifests.values() for one in m["attempts"]]
    next(one for one in attempts if one["charged"] == "yes" and one["credits"])["credits"] += 7


def _spoil_a_result(seen: Evidence) -> None:
    seen.results[next(iter(seen.results))] += b"!"


def _leave_a_stray_result(seen: Evidence) -> None:
    seen.results["havoc/stray.png"] = b"png"


def _break_an_execution(seen: Evidence) -> None:
    seen.executions[0] = replace(seen.executions[0], status="FAILED")


def _hush_an_event(seen: Evidence) -> None:
    told = seen.events[0]["detail"]["task_id"]
    seen.events[:] = [one for one in seen.events if one["detail"]["task_id"] != told]


def _add_a_letter_without_reason(seen: Evidence) -> None:
    seen.dead_letters.append({"Body": "lost"})


def _keep_a_request(seen: Evidence) -> None:
    next(t for t in seen.tasks if t["task"]["attempts"])["task"]["attempts"][0]["request"] = "{}"


def _keep_a_lease(seen: Evidence) -> None:
    seen.items.append({"pk": "gate#perfect", "sk": "leases", "jobs": {"a-task": 1}})


def _doubt_what_a_key_would_tell(seen: Evidence) -> None:
    attempts = [one for m in seen.manifests.values() for one in m["attempts"]]
    keyed = next(one for one in attempts if one["provider"] == "apiframe")
    keyed["outcome"] = "unknown"


DAMAGES: list[Callable[[Evidence], None]] = [
    _lose_a_manifest,
    _lose_a_task,
    _leave_a_task_unfinished,
    _charge_again,
    _charge_a_stranger,
    _deny_a_charge,
    _claim_a_charge,
    _misstate_the_price,
    _spoil_a_result,
    _leave_a_stray_result,
    _break_an_execution,
    _hush_an_event,
    _add_a_letter_without_reason,
    _keep_a_request,
    _keep_a_lease,
    _doubt_what_a_key_would_tell,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_the_checks_notice_what_is_broken(
    outcome: Outcome, damage: Callable[[Evidence], None]
) -> None:
    """A run whose evidence is damaged in one place does not pass."""
    evidence = copy.deepcopy(outcome.evidence)
    damage(evidence)
    assert broken(replace(outcome, evidence=evidence)) != broken(outcome)


def _in_a_log(seen: Evidence, text: str) -> str:
    seen.logs["submit.log"] = f'{{"level": "INFO", "message": "calls {text} now"}}\n'
    return "log"


def _in_a_manifest(seen: Evidence, text: str) -> str:
    seen.old_manifests.append(("a.manifest.json", f'{{"sentence": "{text}"}}'))
    return "manifest"


def _in_an_item(seen: Evidence, text: str) -> str:
    item: dict[str, Any] = {"pk": "task#1", "sk": "task", "task": {"request": text}}
    seen.items.append(item)
    return "item"


def _in_an_execution(seen: Evidence, text: str) -> str:
    seen.executions.append(Execution("a-1", "SUCCEEDED", text))
    return "execution"


def _in_an_event(seen: Evidence, text: str) -> str:
    seen.events.append({"detail": {"task_id": "1", "sentence": text}})
    return "event"


def _in_a_dead_letter(seen: Evidence, text: str) -> str:
    seen.dead_letters.append({"Body": text})
    return "dead letter"


@pytest.mark.parametrize(
    "plant",
    [
        _in_a_log,
        _in_a_manifest,
        _in_an_item,
        _in_an_execution,
        _in_an_event,
        _in_a_dead_letter,
    ],
    ids=lambda plant: plant.__name__.strip("_"),
)
def test_a_planted_secret_is_found_wherever_and_however_it_stands(
    outcome: Outcome, plant: Callable[[Evidence, str], str]
) -> None:
    """One secret of each kind that was in use, in every form, in every kind of place."""
    canaries = read_canaries(outcome.credentials, outcome.evidence.exchanges)
    for kind in KINDS:
        canary: Canary = next(one for one in canaries if one.kind == kind)
        for form in canary.forms():
            seen = Evidence()
            place = plant(seen, form)
            found = find_canaries([canary], list(seen.documents()))
            assert [(where.startswith(place), what) for where, what in found] == [(True, kind)]
