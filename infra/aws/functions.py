"""The construct for one Lambda function, with its role and its log group.

A role holds exactly the statements it is given; no other construct can add to them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import CfnResource, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.aws import permissions
from infra.aws.environments import Environment
from infra.aws.layers import PYTHON
from infra.aws.sizes import LAYERS, SIZES, Verb

RUNTIME = lambda_.Runtime(f"python{PYTHON}", lambda_.RuntimeFamily.PYTHON)
ARCHITECTURE = lambda_.Architecture.ARM_64


@dataclass(frozen=True, slots=True)
class Assets:
    """The code that all functions share, and their layers, by name."""

    code: lambda_.Code
    layers: Mapping[str, lambda_.ILayerVersion]


class DarkroomFunction(Construct):
    """One Lambda function, named `darkroom-<environment>-<verb>`, with its own role and log."""

    def __init__(
        self,
        scope: Construct,
        verb: Verb,
        environment: Environment,
        assets: Assets,
        *,
        variables: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        dead_letters: sqs.IQueue | None = None,
    ) -> None:
        # Never rename it: with another logical id, CloudFormation would create a second function
        # with the same name, and fail.
        super().__init__(scope, f"{verb.capitalize()}Door")
        name = environment.function_name(verb)
        self.log_group = build_log_group(self, f"/aws/lambda/{name}", environment)
        common = [*permissions.write_log(self.log_group.log_group_arn), *permissions.trace()]
        if dead_letters:
            common += permissions.send_messages(dead_letters.queue_arn)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "door": iam.PolicyDocument(statements=[*common, *statements]),
            },
        )
        size = SIZES[verb]
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            architecture=ARCHITECTURE,
            application_log_level_v2=lambda_.ApplicationLogLevel(environment.log_level),
            code=assets.code,
            dead_letter_queue=dead_letters,
            environment={
                **variables,
                "POWERTOOLS_LOG_LEVEL": environment.log_level,
                "POWERTOOLS_METRICS_NAMESPACE": "Darkroom",
                "POWERTOOLS_SERVICE_NAME": verb,
            },
            handler=f"{verb}.handler",
            layers=[assets.layers[layer] for layer in LAYERS[verb]],
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            memory_size=size.memory_mb,
            reserved_concurrent_executions=environment.reserved_concurrency.get(verb),
            role=self.role.without_policy_updates(),
            runtime=RUNTIME,
            timeout=Duration.seconds(size.timeout_s),
            tracing=lambda_.Tracing.ACTIVE,
        )
        depend_on(self.function)


def depend_on(dependent: Construct, *resources: Construct) -> None:
    """Let CloudFormation create a resource after these, and after all that it refers to.

    The CDK also names the role, which is referred to; cfn-lint warns of that (W3005).
    """
    ids = [_resource(each).logical_id for each in resources]
    resource = _resource(dependent)
    if ids:
        resource.add_override("DependsOn", ids)
    else:
        resource.add_deletion_override("DependsOn")


def _resource(construct: Construct) -> CfnResource:
    resource = construct.node.default_child
    if not isinstance(resource, CfnResource):  # pragma: no cover - the CDK made it
        msg = f"{construct.node.path} has no CloudFormation resource"
        raise TypeError(msg)
    return resource


def build_log_group(
    scope: Construct, name: str, environment: Environment, days: int | None = None
) -> logs.LogGroup:
    """A log group with a retention: one that Lambda creates itself is kept, and paid for, forever.

    It keeps for `days`, by default for the environment's. It is deleted with the stack: what must
    be kept is in the table and in the manifests.
    """
    group = logs.LogGroup(
        scope,
        "Log",
        log_group_name=name,
        removal_policy=RemovalPolicy.DESTROY,
    )
    resource = group.node.default_child
    if not isinstance(resource, logs.CfnLogGroup):  # pragma: no cover - the CDK made it
        msg = "a log group without its CloudFormation resource"
        raise TypeError(msg)
    # The construct takes an enumeration of numbers that the environment has checked already.
    resource.retention_in_days = days or environment.log_days
    resource.kms_key_id = environment.kms_key_arn
    return group
