"""The check of the stack: is it there, how did its last deployment end, and how does it go on?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, ok, problem, warning
from infra.cli.target import REQUIRED_OUTPUTS

STACK: Final = "stack"
COMPLETE: Final = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "IMPORT_COMPLETE",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    }
)
ROLLED_BACK: Final = frozenset({"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})
"""It is as before its last deployment."""
NEVER_CREATED: Final = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})
"""Its first deployment failed; such a stack can only be deleted (CloudFormation guide, "Stack
status codes")."""
WAITS: Final[Mapping[str, str]] = {
    "CREATE_IN_PROGRESS": "wait stack-create-complete",
    "UPDATE_IN_PROGRESS": "wait stack-update-complete",
    "UPDATE_ROLLBACK_IN_PROGRESS": "wait stack-rollback-complete",
    "DELETE_IN_PROGRESS": "wait stack-delete-complete",
}
"""The command that waits for the end."""
UNUSED_CHANGES: Final = "REVIEW_IN_PROGRESS"


@dataclass(frozen=True)
class StackState:
    """A stack as CloudFormation describes it; `status` is "" where there is none."""

    status: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    changed_at: datetime | None = None


def read_stack(examined: Examined) -> StackState:
    """The environment's stack. Raises botocore's errors, but not if there is none."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    client = examined.client("cloudformation")
    try:
        stack = client.describe_stacks(StackName=examined.settings.stack_name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return StackState()
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    changed_at = stack.get("LastUpdatedTime") or stack.get("CreationTime")
    return StackState(stack["StackStatus"], outputs, changed_at)


def check_stack(examined: Examined, stack: StackState) -> Iterator[Finding]:
    """What its state means, and how to go on."""
    name = examined.settings.stack_name
    status = stack.status
    missing = [output for output in REQUIRED_OUTPUTS if output not in stack.outputs]
    if not status:
        yield problem(STACK, f"there is no stack {name} in {examined.region}", examined.deploy)
    elif status in NEVER_CREATED:
        yield _check_never_created(examined, status)
    elif status in COMPLETE and missing:
        sentence = f"{name} has no output {', '.join(missing)}: it is of an older version"
        yield problem(STACK, sentence, examined.deploy)
    elif status in COMPLETE:
        at = stack.changed_at
        changed = f", changed {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""
        yield ok(STACK, f"{name} is {status}{changed}")
    elif status in ROLLED_BACK:
        sentence = f"its last deployment failed and was taken back{_why(examined)}"
        yield warning(STACK, sentence, examined.deploy)
    elif status == "UPDATE_ROLLBACK_FAILED":
        sentence = f"a failed deployment could not be taken back{_why(examined)}"
        command = f"aws cloudformation continue-update-rollback --stack-name {name}"
        yield problem(STACK, sentence, command)
    elif status == UNUSED_CHANGES:
        yield problem(STACK, f"{name} was prepared and never deployed", examined.deploy)
    elif status.endswith("_IN_PROGRESS"):
        events = "describe-stack-events --max-items 5"
        command = f"aws cloudformation {WAITS.get(status, events)} --stack-name {name}"
        yield warning(STACK, f"{name} is changing now ({status})", command)
    else:
        command = f"aws cloudformation describe-stack-events --stack-name {name} --max-items 20"
        yield problem(STACK, f"{name} is {status}{_why(examined)}", command)


def _check_never_created(examined: Examined, status: str) -> Finding:
    name = examined.settings.stack_name
    kept = ""
    if examined.settings.keep:
        kept = "; its table is protected: infra/README.md, 'Delete', says how to delete it"
    sentence = f"its first deployment failed ({status}){_why(examined)}{kept}"
    command = f"aws cloudformation delete-stack --stack-name {name}"
    return problem(STACK, f"{sentence}. Delete it, then deploy again", command)


def _why(examined: Examined) -> str:
    """The last deployment's first failure, as in ": SubmitDoor: ..."; "" if it is not known."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to import

    name = examined.settings.stack_name
    try:
        answer = examined.client("cloudformation").describe_stack_events(StackName=name)
    except (BotoCoreError, ClientError):
        return ""
    first = ""
    for event in answer.get("StackEvents", []):  # the newest first
        if _begins_deployment(event, name):
            break
        if str(event.get("ResourceStatus", "")).endswith("_FAILED"):
            reason = event.get("ResourceStatusReason", "")
            if "cancelled" not in reason:
                first = f": {event.get('LogicalResourceId')}: {reason}"
    return first


def _begins_deployment(event: Mapping[str, Any], stack: str) -> bool:
    return event.get("LogicalResourceId") == stack and event.get("ResourceStatus") in (
        "CREATE_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "IMPORT_IN_PROGRESS",
    )
