"""Reads from a template who holds which policy: roles, and the resources that have one.

Policies of a kind that is not evaluated here are refused: see `REFUSED`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.local.permissions.intrinsics import Account, Deployed, Resolver
from infra.local.permissions.policy import Grant, Policy, PolicyError, Rule, read_policy

# Types, and properties of types, that hold policies and are not evaluated here.
REFUSED_TYPES: Final = frozenset(
    {
        "AWS::Events::EventBusPolicy",
        "AWS::IAM::RolePolicy",
        "AWS::KMS::Key",
        "AWS::Lambda::LayerVersionPermission",
        "AWS::SecretsManager::ResourcePolicy",
    }
)
REFUSED_PROPERTIES: Final[Mapping[str, tuple[str, ...]]] = {
    "AWS::DynamoDB::Table": ("ResourcePolicy",),
    "AWS::Events::EventBus": ("Policy",),
    # Without these it is for people, of whom there are none here.
    "AWS::IAM::ManagedPolicy": ("Groups", "Roles", "Users"),
    "AWS::IAM::Role": ("PermissionsBoundary",),
}
# The part of a managed policy's ARN after the account -> what it allows. They are AWS's own.
MANAGED: Final[Mapping[str, tuple[str, ...]]] = {
    # Lambda developer guide, "Working with AWS managed policies in the execution role".
    "policy/service-role/AWSLambdaBasicExecutionRole": (
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ),
}


@dataclass(frozen=True)
class Policies:
    """The policies of one template.

    Attributes:
        roles: a role's ARN -> its own policies.
        resources: the ARN of a bucket, queue or function -> its policy.
        functions: a function's ARN -> the ARN of its role.
    """

    roles: Mapping[str, Policy] = field(default_factory=dict)
    resources: Mapping[str, Policy] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)

    def grants(self) -> list[Grant]:
        """Everything that any policy allows."""
        policies = (*self.roles.values(), *self.resources.values())
        return [grant for policy in policies for grant in policy.grants()]


def read_policies(template: Mapping[str, Any], account: Account, deployed: Deployed) -> Policies:
    """All policies of a deployed template. Raises `PolicyError`."""
    return _Reader(template, account, deployed).read()


class _Reader:
    def __init__(self, template: Mapping[str, Any], account: Account, deployed: Deployed) -> None:
        self._resources: Mapping[str, Any] = template["Resources"]
        self._account = account
        self._deployed = deployed
        self._resolve = Resolver(account, deployed)

    def read(self) -> Policies:
        self._refuse()
        return Policies(
            roles=_collect(self._role_rules(), self._arns("AWS::IAM::Role")),
            resources=_collect(self._resource_rules(), ()),
            functions={
                self._deployed.attribute(name, "Arn"): self._resolve(properties["Role"])
                for name, properties in self._of_type("AWS::Lambda::Function")
            },
        )

    def _refuse(self) -> None:
        for name, resource in self._resources.items():
            kind = resource["Type"]
            if kind in REFUSED_TYPES:
                raise PolicyError(f"{name}: policies of {kind} are not evaluated here")
            for refused in REFUSED_PROPERTIES.get(kind, ()):
                if refused in resource.get("Properties", {}):
                    raise PolicyError(f"{name}: {refused} of {kind} is not evaluated here")

    def _role_rules(self) -> Iterator[tuple[str, list[Rule]]]:
        for name, properties in self._of_type("AWS::IAM::Role"):
            arn = self._deployed.attribute(name, "Arn")
            for policy in properties.get("Policies", ()):
                document = self._resolve(policy["PolicyDocument"])
                yield arn, read_policy(document, name, "identity-based")
            for managed in properties.get("ManagedPolicyArns", ()):
                yield arn, _read_managed(self._resolve(managed), name)
        for name, properties in self._of_type("AWS::IAM::Policy"):
            rules = read_policy(self._resolve(properties["PolicyDocument"]), name, "identity-based")
            for role in properties.get("Roles", ()):
                yield self._deployed.attribute(_logical_id(role, name), "Arn"), rules

    def _resource_rules(self) -> Iterator[tuple[str, list[Rule]]]:
        for name, properties in self._of_type("AWS::S3::BucketPolicy"):
            document = self._resolve(properties["PolicyDocument"])
            bucket = self._resolve(properties["Bucket"])
            arn = f"arn:{self._account.partition}:s3:::{bucket}"
            yield arn, read_policy(document, name, "resource-based")
        for name, properties in self._of_type("AWS::SQS::QueuePolicy"):
            rules = read_policy(self._resolve(properties["PolicyDocument"]), name, "resource-based")
            for queue in properties["Queues"]:
                yield self._deployed.attribute(_logical_id(queue, name), "Arn"), rules
        for name, properties in self._of_type("AWS::Lambda::Permission"):
            function = self._resolve(properties["FunctionName"])
            if not function.startswith("arn:"):
                function = self._account.arn("lambda", f"function:{function}")
            document = {"Statement": read_permission(self._resolve(properties), function)}
            yield function, read_policy(document, name, "resource-based")

    def _of_type(self, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for name, resource in self._resources.items():
            if resource["Type"] == kind:
                yield name, resource.get("Properties", {})

    def _arns(self, kind: str) -> list[str]:
        return [self._deployed.attribute(name, "Arn") for name, _ in self._of_type(kind)]


def _collect(
    found: Iterator[tuple[str, list[Rule]]], holders: "list[str] | tuple[()]"
) -> dict[str, Policy]:
    rules: dict[str, list[Rule]] = {holder: [] for holder in holders}
    for holder, more in found:
        rules.setdefault(holder, []).extend(more)
    return {holder: Policy(its) for holder, its in rules.items()}


def _logical_id(reference: Mapping[str, str], holder: str) -> str:
    if set(reference) != {"Ref"}:
        raise PolicyError(f"{holder}: {reference!r} is not a reference to what the policy is for")
    return reference["Ref"]


def _read_managed(arn: str, holder: str) -> list[Rule]:
    name = arn.rsplit(":", maxsplit=1)[-1]
    if name not in MANAGED:
        raise PolicyError(f"{holder}: the managed policy {name} is not known here")
    statement = {"Effect": "Allow", "Action": list(MANAGED[name]), "Resource": "*"}
    return read_policy({"Statement": statement}, holder, "identity-based")


def read_permission(permission: Mapping[str, Any], function: str) -> dict[str, Any]:
    """A Lambda permission as the statement that Lambda makes of it ("AddPermission")."""
    known = {"FunctionName", "Action", "Principal", "SourceArn", "SourceAccount"}
    if unknown := sorted(set(permission) - known):
        raise PolicyError(f"{', '.join(unknown)} of a Lambda permission is not evaluated here")
    principal = permission["Principal"]
    conditions = {}
    if "SourceArn" in permission:
        conditions["ArnLike"] = {"aws:SourceArn": permission["SourceArn"]}
    if "SourceAccount" in permission:
        conditions["StringEquals"] = {"aws:SourceAccount": permission["SourceAccount"]}
    return {
        "Effect": "Allow",
        "Principal": {"AWS" if principal.startswith("arn:") else "Service": principal},
        "Action": permission["Action"],
        "Resource": function,
        "Condition": conditions,
    }
