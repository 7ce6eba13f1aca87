"""Faults of permissions to plant into a template, each in one place.

`deny` faults take away what a step needs: one of its recorded requests is denied. `spare` faults
give what no step needs: it is listed as never used. `open` faults open a policy to others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.infra.template import as_list

Body = dict[str, Any]
"""A template."""
Statement = dict[str, Any]
TABLE = "DynamoDB::Table"


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        plant: changes a template.
        found: what the line that reports it says, part by part.
    """

    name: str
    kind: Literal["deny", "spare", "open"]
    plant: Callable[[Body], object]
    found: tuple[str, ...]


def statements(body: Body, verb: str) -> list[Statement]:
    """The statements of a step's role."""
    (role,) = (name for name in body["Resources"] if name.startswith(f"{verb}DoorRole"))
    (policy,) = body["Resources"][role]["Properties"]["Policies"]
    found: list[Statement] = policy["PolicyDocument"]["Statement"]
    return found


def allowing(body: Body, verb: str, action: str, word: str = "") -> Iterator[Statement]:
    """The statements of a step that allow an action on a resource that is named like this."""
    for statement in statements(body, verb):
        if action in as_list(statement["Action"]) and word in str(statement["Resource"]):
            yield statement


def without(verb: str, action: str, word: str = "") -> Callable[[Body], None]:
    """Take a right away."""

    def plant(body: Body) -> None:
        for statement in list(allowing(body, verb, action, word)):
            actions = statement["Action"]
            if isinstance(actions, str):
                statements(body, verb).remove(statement)
            else:
                actions.remove(action)

    return plant


def on(
    verb: str, action: str, word: str, resource: Callable[[Body], Any]
) -> Callable[[Body], None]:
    """Give a right on another resource instead."""

    def plant(body: Body) -> None:
        for statement in allowing(body, verb, action, word):
            statement["Resource"] = resource(body)

    return plant


def also(verb: str, **statement: Any) -> Callable[[Body], None]:
    """Add a statement; a callable value is given the template."""

    def plant(body: Body) -> None:
        made = {key: value(body) if callable(value) else value for key, value in statement.items()}
        statements(body, verb).append({"Effect": "Allow", **made})

    return plant


def arn(kind: str, word: str = "", after: str = "") -> Callable[[Body], Any]:
    """The ARN of the first resource of a type whose logical id has a word."""

    def find(body: Body) -> Any:
        name = next(
            name
            for name, resource in body["Resources"].items()
            if resource["Type"] == f"AWS::{kind}" and word in name
        )
        whole = {"Fn::GetAtt": [name, "Arn"]}
        return {"Fn::Join": ["", [whole, after]]} if after else whole

    return find


def _secrets_of(environment: str) -> Callable[[Body], Any]:
    providers = ("apiframe", "goapi", "perfect", "snapapi")
    start = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:darkroom"
    return lambda _body: [f"{start}/{environment}/{each}-AbC123" for each in providers]


def _without_condition(kind: str, word: str) -> Callable[[Body], None]:
    def plant(body: Body) -> None:
        for name, resource in body["Resources"].items():
            if resource["Type"] == f"AWS::{kind}" and word in name:
                properties = resource["Properties"]
                properties.pop("SourceArn", None)
                for statement in properties.get("PolicyDocument", {}).get("Statement", ()):
                    statement.pop("Condition", None)

    return plant


def _wildcard(body: Body) -> None:
    for statement in allowing(body, "Submit", "dynamodb:GetItem"):
        statement["Action"] = "dynamodb:*"


def _without_tls(body: Body) -> None:
    for name in [
        name for name in body["Resources"] if name.startswith("StorageOutputBucketPolicy")
    ]:
        del body["Resources"][name]


