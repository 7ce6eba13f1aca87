"""The patch for the fields of answers gives moto's own answers, only sooner."""

import json
import re
from typing import Any, Final

from moto import mock_aws

from infra.local.moto_patches import faster_requests
from infra.local.moto_patches.patch import applied
from tests.fakes.moto_aws import REGION, client

VARIES: Final = re.compile(r'"[^"]*\d{4}-\d\d-\d\d[^"]*"|"[\w/=-]{30,}"|"\d{13}"')
"""Times, ids of requests, messages and versions."""


def answers() -> list[dict[str, Any]]:
    """What several services say of the same resources, in an account of its own."""
    with mock_aws():
        s3, sqs, events, functions = map(client, ("s3", "sqs", "events", "stepfunctions"))
        where = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket="answers", CreateBucketConfiguration=where)
        s3.put_bucket_versioning(Bucket="answers", VersioningConfiguration={"Status": "Enabled"})
        for key in ("a/one.jpg", "a/two.jpg", "b.jpg"):
            s3.put_object(Bucket="answers", Key=key, Body=key.encode())
        s3.delete_object(Bucket="answers", Key="b.jpg")
        url = sqs.create_queue(QueueName="answers")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="hello")
        events.put_rule(Name="answers", EventPattern='{"source": ["darkroom"]}')
        found = [
            s3.list_objects_v2(Bucket="answers", Delimiter="/"),
            s3.list_object_versions(Bucket="answers"),
            s3.head_object(Bucket="answers", Key="a/one.jpg"),
            sqs.receive_message(QueueUrl=url, AttributeNames=["SentTimestamp"]),
            events.list_rules(),
            functions.list_state_machines(),
        ]
    for answer in found:
        del answer["ResponseMetadata"]  # it has the time
    return [json.loads(VARIES.sub('"*"', json.dumps(one, default=str))) for one in found]


def test_answers_are_those_of_moto_without_the_patch() -> None:
    """Twice: the second time what is remembered is used, for all objects of a kind."""
    expected = answers()
    with applied(faster_requests.faster_responses()):
        assert [answers(), answers()] == [expected, expected]
