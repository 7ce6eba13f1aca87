"""The workflow file can run, tries again what may pass, and has a way on from every answer."""

from typing import Any

import pytest

from darkroom.domain import errors
from darkroom.domain.limits import Limits
from darkroom.providers.engine.driver import CallLimits
from darkroom.providers.registry import build_adapters
from infra.aws.sizes import SIZES
from tests.test_architecture import FUNCTIONS
from tests.workflow.definition import NEXTS, PATH, VERBS, choose, definition, states

TASKS = [name for name, state in states().items() if state["Type"] == "Task"]
MAX_S = 7 * 24 * 3600


def test_a_run_has_an_end_after_every_queue() -> None:
    """The limit is a backstop: longer than any task may wait to be submitted."""
    assert definition()["TimeoutSeconds"] == MAX_S
    assert Limits().queue_s < MAX_S


def test_every_verb_has_a_state_and_every_state_its_function() -> None:
    """State, file and substitution bear the same word."""
    assert tuple(TASKS) == VERBS
    for name in TASKS:
        assert states()[name]["Resource"] == f"${{{name}Function}}"
        assert (FUNCTIONS / f"{name.lower()}.py").is_file()


def test_every_state_can_be_reached_and_leads_to_one_that_exists() -> None:
    """No dead end, no orphan."""
    targets = {definition()["StartAt"]}
    for state in states().values():
        targets |= {state[key] for key in ("Next", "Default") if key in state}
        targets |= {rule["Next"] for rule in state.get("Choices", ())}
        targets |= {rule["Next"] for rule in state.get("Catch", ())}
        assert state["Type"] == "Succeed" or "Next" in state or "Default" in state

    assert targets == set(states())


@pytest.mark.parametrize("name", TASKS)
def test_a_door_that_breaks_is_tried_again_and_ends_in_fail(name: str) -> None:
    """FAIL itself has nobody behind it but the rule on the run's status."""
    state = states()[name]

    assert state["TimeoutSeconds"] > 0
    assert all(rule["MaxAttempts"] >= 3 for rule in state["Retry"])
    assert all(rule["IntervalSeconds"] >= 1 for rule in state["Retry"])
    if name == "Fail":
        assert state["Retry"][0]["ErrorEquals"] == ["States.ALL"]
        assert "Catch" not in state
    else:
        assert state["Catch"] == [
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Fail"}
        ]


@pytest.mark.parametrize("name", [name for name in TASKS if name != "Fail"])
def test_what_may_pass_is_tried_again_longer_than_what_may_not(name: str) -> None:
    """Lambda has no room for hours in a burst; a paid task outlasts an outage of an hour."""
    crowded, passing, broken = states()[name]["Retry"]

    assert crowded["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert crowded["JitterStrategy"] == "FULL"
    # Step Functions knows names and no families.
    kinds: list[type[errors.DarkroomError]] = [errors.Busy, *errors.Busy.__subclasses__()]
    family = {kind.__name__ for kind in kinds}
    assert family <= set(passing["ErrorEquals"])
    assert broken["ErrorEquals"] == ["States.TaskFailed"]
    assert crowded["MaxAttempts"] > passing["MaxAttempts"] > broken["MaxAttempts"]
    assert _patience_s(broken) > 3600


def _patience_s(rule: dict[str, Any]) -> float:
    """How long a retrier goes on, seconds, without its jitter."""
    waits = (
        rule["IntervalSeconds"] * rule["BackoffRate"] ** attempt
        for attempt in range(rule["MaxAttempts"])
    )
    return float(sum(min(wait, rule["MaxDelaySeconds"]) for wait in waits))


@pytest.mark.parametrize("next_", NEXTS)
@pytest.mark.parametrize("wait_s", [0, 1, 300])
def test_every_answer_of_a_door_leads_on(next_: str, wait_s: int) -> None:
    """At once, or through a wait; waiting makes sense before SUBMIT and POLL."""
    waits = wait_s > 0 and next_ in ("submit", "poll")
    expected = f"WaitTo{next_.capitalize()}" if waits else next_.capitalize()

    assert choose(next_, wait_s) == expected


@pytest.mark.parametrize("name", ["WaitToSubmit", "WaitToPoll"])
def test_a_wait_lasts_as_long_as_the_door_said(name: str) -> None:
    """And leads to the door that its name says."""
    assert states()[name]["SecondsPath"] == "$.step.wait_s"
    assert states()[name]["Next"] == name.removeprefix("WaitTo")


def test_every_paid_call_ends_before_its_function() -> None:
    """After a free call to prepare it, and with the time to write its answer down."""
    routes = [route for adapter in build_adapters() for route in adapter.routes]
    around_s = CallLimits().free_s + Limits().margin_s

    assert len(routes) > 200
    assert [
        f"{route.provider} {route.operation} {route.model}"
        for route in routes
        if around_s + route.call_s >= _function_limits_s()["submit"]
    ] == []


def test_a_poll_may_ask_and_then_cancel() -> None:
    """A job that is given up costs a question and a cancellation, both as slow as allowed."""
    assert 2 * CallLimits().free_s < _function_limits_s()["poll"]


def test_a_result_may_take_its_time() -> None:
    """A download that is still within its own limit is not cut off by the function's."""
    assert CallLimits().result_s < _function_limits_s()["deliver"]


@pytest.mark.parametrize("name", TASKS)
def test_a_function_ends_before_its_state(name: str) -> None:
    """Else a door could still be at work while the workflow calls it a second time."""
    assert _function_limits_s()[name.lower()] < states()[name]["TimeoutSeconds"]


def _function_limits_s() -> dict[str, int]:
    return {verb: size.timeout_s for verb, size in SIZES.items()}


def test_nothing_but_ids_and_answers_travels() -> None:
    """A door's answer replaces the last one, so the input never grows."""
    for name in TASKS:
        assert states()[name]["ResultPath"] == "$.step"


def test_what_is_deployed_is_the_states_language_alone() -> None:
    """AWS would refuse the key under which the file keeps what its tasks share."""
    assert set(definition()) == {"Comment", "StartAt", "TimeoutSeconds", "States"}


def test_the_file_names_no_account_and_no_address() -> None:
    """Where it runs is put in by the stack."""
    text = PATH.read_text()
    assert "arn:" not in text
    assert "://" not in text
