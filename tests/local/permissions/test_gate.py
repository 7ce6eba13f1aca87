"""What is denied, boto3 raises as on AWS; what is allowed, is passed on unchanged."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.permissions.decision_point import DecisionPoint
from infra.local.permissions.gate import Gate
from infra.local.permissions.http_request import Place
from infra.local.permissions.policy import Policy, read_policy
from infra.local.permissions.record import Record
from infra.local.permissions.template_policies import Policies
from tests.fakes.wire_aws import NOWHERE, Answer, Environ, wired_session
from tests.infra.static_stack import ACCOUNT

FUNCTION = ACCOUNT.arn("lambda", "function:submit")
ROLE = f"arn:aws:iam::{ACCOUNT.id}:role/SubmitRole"
TASKS = ACCOUNT.arn("dynamodb", "table/tasks")
QUEUE = {"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/intake"}
PHOTO, ON_PHOTO = {"Bucket": "photos", "Key": "cat.jpg"}, "arn:aws:s3:::photos/cat.jpg"
USER = f"User: arn:aws:sts::{ACCOUNT.id}:assumed-role/SubmitRole/submit"


@dataclass
class World:
    """A function whose role has some statements, and the AWS behind the gate.

    Attributes:
        status: of every answer of that AWS.
        passed: the requests that have come there, with their bodies.
    """

    statements: list[dict[str, Any]] = field(default_factory=list)
    of_bucket: list[dict[str, Any]] = field(default_factory=list)
    status: str = "200 OK"
    passed: list[tuple[str, bytes]] = field(default_factory=list)
    record: Record = field(default_factory=Record)

    def client(self, service: str) -> Any:
        """The function's own client."""
        point = DecisionPoint(ACCOUNT, self.record)
        role = Policy(read_policy({"Statement": self.statements}, "Role", "identity-based"))
        bucket = Policy(read_policy({"Statement": self.of_bucket}, "Bucket", "resource-based"))
        point.deploy(Policies({ROLE: role}, {"arn:aws:s3:::photos": bucket}, {FUNCTION: ROLE}))
        gate = Gate(point, Place(ACCOUNT, lambda name: f"{name}-AbC123"))
        key = point.key_of(FUNCTION)

        def answer(environ: Environ) -> Answer:
            started: list[Any] = []
            body = gate.answer(key, self.aws, environ, lambda *given: started.extend(given))
            status, headers = started[:2]
            return int(status.split()[0]), dict(headers), b"".join(body)

        return wired_session(key, answer).client(service, endpoint_url=NOWHERE)  # type: ignore[call-overload]

    def aws(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """AWS, which allows everything."""
        self.passed.append((environ["PATH_INFO"], environ["wsgi.input"].read()))
        start_response(self.status, [])
        if environ["REQUEST_METHOD"] == "HEAD":
            return [b""]
        missing = b"<Error><Code>NoSuchKey</Code></Error>"
        return [missing if self.status.startswith("404") else b"{}"]


def allow(action: str, resource: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    """A statement."""
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def denial(world: World, service: str, method: str, **arguments: Any) -> dict[str, Any]:
    """The response of the error that boto3 raises; nothing has come through."""
    with pytest.raises(ClientError) as caught:
        getattr(world.client(service), method)(**arguments)
    return dict(caught.value.response)


CODES = {
    "lambda": ("AccessDeniedException", 403),
    "s3": ("AccessDenied", 403),
    "sqs": ("AccessDenied", 403),
}
"""Service -> the code and status of its denials; of every other one `DENIED`."""
DENIED = ("AccessDeniedException", 400)
SECRET, MACHINE = (
    ACCOUNT.arn("secretsmanager", "secret:a"),
    ACCOUNT.arn("states", "stateMachine:a"),
)


@pytest.mark.parametrize(
    ("service", "method", "arguments", "asked"),
    [
        (
            "dynamodb",
            "put_item",
            {"TableName": "tasks", "Item": {"pk": {"S": "a"}}},
            f"dynamodb:PutItem on resource: {TASKS}",
        ),
        (
            "secretsmanager",
            "get_secret_value",
            {"SecretId": SECRET},
            f"secretsmanager:GetSecretValue on resource: {SECRET}-AbC123",
        ),
        (
            "events",
            "put_events",
            {"Entries": [{"Source": "a"}]},
            f"events:PutEvents on resource: {ACCOUNT.arn('events', 'event-bus/default')}",
        ),
        (
            "stepfunctions",
            "start_execution",
            {"stateMachineArn": MACHINE},
            f"states:StartExecution on resource: {MACHINE}",
        ),
        (
            "lambda",
            "invoke",
            {"FunctionName": "echo"},
            f"lambda:InvokeFunction on resource: {ACCOUNT.arn('lambda', 'function:echo')}",
        ),
        (
            "sqs",
            "send_message",
            {**QUEUE, "MessageBody": "a"},
            f"sqs:sendmessage on resource: {ACCOUNT.arn('sqs', 'intake')}",
        ),
        ("s3", "get_object", PHOTO, f's3:GetObject on resource: "{ON_PHOTO}"'),
        ("s3", "put_object", PHOTO, f's3:PutObject on resource: "{ON_PHOTO}"'),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_denial_is_raised_as_on_aws(
    service: str, method: str, arguments: dict[str, Any], asked: str
) -> None:
    """Code, status and sentence of the service; nothing has been done."""
    world = World()
    response = denial(world, service, method, **arguments)
    status, message = response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]
    assert (response["Error"]["Code"], status) == CODES.get(service, DENIED)
    action = asked.partition(" ")[0]
    why = f"because no identity-based policy allows the {action} action"
    assert message == f"{USER} is not authorized to perform: {asked} {why}"
    assert (world.passed, world.record.denied) == ([], [message])


def test_denied_head_has_no_body() -> None:
    """As of every HEAD; boto3 makes the code out of the status."""
    response = denial(World(), "s3", "head_object", **PHOTO)
    assert (response["Error"]["Code"], response["Error"]["Message"]) == ("403", "Forbidden")


def test_allowed_request_is_passed_on_with_its_body() -> None:
    """The body was read to decide, and can be read again."""
    world = World([allow("dynamodb:PutItem", TASKS)])
    world.client("dynamodb").put_item(TableName="tasks", Item={"pk": {"S": "a"}})
    ((path, body),) = world.passed
    assert (path, json.loads(body)["Item"]) == ("/", {"pk": {"S": "a"}})
    assert (world.record.denied, world.record.unused()) == ([], [])


def test_transaction_needs_the_right_of_each_element() -> None:
    """One that is missing denies all of it."""
    world = World([allow("dynamodb:PutItem", TASKS)])
    put = {"Put": {"TableName": "tasks", "Item": {"pk": {"S": "a"}}}}
    delete = {"Delete": {"TableName": "tasks", "Key": {"pk": {"S": "b"}}}}
    response = denial(world, "dynamodb", "transact_write_items", TransactItems=[put, delete])
    assert f"dynamodb:DeleteItem on resource: {TASKS}" in response["Error"]["Message"]
    assert world.passed == []


@pytest.mark.parametrize("method", ["get_object", "head_object"])
def test_missing_object_is_denied_to_a_caller_that_may_not_list(method: str) -> None:
    """Otherwise it would learn which keys there are."""
    read = allow("s3:GetObject", "arn:aws:s3:::photos/*")
    world = World([read], status="404 Not Found")
    response = denial(world, "s3", method, **PHOTO)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    (sentence,) = world.record.denied
    assert 's3:ListBucket on resource: "arn:aws:s3:::photos"' in sentence


@pytest.mark.parametrize(("method", "code"), [("get_object", "NoSuchKey"), ("head_object", "404")])
def test_missing_object_is_missing_to_a_caller_that_may_list(method: str, code: str) -> None:
    """And the right to list is used."""
    rights = [
        allow("s3:GetObject", "arn:aws:s3:::photos/*"),
        allow("s3:ListBucket", "arn:aws:s3:::photos"),
    ]
    world = World(rights, status="404 Not Found")
    assert denial(world, "s3", method, **PHOTO)["Error"]["Code"] == code
    assert (world.record.denied, world.record.unused()) == ([], [])


def test_policy_of_the_bucket_denies_an_object() -> None:
    """The policy is the bucket's, and the request is about an object in it."""
    denies = allow("s3:*", "arn:aws:s3:::photos/*", "Deny", Principal={"AWS": "*"})
    world = World([allow("s3:GetObject", "arn:aws:s3:::photos/*")], [denies])
    response = denial(world, "s3", "get_object", **PHOTO)
    assert response["Error"]["Message"].endswith("explicit deny in a resource-based policy")


def test_plain_http_on_this_machine_stands_for_tls() -> None:
    """The stack's buckets deny everything else."""
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    denies = allow("s3:*", "*", "Deny", Principal="*", Condition=insecure)
    world = World([allow("s3:GetObject", "arn:aws:s3:::photos/*")], [denies])
    world.client("s3").get_object(**PHOTO)
    assert len(world.passed) == 1


@pytest.mark.parametrize(
    ("service", "method", "code"),
    [
        ("dynamodb", "list_tables", "AccessDeniedException"),
        ("s3", "get_bucket_acl", "AccessDenied"),
        ("sts", "get_caller_identity", "AccessDenied"),
    ],
)
def test_request_with_unknown_rights_is_denied(service: str, method: str, code: str) -> None:
    """In the format of its service, also if the role may do everything."""
    arguments = {"Bucket": "photos"} if service == "s3" else {}
    response = denial(World([allow("*", "*")]), service, method, **arguments)
    assert response["Error"]["Code"] == code
    assert "does not know which rights this takes" in response["Error"]["Message"]


def test_function_that_was_not_deployed_has_no_rights() -> None:
    """Its key is known, and its role is not."""
    point = DecisionPoint(ACCOUNT, Record())
    key = point.key_of(FUNCTION)
    assert point.key_of(FUNCTION) == key
    assert point.function_of(key) == FUNCTION
    assert point.function_of("local") is None
    assert point.function(FUNCTION).identity is not None
    assert point.function(FUNCTION).identity.grants() == []  # type: ignore[union-attr]
