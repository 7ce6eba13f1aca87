"""Runs on Step Functions: the requests that start them, and every status."""

from typing import Any

import pytest

from darkroom.aws.step_functions import StepFunctionsWorkflows
from tests.aws.request_recorder import Answer, RequestRecorder
from tests.fakes.moto_aws import session

MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:runs"


def _client(service: Any, recorder: RequestRecorder) -> Any:
    return recorder.listen(session().client(service))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("RUNNING", "running"),
        ("PENDING_REDRIVE", "running"),
        ("SUCCEEDED", "ended"),
        ("FAILED", "ended"),
        ("TIMED_OUT", "ended"),
        ("ABORTED", "ended"),
    ],
)
def test_run_that_is_being_redriven_is_running(status: str, expected: str) -> None:
    """A second run beside it would be a duplicate. The request has the run's own name."""
    recorder = RequestRecorder(answers=lambda _: Answer({"status": status}))
    workflows = StepFunctionsWorkflows(lambda: _client("stepfunctions", recorder), MACHINE)

    assert workflows.status("0" * 32, 3) == expected
    (request,) = recorder.sent
    assert request.body["executionArn"] == (
        f"arn:aws:states:eu-central-1:123456789012:execution:runs:{'0' * 32}-3"
    )


def test_run_starts_with_its_task_id_and_number_only() -> None:
    """The functions need both; anything else would stay in its history for months."""
    recorder = RequestRecorder(answers=lambda _: Answer({"executionArn": "arn", "startDate": 0}))
    StepFunctionsWorkflows(lambda: _client("stepfunctions", recorder), MACHINE).start("0" * 32, 3)

    (request,) = recorder.sent
    assert request.body == {
        "stateMachineArn": MACHINE,
        "name": f"{'0' * 32}-3",
        "input": f'{{"task_id": "{"0" * 32}", "run": 3}}',
    }