FAULTS: Sequence[Fault] = (
    Fault(
        "a missing right",
        "deny",
        without("Deliver", "events:PutEvents"),
        ("deliver: events:PutEvents", "no identity-based policy allows"),
    ),
    Fault(
        "a missing right of a rare path",
        "deny",
        without("Sweep", "states:DescribeExecution"),
        ("sweep: states:DescribeExecution", "no identity-based policy allows"),
    ),
    Fault(
        "a superfluous right",
        "spare",
        also("Poll", Action="dynamodb:Scan", Resource=arn(TABLE)),
        ("poll: dynamodb:Scan",),
    ),
    Fault(
        "a superfluous resource",
        "spare",
        also("Submit", Action="s3:PutObject", Resource=arn("S3::Bucket", "Input", "/*")),
        ("submit: s3:PutObject", "-input-"),
    ),
    Fault(
        "the wrong resource",
        "deny",
        on("Submit", "s3:PutObject", "Output", arn("S3::Bucket", "Input", "/*")),
        ("submit: s3:PutObject", "-output-", "no identity-based policy allows"),
    ),
    Fault(
        "a bucket instead of its objects",
        "deny",
        on("Poll", "s3:PutObject", "Output", arn("S3::Bucket", "Output")),
        ("poll: s3:PutObject", "-output-", "no identity-based policy allows"),
    ),
    Fault(
        "a missing condition of a queue's policy",
        "open",
        _without_condition("SQS::QueuePolicy", "IntakeQueue"),
        ("IntakeQueuePolicy", "events.amazonaws.com"),
    ),
    Fault(
        "a missing condition of a function's permission",
        "open",
        _without_condition("Lambda::Permission", "EveryMinute"),
        ("EveryMinute", "events.amazonaws.com"),
    ),
    Fault(
        "a condition that never holds",
        "deny",
        also(
            "Intake",
            Effect="Deny",
            Action="sqs:SendMessage",
            Resource=arn("SQS::Queue", "IntakeQueue"),
            Condition={"Null": {"aws:SourceArn": "true"}},
        ),
        ("intake: sqs:SendMessage", "-intake", "explicit deny"),
    ),
    Fault(
        "a missing index",
        "deny",
        on("Sweep", "dynamodb:Query", "by-due", arn(TABLE)),
        ("sweep: dynamodb:Query", "/index/by-due"),
    ),
    Fault(
        "a missing read of versions",
        "deny",
        without("Poll", "s3:GetObjectVersion"),
        ("poll: s3:GetObjectVersion", "-input-"),
    ),
    Fault(
        "a secret of another environment",
        "deny",
        on("Submit", "secretsmanager:GetSecretValue", "", _secrets_of("dev")),
        ("submit: secretsmanager:GetSecretValue", "darkroom/prod/snapapi"),
    ),
    Fault(
        "the wrong queue",
        "deny",
        on("Intake", "sqs:SendMessage", "IntakeQueue", arn("SQS::Queue", "DeadLetters")),
        ("intake: sqs:SendMessage", "darkroom-prod-intake"),
    ),
    Fault(
        "no right to list a bucket",
        "deny",
        without("Submit", "s3:ListBucket", "Input"),
        ("submit: s3:ListBucket", "-input-"),
    ),
    Fault(
        "a part of a transaction",
        "deny",
        without("Submit", "dynamodb:DeleteItem"),
        ("submit: dynamodb:DeleteItem", "no identity-based policy allows"),
    ),
    Fault(
        "an explicit deny",
        "deny",
        also("Fail", Effect="Deny", Action="s3:Put*", Resource=arn("S3::Bucket", "Output", "/*")),
        ("fail: s3:PutObject", "explicit deny in an identity-based policy"),
    ),
    Fault("a wildcard", "open", _wildcard, ("SubmitDoorRole", "dynamodb:*")),
    Fault(
        "every resource",
        "open",
        on("Poll", "states:StartExecution", "", lambda _body: "*"),
        ("PollDoorRole", "states:StartExecution"),
    ),
    Fault("no TLS", "open", _without_tls, ("StorageOutputBucket", "s3:GetObject")),
)
