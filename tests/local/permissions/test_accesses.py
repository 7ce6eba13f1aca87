"""Which rights boto3's requests need: each operation of the tables, as boto3 sends it."""

from typing import Any

import pytest

from infra.local.permissions import json_services
from infra.local.permissions.accesses import find_accesses
from infra.local.permissions.http_request import Place, UnknownRequestError, read_request
from tests.fakes.wire_aws import NOWHERE, Answer, Environ, wired_session
from tests.infra.static_stack import ACCOUNT

SECRET = ACCOUNT.arn("secretsmanager", "secret:darkroom/dev/snapapi-AbC123")
PLACE = Place(ACCOUNT, lambda name: SECRET if name in (SECRET, "darkroom/dev/snapapi") else None)
KEY = {"pk": {"S": "a"}}
TASKS, OTHER = ACCOUNT.arn("dynamodb", "table/tasks"), ACCOUNT.arn("dynamodb", "table/other")
QUEUE = {"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/intake"}
ON_QUEUE = ACCOUNT.arn("sqs", "intake")
PHOTO = {"Bucket": "photos", "Key": "a folder/ü+%.jpg"}
ON_PHOTO, ON_PHOTOS = "arn:aws:s3:::photos/a folder/ü+%.jpg", "arn:aws:s3:::photos"
MACHINE = ACCOUNT.arn("states", "stateMachine:runs")
RUN = ACCOUNT.arn("states", "execution:runs:a-1")
BATCH = [{"Id": "1", "ReceiptHandle": "r", "VisibilityTimeout": 1}]

Call = tuple[str, str, dict[str, Any]]
"""A service, a method of its client, and the arguments."""


def accesses(call: Call) -> list[tuple[str, str]]:
    """The rights that a call of boto3 needs."""
    found: list[tuple[str, str]] = []

    def answer(environ: Environ) -> Answer:
        found.extend(
            (access.action, access.resource)
            for access in find_accesses(read_request(environ), PLACE)
        )
        return 200, {}, b"<x/>" if call[0] == "s3" else b"{}"

    client: Any = wired_session("key", answer).client(call[0], endpoint_url=NOWHERE)  # type: ignore[call-overload]
    getattr(client, call[1])(**call[2])
    return found


def table(**fields: Any) -> dict[str, Any]:
    """Arguments of a call on the table of tasks."""
    return {"TableName": "tasks", **fields}


