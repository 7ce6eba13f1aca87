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


def test_workflow_timeout_is_longer_than_the_queue() -> None:
    """The timeout is a backstop: longer than any task may wait to be submitted."""
    assert definition()["TimeoutSeconds"] == MAX_S
    assert Limits().queue_s < MAX_S


def test_every_verb_has_a_state_and_every_state_its_function() -> None:
    """State, file and substitution have the same name."""
    assert tuple(TASKS) == VERBS
    for name in TASKS:
        assert states()[name]["Resource"] == f"${{{name}Function}}"
        assert (FUNCTIONS / f"{name.lower()}.py").is_file()


def test_every_state_is_reachable_and_leads_to_a_state() -> None:
    """No dead end, no orphan."""
    targets = {definition()["StartAt"]}
    for state in states().values():
        targets |= {state[key] for key in ("Next", "Default") if key in state}
        targets |= {rule["Next"] for rule in state.get("Choices", ())}
        targets |= {rule["Next"] for rule in state.get("Catch", ())}
        assert state["Type"] == "Succeed" or "Next" in state or "Default" in state

    assert targets == set(states())


@pytest.mark.parametrize("name", TASKS)
def test_step_that_raises_is_tried_again_and_then_fails(name: str) -> None:
    """After FAIL itself there is only the rule on the run's status."""
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
def test_temporary_errors_are_retried_longer_than_others(name: str) -> None:
    """Lambda may be throttled for hours in a burst; a paid task survives an outage of an hour."""
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
def test_every_answer_of_a_step_leads_to_a_state(next_: str, wait_s: int) -> None:
    """At once, or through a wait before SUBMIT or POLL."""
    waits = wait_s > 0 and next_ in ("submit", "poll")
    expected = f"WaitTo{next_.capitalize()}" if waits else next_.capitalize()

    assert choose(next_, wait_s) == expected


@pytest.mark.parametrize("name", ["WaitToSubmit", "WaitToPoll"])
def test_wait_state_waits_for_wait_s(name: str) -> None:
    """And leads to the step in its name."""
    assert states()[name]["SecondsPath"] == "$.step.wait_s"
    assert states()[name]["Next"] == name.removeprefix("WaitTo")


def test_paid_call_ends_before_its_function() -> None:
    """After a free call to prepare it, with time left to store its answer."""
    routes = [route for adapter in build_adapters() for route in adapter.routes]
    around_s = CallLimits().free_s + Limits().margin_s

    assert len(routes) > 200
    assert [
        f"{route.provider} {route.operation} {route.model}"
        for route in routes
        if around_s + route.call_s >= _function_limits_s()["submit"]
    ] == []


def test_poll_has_time_to_poll_and_to_cancel() -> None:
    """A job that is given up costs two calls, both as slow as allowed."""
    assert 2 * CallLimits().free_s < _function_limits_s()["poll"]


def test_deliver_has_time_for_the_slowest_download() -> None:
    """A download within its own limit is not cut off by the function's."""
    assert CallLimits().result_s < _function_limits_s()["deliver"]


@pytest.mark.parametrize("name", TASKS)
def test_function_ends_before_its_state(name: str) -> None:
    """Otherwise a step could still run while the workflow calls it a second time."""
    assert _function_limits_s()[name.lower()] < states()[name]["TimeoutSeconds"]


def _function_limits_s() -> dict[str, int]:
    return {verb: size.timeout_s for verb, size in SIZES.items()}


def test_workflow_input_has_only_ids_and_answers() -> None:
    """A step's answer replaces the last one, so the input never grows."""
    for name in TASKS:
        assert states()[name]["ResultPath"] == "$.step"


def test_deployed_definition_is_plain_states_language() -> None:
    """AWS would refuse the key under which the file keeps what its tasks share."""
    assert set(definition()) == {"Comment", "StartAt", "TimeoutSeconds", "States"}


def test_definition_names_no_account_and_no_arn() -> None:
    """The stack substitutes them."""
    text = PATH.read_text()
    assert "arn:" not in text
    assert "://" not in text
