"""The stack's state: what each means, and how one goes on."""

from typing import Any

import pytest

from infra.aws.environments import Environment
from infra.cli.doctor.stack import StackState, check_stack, read_stack
from tests.cli.doctor.scripted_aws import OUTPUTS, examined, find, refusal
from tests.fakes.clock import START

STACK = "darkroom-shop"


def event(name: str, status: str, reason: str = "") -> dict[str, str]:
    """One event of a deployment."""
    return {
        "LogicalResourceId": name,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


EVENTS = {
    "StackEvents": [  # the newest first
        event(STACK, "UPDATE_ROLLBACK_COMPLETE"),
        event("Queue", "UPDATE_FAILED", "Resource update cancelled"),
        event("SubmitDoor", "UPDATE_FAILED", "no such layer"),
        event(STACK, "UPDATE_IN_PROGRESS", "User Initiated"),
        event("Older", "CREATE_FAILED", "of a deployment before"),
    ]
}


def check(status: str, **changes: Any) -> Any:
    """The finding about a stack in this state."""
    answers = {"cloudformation.describe_stack_events": EVENTS}
    state = StackState(status, changes.pop("outputs", OUTPUTS), START)
    [finding] = find(lambda each: check_stack(each, state), examined(answers, **changes))
    return finding


@pytest.mark.parametrize(
    ("status", "level", "fix"),
    [
        ("CREATE_COMPLETE", "ok", ""),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "ok", ""),
        ("", "problem", "make deploy ENV=shop"),
        ("REVIEW_IN_PROGRESS", "problem", "make deploy ENV=shop"),
        ("UPDATE_ROLLBACK_COMPLETE", "warning", "make deploy ENV=shop"),
        (
            "UPDATE_ROLLBACK_FAILED",
            "problem",
            "continue-update-rollback --stack-name darkroom-shop",
        ),
        ("ROLLBACK_COMPLETE", "problem", "delete-stack --stack-name darkroom-shop"),
        ("UPDATE_IN_PROGRESS", "warning", "wait stack-update-complete"),
        ("DELETE_IN_PROGRESS", "warning", "wait stack-delete-complete"),
        ("ROLLBACK_IN_PROGRESS", "warning", "describe-stack-events"),
        ("DELETE_FAILED", "problem", "describe-stack-events"),
    ],
)
def test_each_state_has_its_way_on(status: str, level: str, fix: str) -> None:
    """As CloudFormation's guide says of each."""
    found = check(status)
    assert found.level == level
    assert fix in found.fix


def test_the_first_failure_of_the_last_deployment_is_named() -> None:
    """What was cancelled because of it, and what failed before, is not the reason."""
    assert check("UPDATE_ROLLBACK_COMPLETE").sentence.endswith(
        "taken back: SubmitDoor: no such layer"
    )


def test_protected_leftovers_are_explained() -> None:
    """A kept environment's table cannot be deleted with the stack."""
    assert "infra/README.md" in check("ROLLBACK_COMPLETE").sentence
    deleted = check("ROLLBACK_COMPLETE", settings=Environment("shop", removal="delete"))
    assert "infra/README.md" not in deleted.sentence


def test_stack_of_an_older_version_lacks_outputs() -> None:
    """Commands need them."""
    found = check("CREATE_COMPLETE", outputs={"InputBucket": "shop-in"})
    assert (found.level, found.fix) == ("problem", "make deploy ENV=shop")
    assert "OutputBucket, Table" in found.sentence


def test_stack_that_is_not_there_is_no_error() -> None:
    """CloudFormation says so with a validation error; any other error is one."""
    missing = examined({"cloudformation.describe_stacks": refusal("ValidationError")})
    assert read_stack(missing) == StackState()
    stack = {
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": START,
        "Outputs": [{"OutputKey": "Table", "OutputValue": "t"}],
    }
    there = examined({"cloudformation.describe_stacks": {"Stacks": [stack]}})
    assert read_stack(there) == StackState("CREATE_COMPLETE", {"Table": "t"}, START)
