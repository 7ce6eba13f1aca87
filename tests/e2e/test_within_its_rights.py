"""Nothing is denied in a run, and AWS's services do what the policies let them do.

The last file of the shared environment: what its other tests were denied shows here.
"""

import json
import time
from typing import Any, Final

import boto3
import pytest

from infra.local.permissions.policy import Grant
from infra.local.permissions.record import Record, read_record
from tests.e2e.environment_client import REGION, EnvironmentClient

pytestmark = pytest.mark.e2e

WITHIN_S: Final = 60.0
# Rights that a short run does not use. (holder, service) -> what they are for.
NOT_PLAYED: Final = {
    ("IntakeDeadLettersPolicy", "sqs"): "EventBridge sends events there that it cannot deliver",
    ("WorkflowRole", "lambda"): "each state has its function, and a run seldom visits all",
    ("WorkflowRole", "logs"): "Step Functions logs failed runs, which nobody plays locally",
    ("WorkflowRole", "xray"): "Step Functions sends traces, which nobody plays locally",
}


def record(client: EnvironmentClient) -> Record:
    """What was granted, used and denied so far."""
    return read_record((client.logs / "permissions.log").read_text("utf-8"))


def left(client: EnvironmentClient) -> list[str]:
    """What AWS's services are allowed, and have not used yet."""
    return [
        f"{grant.holder}: {grant.action} on {grant.resource}"
        for grant in record(client).unused()
        if is_of_a_service(grant)
        and not any(
            grant.holder.startswith(holder) and grant.action.startswith(f"{service}:")
            for holder, service in NOT_PLAYED
        )
    ]


def is_of_a_service(grant: Grant) -> bool:
    """Whether no code of a function uses it; Lambda itself sends FAIL's dead letters."""
    of_function = "DoorRole" in grant.holder
    return not of_function or (grant.holder.startswith("Fail") and grant.action.startswith("sqs:"))


def send(client: EnvironmentClient, bus: str, kind: str, source: str, detail: Any) -> None:
    """Send an event to a bus."""
    session = boto3.Session("local", "local", region_name=REGION)
    events = session.client("events", endpoint_url=client.endpoint_url)
    entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail)}
    events.put_events(Entries=[{**entry, "EventBusName": bus}])  # type: ignore[typeddict-item]


def test_services_use_every_right_that_policies_give_them(client: EnvironmentClient) -> None:
    """A file, a request, a sweep, and the end of a run on which FAIL fails."""
    output = client.order("rights/cat.jpg", operation="restore", provider="snapapi")
    request = {"spec": "rights/none.jpg.json", "request_id": "rights"}
    send(client, client.outputs["EventBus"], "Task Requested", "shop", request)
    ended = {"stateMachineArn": client.outputs["StateMachineArn"], "status": "ABORTED"}
    kind = "Step Functions Execution Status Change"
    send(client, "default", kind, "aws.states", {**ended, "name": "not the name of a run"})
    assert client.manifest(output)["status"] == "succeeded"
    until = time.monotonic() + WITHIN_S
    while left(client) and time.monotonic() < until:
        client.pause()
    assert left(client) == []


def test_no_request_was_denied(client: EnvironmentClient) -> None:
    """Of no test that this environment is shared with."""
    assert record(client).denied == []
