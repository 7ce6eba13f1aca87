"""The buckets, above all existing ones, which the stack does not set up."""

import json
import shlex
from typing import Any

from infra.cli.doctor.buckets import (
    check_input_notifications,
    check_input_versioning,
    check_output_versioning,
    notification_command,
)
from tests.cli.doctor.scripted_aws import denial, examined, find, refusal


def test_input_bucket_that_notifies_event_bridge_is_right() -> None:
    """S3 shows an empty object."""
    configured: dict[str, Any] = {"EventBridgeConfiguration": {}, "ResponseMetadata": {}}
    answers = {"s3.get_bucket_notification_configuration": configured}
    [found] = find(check_input_notifications, examined(answers))
    assert found.level == "ok"


def test_input_bucket_that_notifies_nobody_is_a_problem() -> None:
    """Uploads start nothing then."""
    answers = {"s3.get_bucket_notification_configuration": {"ResponseMetadata": {"x": 1}}}
    [found] = find(check_input_notifications, examined(answers))
    assert found.level == "problem"
    assert shlex.split(found.fix)[-1] == '{"EventBridgeConfiguration":{}}'
    assert "--bucket shop-in " in found.fix


def test_command_keeps_the_buckets_other_notifications() -> None:
    """The call replaces all of them."""
    queue = {"QueueConfigurations": [{"QueueArn": "arn", "Events": ["s3:ObjectCreated:*"]}]}
    document = json.loads(shlex.split(notification_command("shop-in", queue))[-1])
    assert document == {**queue, "EventBridgeConfiguration": {}}


def test_buckets_that_keep_versions_are_right() -> None:
    """Both are asked."""
    subject = examined({"s3.get_bucket_versioning": {"Status": "Enabled"}})
    [first] = find(check_input_versioning, subject)
    [second] = find(check_output_versioning, subject)
    assert (first.level, first.check) == ("ok", "input bucket")
    assert (second.level, second.check) == ("ok", "output bucket")


def test_buckets_that_keep_no_versions_are_warned_of() -> None:
    """A bucket that never had versioning has no status, one that had is suspended."""
    for answer, check, bucket in (
        ({}, check_input_versioning, "shop-in"),
        ({"Status": "Suspended"}, check_output_versioning, "shop-out"),
    ):
        [found] = find(check, examined({"s3.get_bucket_versioning": answer}))
        assert found.level == "warning"
        assert found.fix == (
            f"aws s3api put-bucket-versioning --bucket {bucket}"
            " --versioning-configuration Status=Enabled"
        )


def test_bucket_that_may_not_be_asked_is_not_checked() -> None:
    """The right is named; one that is gone is in AWS's words."""
    answers = {"s3.get_bucket_versioning": denial("s3:GetBucketVersioning")}
    [found] = find(check_input_versioning, examined(answers))
    assert (found.level, found.sentence) == ("not checked", "no right to s3:GetBucketVersioning")
    gone = refusal("NoSuchBucket", "The specified bucket does not exist", "GetBucketVersioning")
    [found] = find(check_input_versioning, examined({"s3.get_bucket_versioning": gone}))
    assert "does not exist" in found.sentence
