"""Checks of the two buckets. The stack sets up its own; existing ones their owners set up."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from darkroom.domain.object_keys import shell_quote
from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, ok, problem, warning

INPUT: Final = "input bucket"
OUTPUT: Final = "output bucket"


def check_input_notifications(examined: Examined) -> Iterator[Finding]:
    """Whether the input bucket notifies EventBridge; without that no upload starts anything."""
    bucket = examined.output("InputBucket")
    answer = examined.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    configured = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    if "EventBridgeConfiguration" in configured:
        yield ok(INPUT, "notifies EventBridge")
    else:
        sentence = "does not notify EventBridge: uploads start nothing"
        yield problem(INPUT, sentence, notification_command(bucket, configured))


def notification_command(bucket: str, configured: Mapping[str, Any]) -> str:
    """The command that turns them on; it keeps the bucket's other notifications."""
    document = json.dumps({**configured, "EventBridgeConfiguration": {}}, separators=(",", ":"))
    return (
        f"aws s3api put-bucket-notification-configuration --bucket {bucket}"
        f" --notification-configuration {shell_quote(document)}"
    )


def check_input_versioning(examined: Examined) -> Iterator[Finding]:
    """Whether the input bucket keeps the version of a file that a task was made for."""
    loss = "a task may read a file that was replaced, and the same spec again is no new task"
    yield _check_versioning(examined, INPUT, examined.output("InputBucket"), loss)


def check_output_versioning(examined: Examined) -> Iterator[Finding]:
    """Whether the output bucket keeps a result that another one replaces."""
    loss = "a result that is replaced cannot be restored"
    yield _check_versioning(examined, OUTPUT, examined.output("OutputBucket"), loss)


def _check_versioning(examined: Examined, check: str, bucket: str, loss: str) -> Finding:
    if examined.client("s3").get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled":
        return ok(check, "keeps versions")
    command = (
        f"aws s3api put-bucket-versioning --bucket {bucket}"
        " --versioning-configuration Status=Enabled"
    )
    return warning(check, f"keeps no versions: {loss}", command)