CALLS: list[tuple[Call, list[tuple[str, str]]]] = [
    (("dynamodb", "get_item", table(Key=KEY)), [("dynamodb:GetItem", TASKS)]),
    (("dynamodb", "get_item", {"TableName": TASKS, "Key": KEY}), [("dynamodb:GetItem", TASKS)]),
    (("dynamodb", "put_item", table(Item=KEY)), [("dynamodb:PutItem", TASKS)]),
    (("dynamodb", "update_item", table(Key=KEY)), [("dynamodb:UpdateItem", TASKS)]),
    (("dynamodb", "delete_item", table(Key=KEY)), [("dynamodb:DeleteItem", TASKS)]),
    (("dynamodb", "query", table()), [("dynamodb:Query", TASKS)]),
    (
        ("dynamodb", "query", table(IndexName="by-due")),
        [("dynamodb:Query", f"{TASKS}/index/by-due")],
    ),
    (("dynamodb", "scan", table(IndexName="by-due")), [("dynamodb:Scan", f"{TASKS}/index/by-due")]),
    (
        (
            "dynamodb",
            "batch_get_item",
            {"RequestItems": {"tasks": {"Keys": [KEY]}, "other": {"Keys": [KEY]}}},
        ),
        [("dynamodb:BatchGetItem", TASKS), ("dynamodb:BatchGetItem", OTHER)],
    ),
    (
        (
            "dynamodb",
            "batch_write_item",
            {"RequestItems": {"tasks": [{"PutRequest": {"Item": KEY}}]}},
        ),
        [("dynamodb:BatchWriteItem", TASKS)],
    ),
    (
        (
            "dynamodb",
            "transact_write_items",
            {
                "TransactItems": [
                    {"Put": table(Item=KEY)},
                    {"Put": table(Item=KEY)},
                    {"Update": table(Key=KEY, UpdateExpression="SET a = b")},
                    {"Delete": {"TableName": "other", "Key": KEY}},
                    {"ConditionCheck": table(Key=KEY, ConditionExpression="a = b")},
                ]
            },
        ),
        [
            ("dynamodb:PutItem", TASKS),
            ("dynamodb:UpdateItem", TASKS),
            ("dynamodb:DeleteItem", OTHER),
            ("dynamodb:ConditionCheckItem", TASKS),
        ],
    ),
    (
        ("dynamodb", "transact_get_items", {"TransactItems": [{"Get": table(Key=KEY)}]}),
        [("dynamodb:GetItem", TASKS)],
    ),
    (("s3", "get_object", PHOTO), [("s3:GetObject", ON_PHOTO)]),
    (("s3", "get_object", {**PHOTO, "Range": "bytes=0-0"}), [("s3:GetObject", ON_PHOTO)]),
    (("s3", "get_object", {**PHOTO, "VersionId": "v"}), [("s3:GetObjectVersion", ON_PHOTO)]),
    (("s3", "head_object", PHOTO), [("s3:GetObject", ON_PHOTO)]),
    (("s3", "head_object", {**PHOTO, "VersionId": "v"}), [("s3:GetObjectVersion", ON_PHOTO)]),
    (("s3", "put_object", PHOTO), [("s3:PutObject", ON_PHOTO)]),
    (("s3", "put_object", {**PHOTO, "IfNoneMatch": "*"}), [("s3:PutObject", ON_PHOTO)]),
    (
        ("s3", "put_object", {**PHOTO, "IfMatch": '"0"'}),
        [("s3:PutObject", ON_PHOTO), ("s3:GetObject", ON_PHOTO)],
    ),
    (
        ("s3", "put_object", {**PHOTO, "ACL": "private", "Tagging": "a=b"}),
        [
            ("s3:PutObject", ON_PHOTO),
            ("s3:PutObjectAcl", ON_PHOTO),
            ("s3:PutObjectTagging", ON_PHOTO),
        ],
    ),
    (
        (
            "s3",
            "copy_object",
            {**PHOTO, "CopySource": {"Bucket": "old", "Key": "a b", "VersionId": "v"}},
        ),
        [("s3:PutObject", ON_PHOTO), ("s3:GetObjectVersion", "arn:aws:s3:::old/a b")],
    ),
    (("s3", "delete_object", PHOTO), [("s3:DeleteObject", ON_PHOTO)]),
    (("s3", "delete_object", {**PHOTO, "VersionId": "v"}), [("s3:DeleteObjectVersion", ON_PHOTO)]),
    (
        ("s3", "list_objects_v2", {"Bucket": "photos", "Prefix": "a/", "MaxKeys": 1}),
        [("s3:ListBucket", ON_PHOTOS)],
    ),
    (("s3", "head_bucket", {"Bucket": "photos"}), [("s3:ListBucket", ON_PHOTOS)]),
    (("sqs", "send_message", {**QUEUE, "MessageBody": "a"}), [("sqs:SendMessage", ON_QUEUE)]),
    (
        ("sqs", "send_message_batch", {**QUEUE, "Entries": [{"Id": "1", "MessageBody": "a"}]}),
        [("sqs:SendMessage", ON_QUEUE)],
    ),
    (("sqs", "receive_message", QUEUE), [("sqs:ReceiveMessage", ON_QUEUE)]),
    (("sqs", "delete_message", {**QUEUE, "ReceiptHandle": "r"}), [("sqs:DeleteMessage", ON_QUEUE)]),
    (
        ("sqs", "delete_message_batch", {**QUEUE, "Entries": [{"Id": "1", "ReceiptHandle": "r"}]}),
        [("sqs:DeleteMessage", ON_QUEUE)],
    ),
    (
        (
            "sqs",
            "change_message_visibility",
            {**QUEUE, "ReceiptHandle": "r", "VisibilityTimeout": 1},
        ),
        [("sqs:ChangeMessageVisibility", ON_QUEUE)],
    ),
    (
        ("sqs", "change_message_visibility_batch", {**QUEUE, "Entries": BATCH}),
        [("sqs:ChangeMessageVisibility", ON_QUEUE)],
    ),
    (("sqs", "get_queue_attributes", QUEUE), [("sqs:GetQueueAttributes", ON_QUEUE)]),
    (
        ("secretsmanager", "get_secret_value", {"SecretId": "darkroom/dev/snapapi"}),
        [("secretsmanager:GetSecretValue", SECRET)],
    ),
    (
        ("secretsmanager", "get_secret_value", {"SecretId": SECRET}),
        [("secretsmanager:GetSecretValue", SECRET)],
    ),
    (
        ("secretsmanager", "get_secret_value", {"SecretId": "none"}),
        [("secretsmanager:GetSecretValue", ACCOUNT.arn("secretsmanager", "secret:none"))],
    ),
    (
        ("events", "put_events", {"Entries": [{"EventBusName": "shop"}, {"Source": "a"}]}),
        [
            ("events:PutEvents", ACCOUNT.arn("events", "event-bus/shop")),
            ("events:PutEvents", ACCOUNT.arn("events", "event-bus/default")),
        ],
    ),
    (
        ("stepfunctions", "start_execution", {"stateMachineArn": MACHINE, "name": "a-1"}),
        [("states:StartExecution", MACHINE)],
    ),
    (
        ("stepfunctions", "describe_execution", {"executionArn": RUN}),
        [("states:DescribeExecution", RUN)],
    ),
    (
        ("lambda", "invoke", {"FunctionName": "echo"}),
        [("lambda:InvokeFunction", ACCOUNT.arn("lambda", "function:echo"))],
    ),
    (
        ("lambda", "invoke", {"FunctionName": ACCOUNT.arn("lambda", "function:echo")}),
        [("lambda:InvokeFunction", ACCOUNT.arn("lambda", "function:echo"))],
    ),
]


