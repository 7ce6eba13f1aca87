"""Managed policies for people, to attach to their roles or permission sets."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from darkroom.aws.dynamodb_indexes import INDEXES
from infra.aws import permissions
from infra.aws.environments import Environment
from infra.aws.functions import DarkroomFunction
from infra.aws.people_rights import DESCRIPTIONS, Person, Thing, rights_of

BATCHES: Final = "batch#*"
"""The partition keys of batches (`darkroom.aws.dynamodb_batches`)."""
RULES: Final = ("uploads", "bad-ends", "every-minute")
"""Those on the account's default bus."""
BOOTSTRAP_ROLES: Final = ("deploy", "file-publishing", "lookup")
USUAL_QUALIFIER: Final = "hnb659fds"
"""In the names of what the CDK's bootstrap creates, unless another one is set."""


class People(Construct):
    """One policy for each kind of people, named `darkroom-<environment>-<people>`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        environment: Environment,
        resources: permissions.Resources,
        functions: Iterable[DarkroomFunction],
    ) -> None:
        super().__init__(scope, construct_id)
        things = _find_things(Stack.of(self), environment.stack_name, resources, list(functions))
        for person, description in DESCRIPTIONS.items():
            rights = rights_of(person, keep=environment.keep)
            statements = [_allow(thing, rights[thing], things[thing]) for thing in rights]
            if resources.key and person != "deployers":
                statements += _use_key(person, resources.key)
            iam.ManagedPolicy(
                self,
                person.capitalize(),
                managed_policy_name=f"{environment.stack_name}-{person}",
                description=description,
                statements=statements,
            )


def _find_things(
    stack: Stack, name: str, on: permissions.Resources, functions: Sequence[DarkroomFunction]
) -> Mapping[Thing, Sequence[str]]:
    """Everything that people have rights on -> its ARNs."""
    qualifier = stack.synthesizer.bootstrap_qualifier or USUAL_QUALIFIER

    def arn(service: str, resource: str, region: str = Aws.REGION) -> str:
        return f"arn:{Aws.PARTITION}:{service}:{region}:{Aws.ACCOUNT_ID}:{resource}"

    return {
        "account": ["*"],
        "batches": [on.table],
        "bootstrap roles": [
            arn("iam", f"role/cdk-{qualifier}-{role}-role-{Aws.ACCOUNT_ID}-{Aws.REGION}", "")
            for role in BOOTSTRAP_ROLES
        ],
        "bus": [on.event_bus],
        "dashboard": [arn("cloudwatch", f"dashboard/{name}", "")],
        "dead letters": [on.dead_letters],
        "functions": [each.function.function_arn for each in functions],
        "indexes": [f"{on.table}/index/{index}" for index in INDEXES],
        "input bucket": [on.input_bucket],
        "input objects": [f"{on.input_bucket}/*"],
        "intake queue": [on.intake_queue],
        "logs": [each.log_group.log_group_arn for each in functions],
        "output bucket": [on.output_bucket],
        "output objects": [f"{on.output_bucket}/*"],
        "rules": [
            *(arn("events", f"rule/{name}-{rule}") for rule in RULES),
            arn("events", f"rule/{name}/{name}-requests"),
        ],
        "runs": [on.runs],
        "secrets": on.secrets,
        "stack": [arn("cloudformation", f"stack/{stack.stack_name}/*")],
        "table": [on.table],
        "workflow": [on.state_machine],
    }


def _allow(thing: Thing, actions: Sequence[str], arns: Sequence[str]) -> iam.PolicyStatement:
    only = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [BATCHES]}}
    return iam.PolicyStatement(
        actions=list(actions),
        resources=list(arns),
        conditions=only if thing == "batches" else None,
    )


def _use_key(person: Person, key_arn: str) -> list[iam.PolicyStatement]:
    services = ["s3", "sqs", *(["secretsmanager"] if person == "operators" else [])]
    return [
        permissions.allow_through([*services, "dynamodb"], "kms:Decrypt", key_arn),
        permissions.allow_through(services, "kms:GenerateDataKey", key_arn),
    ]
