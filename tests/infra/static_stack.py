"""What CloudFormation would know of a template's resources once they are deployed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.local.permissions.intrinsics import Account, Resolver

ACCOUNT: Final = Account("111122223333", "eu-central-1")
SUFFIX: Final = "-AbC123"
"""What Secrets Manager adds to a secret's name in its ARN."""


@dataclass(frozen=True)
class Kind:
    """How resources of a type are named.

    Attributes:
        named_by: the property with the name; a resource without it is named after its logical id.
        arn: with `{name}`, after partition, region and account.
        ref: what `Ref` gives.
    """

    named_by: str
    service: str
    arn: str
    ref: str = "{name}"


KINDS: Final[Mapping[str, Kind]] = {
    "AWS::DynamoDB::Table": Kind("TableName", "dynamodb", "table/{name}"),
    "AWS::Events::EventBus": Kind("Name", "events", "event-bus/{name}"),
    "AWS::Events::Rule": Kind("Name", "events", "rule/{name}"),
    "AWS::IAM::Role": Kind("RoleName", "iam", "role/{name}"),
    "AWS::Lambda::Function": Kind("FunctionName", "lambda", "function:{name}"),
    "AWS::Logs::LogGroup": Kind("LogGroupName", "logs", "log-group:{name}:*"),
    "AWS::S3::Bucket": Kind("BucketName", "s3", "{name}"),
    "AWS::SecretsManager::Secret": Kind(
        "Name", "secretsmanager", f"secret:{{name}}{SUFFIX}", "{arn}"
    ),
    "AWS::SNS::Topic": Kind("TopicName", "sns", "{name}", "{arn}"),
    "AWS::SQS::Queue": Kind(
        "QueueName",
        "sqs",
        "{name}",
        f"https://sqs.{ACCOUNT.region}.amazonaws.com/{ACCOUNT.id}/{{name}}",
    ),
    "AWS::StepFunctions::StateMachine": Kind(
        "StateMachineName", "states", "stateMachine:{name}", "{arn}"
    ),
}


@dataclass
class StaticStack:
    """`intrinsics.Deployed` of a template that is not deployed."""

    template: Mapping[str, Any]
    resolve: Resolver = field(init=False)

    def __post_init__(self) -> None:
        self.resolve = Resolver(ACCOUNT, self)

    def ref(self, logical_id: str) -> str:
        """See `Deployed.ref`."""
        kind, name = self._find(logical_id)
        return kind.ref.format(name=name, arn=self._arn(kind, name))

    def attribute(self, logical_id: str, name: str) -> str:
        """See `Deployed.attribute`."""
        kind, called = self._find(logical_id)
        if name == kind.named_by:
            return called
        if name != "Arn":
            raise LookupError(f"{logical_id}.{name}")
        return self._arn(kind, called)

    def variables(self, logical_id: str) -> dict[str, str]:
        """The variables of a function."""
        properties = self.template["Resources"][logical_id]["Properties"]
        found: dict[str, str] = self.resolve(properties["Environment"]["Variables"])
        return found

    def find_secret(self, name: str) -> str | None:
        """The ARN of the secret with this name or ARN, if the template has it."""
        arns = [
            self.ref(logical_id)
            for logical_id, resource in self.template["Resources"].items()
            if resource["Type"] == "AWS::SecretsManager::Secret"
        ]
        return next((arn for arn in arns if name == arn or arn.endswith(f":{name}{SUFFIX}")), None)

    def _find(self, logical_id: str) -> tuple[Kind, str]:
        resource = self.template["Resources"][logical_id]
        kind = KINDS[resource["Type"]]
        named = resource.get("Properties", {}).get(kind.named_by)
        return kind, logical_id if named is None else str(self.resolve(named))

    def _arn(self, kind: Kind, name: str) -> str:
        resource = kind.arn.format(name=name)
        region = "" if kind.service in ("iam", "s3") else ACCOUNT.region
        account = "" if kind.service == "s3" else ACCOUNT.id
        return f"arn:{ACCOUNT.partition}:{kind.service}:{region}:{account}:{resource}"
