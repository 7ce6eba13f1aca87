"""What people may do in an environment: its users, its operators, and those who deploy it.

A right is an action on a thing of the environment's own stack. Tests hold that the `darkroom`
command needs no other action; on which things, nothing compares yet. Sources: Service Authorization
Reference, "Actions, resources, and condition keys for" each service; CDK guide, "Bootstrapping",
for the roles that its command takes on.
"""

from collections.abc import Mapping
from typing import Final, Literal

Person = Literal["users", "operators", "deployers"]
Thing = Literal[
    "account",
    "batches",
    "bootstrap roles",
    "bus",
    "dashboard",
    "dead letters",
    "functions",
    "indexes",
    "input bucket",
    "input objects",
    "intake queue",
    "logs",
    "output bucket",
    "output objects",
    "rules",
    "runs",
    "secrets",
    "stack",
    "table",
    "workflow",
]
Rights = Mapping[Thing, tuple[str, ...]]

DESCRIPTIONS: Final[Mapping[Person, str]] = {
    "users": "Upload photos and specs, send requests, read tasks, results and costs.",
    "operators": "What users may do; retry, cancel, approve, redrive, settle; keys, logs, doctor.",
    "deployers": "Deploy, compare and delete the environment with the CDK's command.",
}

_USERS: Final[Rights] = {
    "stack": ("cloudformation:DescribeStacks",),
    "input bucket": ("s3:ListBucket",),
    "input objects": (
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
    ),
    "output bucket": ("s3:ListBucket",),
    "output objects": ("s3:GetObject", "s3:GetObjectVersion"),
    "table": ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"),
    "indexes": ("dynamodb:Query",),
    # `put --expect` says how many photos a folder's batch has.
    "batches": ("dynamodb:PutItem",),
    "intake queue": ("sqs:GetQueueAttributes", "sqs:SendMessage"),
    "bus": ("events:PutEvents",),
}
_OPERATORS: Final[Rights] = {
    "stack": ("cloudformation:DescribeStackEvents",),
    "input bucket": ("s3:GetBucketNotification", "s3:GetBucketVersioning"),
    "output bucket": ("s3:GetBucketVersioning",),
    "output objects": ("s3:PutObject",),
    "table": ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
    "dead letters": (
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    ),
    "workflow": ("states:ListExecutions", "states:StartExecution"),
    "runs": ("states:DescribeExecution", "states:GetExecutionHistory"),
    "secrets": ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"),
    "logs": ("logs:FilterLogEvents",),
    "functions": ("lambda:GetFunctionConfiguration",),
    "rules": ("events:DescribeRule",),
    "dashboard": ("cloudwatch:GetDashboard",),
    # These have no resources.
    "account": (
        "cloudwatch:GetMetricData",
        "lambda:GetAccountSettings",
        "lambda:ListEventSourceMappings",
    ),
}
_DEPLOYERS: Final[Rights] = {
    "bootstrap roles": ("sts:AssumeRole",),
    "stack": ("cloudformation:DescribeStacks",),
}
_DELETERS: Final[Rights] = {
    "input bucket": ("s3:ListBucketVersions",),
    "input objects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "output bucket": ("s3:ListBucketVersions",),
    "output objects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
}
"""Empty the buckets: a filled one cannot be deleted."""


def rights_of(person: Person, *, keep: bool = True) -> Rights:
    """The rights, by thing. `keep`: whether the environment's data outlives its stack."""
    match person:
        case "users":
            return _USERS
        case "operators":
            return _merge(_USERS, _OPERATORS)
        case "deployers":
            return _DEPLOYERS if keep else _merge(_DEPLOYERS, _DELETERS)


def _merge(first: Rights, second: Rights) -> Rights:
    return {thing: (*first.get(thing, ()), *second.get(thing, ())) for thing in {**first, **second}}
