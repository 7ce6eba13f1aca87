"""What the workflow itself recorded of a task's runs: states that were entered, and what failed."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from darkroom.domain.task import run_name
from infra.cli.logs.entry import Entry

if TYPE_CHECKING:
    from darkroom.domain.task import Task

RUN: Final = "run"
ENDS: Final = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
PAGE: Final = 1000
MAX_CAUSE: Final = 300


def read_runs(client: Any, machine_arn: str, task: "Task") -> Iterator[Entry]:  # noqa: ANN401 - boto3's clients differ by service
    """The history of each run of the task, with a client of Step Functions.

    Step Functions keeps it for 90 days. Raises botocore's errors.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    executions = machine_arn.replace(":stateMachine:", ":execution:")
    for run in range(1, task.run + 1):
        parameters = {
            "executionArn": f"{executions}:{run_name(task.task_id, run)}",
            "includeExecutionData": False,
            "maxResults": PAGE,
        }
        try:
            while True:
                page = client.get_execution_history(**parameters)
                for event in page["events"]:
                    yield from describe_event(run, event)
                if not page.get("nextToken"):
                    break
                parameters["nextToken"] = page["nextToken"]
        except ClientError as error:
            # A task in line has no run yet; an old one's record is gone.
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise


def describe_event(run: int, event: Mapping[str, Any]) -> Iterator[Entry]:
    """The entry of one event of a history; none for those that say nothing more.

    A choice is left out: the state that it chose follows.
    """
    kind, at = str(event["type"]), event["timestamp"]
    if kind == "ExecutionStarted":
        yield Entry(at, RUN, "run started", {"run": run})
    elif kind == "ExecutionSucceeded":
        yield Entry(at, RUN, "run succeeded", {"run": run})
    elif kind in ENDS:
        ended = kind.removeprefix("Execution").lower().replace("timedout", "timed out")
        yield Entry(at, RUN, f"run {ended}", {"run": run, **_error(event)})
    elif kind.endswith("StateEntered") and not kind.startswith("Choice"):
        state = event.get("stateEnteredEventDetails", {}).get("name", "?")
        yield Entry(at, RUN, f"enters {state}", {"run": run})
    elif kind.endswith(("Failed", "TimedOut")):
        yield Entry(at, RUN, "call failed", {"run": run, **_error(event)})


def _error(event: Mapping[str, Any]) -> dict[str, Any]:
    """Error and cause; of a function's exception its message alone, without the stack trace."""
    details: Mapping[str, Any] = next(
        (value for name, value in event.items() if name.endswith("EventDetails")), {}
    )
    cause = details.get("cause") or ""
    try:
        parsed = json.loads(cause)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        cause = parsed.get("errorMessage") or ""
    facts = {"error": details.get("error"), "cause": str(cause)[:MAX_CAUSE]}
    return {name: value for name, value in facts.items() if value}
