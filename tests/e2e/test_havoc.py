"""A small havoc run keeps every promise, and the checks notice when it does not."""

import copy
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.havoc.__main__ import write_state
from tests.e2e.havoc.check_mutations import MUTATIONS, Mutation
from tests.e2e.havoc.checks import check
from tests.e2e.havoc.collected_state import CollectedState, Execution
from tests.e2e.havoc.runner import Outcome, RunSize, run
from tests.e2e.havoc.secret_leaks import KINDS, Secret, find_leaks, read_secrets
from tests.once import local_template

pytestmark = pytest.mark.e2e

SMALL = RunSize(tasks=12, seed=4, kills=5, hurried=True, timeout_s=400)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The outcome of a small run in its own environment."""
    folder = tmp_path_factory.mktemp("havoc")
    shutil.copy(local_template(tmp_path_factory), folder)
    with run(SMALL, folder, print) as found:
        write_state(found, folder)
    return found


def broken(outcome: Outcome) -> dict[str, list[str]]:
    """The broken promises, with the places."""
    return {one.name: list(one.broken) for one in check(outcome) if one.broken}


def test_all_promises_hold_while_processes_are_killed_and_providers_fail(
    outcome: Outcome,
) -> None:
    """Every task ends once, is paid for at most once, and its manifest is true.

    The run is hurried, because the product rightly waits a minute and a half for a killed call. In
    a hurried run, Perfect's tasks are dropped after the kills and meet no fault but a refused
    token; in `make havoc` they meet all faults.
    """
    assert broken(outcome) == {}


@pytest.mark.parametrize(
    ("mutation", "promise"),
    MUTATIONS,
    ids=[f"{mutation.__name__.strip('_')}: {promise}" for mutation, promise in MUTATIONS],
)
def test_check_notices_a_broken_promise(outcome: Outcome, mutation: Mutation, promise: str) -> None:
    """A state that is wrong in one place breaks the promise about it."""
    state = copy.deepcopy(outcome.state)
    mutation(state)
    assert promise in broken(replace(outcome, state=state)).keys() - broken(outcome).keys()


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        ({"rested": False}, "all tasks have ended"),
        ({"at_work": 1}, "enough goes wrong"),
        ({"fired": {"snapapi": {}}}, "enough goes wrong"),
    ],
    ids=["timed out", "too few kills during invocations", "no fault applied"],
)
def test_check_notices_a_run_that_proves_nothing(
    outcome: Outcome, change: dict[str, Any], promise: str
) -> None:
    """Promises that hold because nothing went wrong prove nothing."""
    assert promise in broken(replace(outcome, **change)).keys() - broken(outcome).keys()


def test_every_promise_has_a_mutation_that_breaks_it(outcome: Outcome) -> None:
    """So every check has been seen to fail."""
    assert {one.name for one in check(outcome)} == {promise for _, promise in MUTATIONS}


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
def test_dead_letter_may_have_the_reason_attribute_of_any_sender(
    outcome: Outcome, attributes: dict[str, Any]
) -> None:
    """Darkroom, Lambda and EventBridge each have their own attribute for the reason."""
    letter = {"Body": "lost", "MessageAttributes": attributes}
    state = replace(outcome.state, dead_letters=[letter])
    assert "each dead letter has a reason" not in broken(replace(outcome, state=state))


def _in_a_log(seen: CollectedState, text: str) -> str:
    seen.logs["submit.log"] = f'{{"level": "INFO", "message": "calls {text} now"}}\n'
    return "log"


def _in_a_manifest(seen: CollectedState, text: str) -> str:
    seen.old_manifests.append(("a.manifest.json", f'{{"sentence": "{text}"}}'))
    return "manifest"


def _in_an_item(seen: CollectedState, text: str) -> str:
    item: dict[str, Any] = {"pk": "task#1", "sk": "task", "task": {"request": text}}
    seen.items.append(item)
    return "item"


def _in_an_execution(seen: CollectedState, text: str) -> str:
    seen.executions.append(Execution("a-1", "SUCCEEDED", text))
    return "execution"


def _in_an_event(seen: CollectedState, text: str) -> str:
    seen.events.append({"detail": {"task_id": "1", "sentence": text}})
    return "event"


def _in_a_dead_letter(seen: CollectedState, text: str) -> str:
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
def test_search_finds_a_secret_in_every_place_and_encoding(
    outcome: Outcome, plant: Callable[[CollectedState, str], str]
) -> None:
    """One secret of each kind that was in use, in every encoding, in every kind of place."""
    secrets = read_secrets(outcome.credentials, outcome.state.exchanges)
    for kind in KINDS:
        secret: Secret = next(one for one in secrets if one.kind == kind)
        for form in secret.forms():
            seen = CollectedState()
            place = plant(seen, form)
            found = find_leaks([secret], list(seen.documents()))
            assert [(where.startswith(place), what) for where, what in found] == [(True, kind)]
