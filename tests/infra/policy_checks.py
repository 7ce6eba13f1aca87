"""What may not stand in a policy: found in a template, each as a line."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from infra.local.permissions.policy import NOTHING, Access, Policy, evaluate, read_policy
from infra.local.permissions.template_policies import read_permission
from tests.infra.static_stack import StaticStack
from tests.infra.template import as_list
from tests.infra.template_rights import TemplateRights

# Service -> why its roles need no condition on who it acts for.
TRUSTED: Final[Mapping[str, str]] = {
    # IAM user guide, "Grant a user permissions to pass a role to an AWS service".
    "lambda.amazonaws.com": "a role can be passed to functions of its own account only",
}
# AWS accepts only "*" for these actions.
NEEDS_EVERY_RESOURCE: Final = frozenset(
    {
        "xray:PutTelemetryRecords",  # X-Ray has no resource for traces
        "xray:PutTraceSegments",  # the same
        "xray:GetSamplingRules",  # the same, for the state machine
        "xray:GetSamplingTargets",  # the same, for the state machine
        "cloudwatch:GetMetricData",  # metrics have no resource
        "lambda:GetAccountSettings",  # of the account
        "lambda:ListEventSourceMappings",  # lists have no resource
        "logs:CreateLogDelivery",  # the state machine's log: the delivery API has no resource
        "logs:DeleteLogDelivery",  # the same
        "logs:DescribeLogGroups",  # the same
        "logs:DescribeResourcePolicies",  # the same
        "logs:GetLogDelivery",  # the same
        "logs:ListLogDeliveries",  # the same
        "logs:PutResourcePolicy",  # the same
        "logs:UpdateLogDelivery",  # the same
    }
)
SOURCES: Final = frozenset({"aws:sourcearn", "aws:sourceaccount"})
# Type of a resource -> actions on it that its policy denies without TLS.
PLAIN_HTTP: Final[Mapping[str, tuple[str, ...]]] = {
    "AWS::S3::Bucket": ("s3:GetObject", "s3:PutObject", "s3:ListBucket"),
    "AWS::SQS::Queue": ("sqs:SendMessage", "sqs:ReceiveMessage"),
}

EVERYTHING: Final = Policy(
    read_policy(
        {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, "all", "identity-based"
    )
)

Statement = tuple[str, Mapping[str, Any]]
"""The logical id of what holds it, and the statement."""


def find_open_services(template: Mapping[str, Any]) -> list[str]:
    """Statements that let a service in without asking for whom it acts.

    IAM user guide, "The confused deputy problem".
    """
    found = []
    for holder, statement in find_statements(template):
        principal = statement.get("Principal", {})
        services = as_list(principal.get("Service", [])) if isinstance(principal, dict) else []
        keys = {key.lower() for block in statement.get("Condition", {}).values() for key in block}
        if statement["Effect"] == "Allow" and keys.isdisjoint(SOURCES):
            found += [f"{holder}: {each}" for each in services if each not in TRUSTED]
    return found


def find_open_principals(template: Mapping[str, Any]) -> list[str]:
    """Statements that let in anybody."""
    return [
        holder
        for holder, statement in find_statements(template)
        if statement["Effect"] == "Allow"
        and statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
    ]


def find_wildcards(template: Mapping[str, Any]) -> list[str]:
    """Allowed actions with a wildcard, and resources `*` where AWS has narrower ones."""
    found = []
    for holder, statement in find_statements(template):
        if statement["Effect"] != "Allow":
            continue
        for action in as_list(statement["Action"]):
            everywhere = "*" in as_list(statement.get("Resource", []))
            if (
                "*" in action
                or "?" in action
                or (everywhere and action not in NEEDS_EVERY_RESOURCE)
            ):
                found.append(f"{holder}: {action}")
    return found


def find_plain_http(template: Mapping[str, Any]) -> list[str]:
    """Buckets and queues on which a caller who may do everything needs no TLS."""
    rights = TemplateRights(template)
    found = []
    for name, resource in template["Resources"].items():
        for action in PLAIN_HTTP.get(resource["Type"], ()):
            arn = rights.stack.attribute(name, "Arn")
            where = f"{arn}/a/b.jpg" if action.endswith("Object") else arn
            access = Access(action, where, {"aws:securetransport": "false"})
            policy = rights.policies.resources.get(arn, NOTHING)
            if evaluate(access, frozenset({"*"}), EVERYTHING, policy).allowed:
                found.append(f"{name}: {action}")
    return found


def find_statements(template: Mapping[str, Any]) -> Iterator[Statement]:
    """Every statement of every policy, at any depth of the template, with resolved references."""
    resolve = StaticStack(template).resolve
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::Permission":
            permission = resolve(properties)
            yield name, read_permission(permission, permission["FunctionName"])
        for document in _documents(properties):
            yield from ((name, each) for each in as_list(resolve(document["Statement"])))


def _documents(part: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(part, dict):
        if "Statement" in part:
            yield part
        for value in part.values():
            yield from _documents(value)
    elif isinstance(part, list):
        for item in part:
            yield from _documents(item)
