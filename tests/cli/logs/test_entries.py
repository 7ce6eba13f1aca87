"""Lines of a log, events of a run and a task's item become entries in time order."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Failure
from darkroom.domain.task import Ending
from infra.cli.logs.entry import Entry, in_order
from infra.cli.logs.function_log import parse_line
from infra.cli.logs.runs import describe_event
from infra.cli.logs.task_item import read_task
from tests.fakes.clock import START
from tests.fakes.task_factory import sample_task


def test_line_of_powertools_has_its_time_and_its_fields() -> None:
    """What says where it is from is left out, except for the request."""
    text = json.dumps(
        {
            "level": "INFO",
            "location": "handler:60",
            "message": "submit",
            "timestamp": "2026-12-01 06:01:30,648+0000",
            "function_request_id": "r-1",
            "task_id": "t",
            "run": 1,
            "next": "poll",
        }
    )
    entry = parse_line("submit", text)
    assert entry is not None
    assert entry.line == "2026-12-01 06:01:30.648  submit   submit  run=1 next=poll"
    assert entry.as_dict()["request_id"] == "r-1"
    assert entry.as_dict()["task_id"] == "t"


def test_line_of_the_runtime_is_exact_where_it_says_at() -> None:
    """The runtime's own time has seconds; CloudWatch's is when it got the line."""
    at = START + timedelta(seconds=5)
    line = {"timestamp": "2026-12-01T06:01:30Z", "message": "task running", "level": "WARNING"}
    exact = parse_line("poll", json.dumps({**line, "at": "2026-12-01T06:01:30.332+00:00"}), at)
    assert exact is not None
    assert exact.time_text == "2026-12-01 06:01:30.332"
    assert exact.line.endswith("task running  level=WARNING")
    theirs = parse_line("poll", json.dumps(line), at)
    assert theirs is not None
    assert theirs.at == at
    own = parse_line("poll", json.dumps(line))
    assert own is not None
    assert own.at == datetime(2026, 12, 1, 6, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["END RequestId: 1", "[1]", "{broken", '{"timestamp": "noon"}'])
def test_line_without_a_time_is_shown_only_where_the_log_has_one(text: str) -> None:
    """Plain text is shown as it is."""
    assert parse_line("fail", text) is None
    assert parse_line("fail", text, START) is not None


def test_what_a_terminal_would_act_on_is_escaped() -> None:
    """A line of a log may quote a provider."""
    entry = Entry(START, "poll", "bad \x1b[2J", {"error": "a\nb"})
    assert "\x1b" not in entry.line
    assert "\n" not in entry.line


def test_entries_are_in_the_order_of_time() -> None:
    """Those of one moment stay as they came."""
    late, first, second = (Entry(START + timedelta(seconds=n), "x", str(n)) for n in (2, 1, 1))
    assert in_order([late, first, second]) == [first, second, late]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "ExecutionStarted"}, ["run started  run=2"]),
        (
            {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Submit"}},
            ["enters Submit  run=2"],
        ),
        ({"type": "ChoiceStateEntered", "stateEnteredEventDetails": {"name": "Next"}}, []),
        ({"type": "TaskStateExited"}, []),
        (
            {
                "type": "TaskFailed",
                "taskFailedEventDetails": {
                    "error": "Busy",
                    "cause": json.dumps({"errorMessage": "too soon", "stackTrace": ["secret"]}),
                },
            },
            ['call failed  run=2 error=Busy cause="too soon"'],
        ),
        (
            {
                "type": "ExecutionTimedOut",
                "executionTimedOutEventDetails": {"error": "States.Timeout"},
            },
            ["run timed out  run=2 error=States.Timeout"],
        ),
        ({"type": "ExecutionSucceeded"}, ["run succeeded  run=2"]),
    ],
)
def test_event_of_a_run(event: dict[str, Any], expected: list[str]) -> None:
    """States that are entered, calls that failed, and the end; not each step between."""
    entries = describe_event(2, {**event, "timestamp": START})
    assert [entry.line.split("run      ", 1)[1] for entry in entries] == expected


def test_item_of_a_task_has_each_paid_call_and_the_end() -> None:
    """With reasons; without the stored request and the results' URLs."""
    attempt = Attempt(
        1,
        "beta",
        "beta-1",
        START + timedelta(seconds=1),
        START + timedelta(minutes=2),
        outcome="failed",
        request="https://signed.example/?secret",
        job_id="job-1",
        accepted_at=START + timedelta(seconds=2),
        ended_at=START + timedelta(seconds=3),
        failure=Failure("job-failed", "The job failed."),
        charged="no",
    )
    ending = Ending("failed", Failure("job-failed", "The job failed.", "Try another."))
    task = replace(sample_task(), state="failed", attempts=(attempt,), ending=ending)
    entries = in_order(read_task(task))
    assert [entry.event for entry in entries] == [
        "created",
        "is failed",
        "paid call",
        "call accepted",
        "call failed",
    ]
    assert entries[3].fields["job_id"] == "job-1"
    assert entries[4].fields["why"] == "The job failed."
    assert "secret" not in "".join(entry.line for entry in entries)
    waiting = replace(sample_task(), wait_reason="snapapi is paused")
    assert list(read_task(waiting))[-1].fields["why"] == "snapapi is paused"
