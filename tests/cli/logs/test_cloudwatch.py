"""A task's lines in six log groups, page by page; a group that cannot be read is said."""

from typing import Any

import pytest

from infra.aws.environments import Environment
from infra.cli.logs import cloudwatch
from infra.cli.logs.cloudwatch import read_groups
from tests.cli.doctor.scripted_aws import ScriptedAws, denial, refusal
from tests.fakes.clock import START

WINDOW = (START, START.replace(hour=13))
TASK = "0" * 32


def event(message: str, ms: int = 0) -> dict[str, Any]:
    """An event of CloudWatch."""
    return {"timestamp": round(START.timestamp() * 1000) + ms, "message": message}


def read(answer: Any) -> tuple[list[str], list[str], ScriptedAws]:
    """The events that were read, what was said, and AWS."""
    said: list[str] = []
    aws = ScriptedAws({"logs.filter_log_events": answer})
    entries = read_groups(aws.client("logs"), Environment("shop"), TASK, WINDOW, said.append)
    return [f"{entry.source} {entry.event}" for entry in entries], said, aws


def test_each_function_is_asked_for_the_task_in_its_time() -> None:
    """The id as one term."""
    found, said, aws = read(lambda **_: {"events": [event("a line")]})
    assert found == [f"{verb} a line" for verb in cloudwatch.VERBS]
    assert said == []
    asked = {arguments["logGroupName"]: arguments for _, arguments in aws.calls}
    assert len(asked) == 6
    one = asked["/aws/lambda/darkroom-shop-submit"]
    assert one["filterPattern"] == f'"{TASK}"'
    assert (one["startTime"], one["endTime"]) == tuple(
        round(at.timestamp() * 1000) for at in WINDOW
    )


def test_empty_page_is_not_the_end() -> None:
    """CloudWatch answers with what it has found in a while."""

    def answer(**arguments: Any) -> dict[str, Any]:
        if arguments["logGroupName"] != "/aws/lambda/darkroom-shop-poll":
            return {"events": []}
        if "nextToken" not in arguments:
            return {"events": [], "nextToken": "1"}
        return {"events": [event("late")]}

    assert read(answer)[0] == ["poll late"]


def test_endless_pages_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many."""
    monkeypatch.setattr(cloudwatch, "MAX_PAGES", 3)
    found, _, aws = read(lambda **_: {"events": [event("x")], "nextToken": "again"})
    assert len(found) == len(aws.calls) == 18


def test_group_that_cannot_be_read_is_said_and_the_others_are_shown() -> None:
    """A right may be for some of them alone."""

    def answer(**arguments: Any) -> Any:
        if arguments["logGroupName"].endswith("-fail"):
            return denial("logs:FilterLogEvents")
        if arguments["logGroupName"].endswith("-sweep"):
            return refusal("ResourceNotFoundException", "no such group", "FilterLogEvents")
        return {"events": [event("x")]}

    found, said, _ = read(answer)
    assert len(found) == 4
    assert said == [
        "/aws/lambda/darkroom-shop-fail: no right to logs:FilterLogEvents",
        "/aws/lambda/darkroom-shop-sweep: AWS refused FilterLogEvents: no such group",
    ]
