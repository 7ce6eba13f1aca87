"""A small havoc run keeps every promise, and its checks would notice if it had not."""

import copy
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.havoc.__main__ import keep_evidence
from tests.e2e.havoc.canaries import KINDS, Canary, find_canaries, read_canaries
from tests.e2e.havoc.checks import check
from tests.e2e.havoc.damages import DAMAGES, Damage
from tests.e2e.havoc.evidence import Evidence, Execution
from tests.e2e.havoc.play import Extent, Outcome, play
from tests.once import local_template

pytestmark = pytest.mark.e2e

SMALL = Extent(tasks=12, seed=4, kills=5, hurried=True, patience_s=400)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What became of a small run in an environment of its own."""
    folder = tmp_path_factory.mktemp("havoc")
    shutil.copy(local_template(tmp_path_factory), folder)
    with play(SMALL, folder, print) as found:
        keep_evidence(found, folder)
    return found


def broken(outcome: Outcome) -> dict[str, list[str]]:
    """The promises that were broken, with the places."""
    return {one.name: list(one.broken) for one in check(outcome) if one.broken}


def test_every_promise_holds_while_processes_are_killed_and_providers_fail(
    outcome: Outcome,
) -> None:
    """Every task ends once, is paid for once at most, and its manifest tells the truth.

    It is a hurried run, because a killed call is otherwise waited for a minute and a half, as it
    should be. In it Perfect's tasks come when the killing is over and meet no fault but a refused
    token; `make havoc` does not spare them.
    """
    assert broken(outcome) == {}


@pytest.mark.parametrize(
    ("damage", "promise"),
    DAMAGES,
    ids=[f"{damage.__name__.strip('_')}: {promise}" for damage, promise in DAMAGES],
)
def test_a_promise_that_was_broken_is_noticed(
    outcome: Outcome, damage: Damage, promise: str
) -> None:
    """A run whose evidence is damaged in one place breaks the promise that speaks of it."""
    evidence = copy.deepcopy(outcome.evidence)
    damage(evidence)
    assert promise in broken(replace(outcome, evidence=evidence)).keys() - broken(outcome).keys()


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        ({"rested": False}, "everything has ended"),
        ({"at_work": 1}, "the havoc bites"),
        ({"fired": {"snapapi": {}}}, "the havoc bites"),
    ],
    ids=["patience ended", "kills hit nobody at work", "no fault struck"],
)
def test_a_run_that_shows_nothing_is_noticed(
    outcome: Outcome, change: dict[str, Any], promise: str
) -> None:
    """Promises that hold because nothing went wrong prove nothing."""
    assert promise in broken(replace(outcome, **change)).keys() - broken(outcome).keys()


def test_every_promise_has_a_damage_that_breaks_it(outcome: Outcome) -> None:
    """No check is there that was never seen to fail."""
    assert {one.name for one in check(outcome)} == {promise for _, promise in DAMAGES}


@pytest.mark.parametrize(
    "attributes",
    [
        {"reason": {"DataType": "String", "StringValue": "not valid JSON"}},
        {"ErrorMessage": {"DataType": "String", "StringValue": "Task timed out"}},
        {"ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"}},
        {"ERROR_MESSAGE": {"DataType": "String", "StringValue": "not allowed"}},
    ],
    ids=lambda attributes: next(iter(attributes)),
)
def test_a_dead_letter_says_why_in_its_senders_words(
    outcome: Outcome, attributes: dict[str, Any]
) -> None:
    """Darkroom, Lambda and EventBridge each have their own attribute for the reason."""
    letter = {"Body": "lost", "MessageAttributes": attributes}
    evidence = replace(outcome.evidence, dead_letters=[letter])
    assert "no dead letter without a reason" not in broken(replace(outcome, evidence=evidence))


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