@pytest.mark.parametrize(("call", "rights"), CALLS, ids=lambda part: str(part[:2])[:60])
def test_request_needs_these_rights(call: Call, rights: list[tuple[str, str]]) -> None:
    """And no other."""
    assert accesses(call) == rights


def test_every_operation_of_the_table_is_tried() -> None:
    """A new row needs a new call above."""
    tried = {(service, method.replace("_", "")) for (service, method, _), _ in CALLS}
    names = {"states": "stepfunctions"}
    assert {
        (names.get(service, service), operation.lower())
        for service, operation in json_services._OPERATIONS
    } <= tried


@pytest.mark.parametrize(
    "call",
    [
        ("dynamodb", "delete_table", {"TableName": "tasks"}),
        ("dynamodb", "execute_statement", {"Statement": "SELECT * FROM tasks"}),
        ("s3", "get_object_acl", PHOTO),
        ("s3", "put_bucket_policy", {"Bucket": "photos", "Policy": "{}"}),
        ("s3", "create_multipart_upload", PHOTO),
        ("sqs", "purge_queue", QUEUE),
        ("lambda", "list_functions", {}),
        ("sts", "get_caller_identity", {}),
    ],
    ids=lambda call: call[1],
)
def test_request_that_is_not_in_the_tables_is_unknown(call: Call) -> None:
    """And never passed as one that needs no right."""
    with pytest.raises(UnknownRequestError):
        accesses(call)


def test_presigned_url_needs_the_rights_of_its_request() -> None:
    """The key is in the query instead of a header."""
    s3 = wired_session("key", lambda _environ: (200, {}, b"")).client("s3", endpoint_url=NOWHERE)
    url = s3.generate_presigned_url("get_object", {**PHOTO, "VersionId": "v"})
    query = url.partition("?")[2]
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/photos/a", "QUERY_STRING": query}
    found = find_accesses(read_request(environ), PLACE)
    assert [access.action for access in found] == ["s3:GetObjectVersion"]
