"""The workflow as it is deployed, read as data."""

from pathlib import Path
from typing import Any, get_args

from darkroom.ports import Next
from infra.aws.workflow_definition import build_definition

PATH = Path(__file__).parents[2] / "functions" / "workflow.asl.json"
VERBS = ("Submit", "Poll", "Deliver", "Fail")
NEXTS: tuple[str, ...] = get_args(Next)


def definition() -> dict[str, Any]:
    """All of it: the file, with what its tasks share in each of them."""
    return build_definition(PATH.read_text("utf-8"))


def states() -> dict[str, dict[str, Any]]:
    """Its states by name."""
    found: dict[str, dict[str, Any]] = definition()["States"]
    return found


def choose(next_: str, wait_s: int) -> str:
    """The state that the choice leads to for this answer of a step."""
    answer = {"$.step.next": next_, "$.step.wait_s": wait_s}
    choice = states()["Choose"]
    for rule in choice["Choices"]:
        if all(_holds(test, answer) for test in rule.get("And", [rule])):
            return str(rule["Next"])
    return str(choice["Default"])


def _holds(test: dict[str, Any], answer: dict[str, Any]) -> bool:
    value = answer[test["Variable"]]
    if "StringEquals" in test:
        return bool(value == test["StringEquals"])
    return bool(value == test["NumericEquals"])
