"""The state machine that calls the functions, and the rule for runs that fail outside it.

The workflow is `functions/workflow.asl.json`; `workflow_definition` adds the retry rules that its
tasks share, and CloudFormation substitutes the functions' ARNs.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.aws import permissions
from infra.aws.environments import Environment
from infra.aws.functions import DarkroomFunction, build_log_group, depend_on
from infra.aws.sizes import Verb
from infra.aws.workflow_definition import build_definition

# Ends that no Catch sees: the time limit, a stop by a user, an error in the workflow itself.
FAILED_STATUSES = ("FAILED", "TIMED_OUT", "ABORTED")

# The functions log every step of a task, with its id; the machine's own log has what they cannot
# see, and Step Functions shows all events of a run for 90 days.
RUN_LOG_DAYS = 30


class Workflow(Construct):
    """The state machine `darkroom-<environment>` and the rule that sends failed runs to FAIL."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        environment: Environment,
        definition: Path,
        functions: Mapping[Verb, DarkroomFunction],
    ) -> None:
        super().__init__(scope, construct_id)
        arns = {verb: each.function.function_arn for verb, each in functions.items()}
        # The name's beginning keeps the log's resource policy below its size limit, however many
        # machines there are (Step Functions guide, "CloudWatch Logs resource policy size limits").
        log_group = build_log_group(
            self,
            f"/aws/vendedlogs/states/{environment.stack_name}",
            environment,
            days=min(environment.log_days, RUN_LOG_DAYS),
        )
        role = iam.Role(
            self,
            "Role",
            # For this account's state machines only (Step Functions guide, "Cross-service confused
            # deputy prevention").
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
            inline_policies={
                "workflow": iam.PolicyDocument(
                    statements=[
                        *permissions.invoke(arns.values()),
                        *permissions.deliver_logs(),
                        *permissions.trace(),
                        *permissions.sample_traces(),
                    ]
                )
            },
        )
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=environment.stack_name,
            state_machine_type=sfn.StateMachineType.STANDARD,
            # The text, not the file: a file's contents would hide in an asset of the deployment.
            definition_body=sfn.DefinitionBody.from_string(
                json.dumps(build_definition(definition.read_text("utf-8")), indent=2)
            ),
            definition_substitutions={
                f"{verb.capitalize()}Function": arn for verb, arn in arns.items()
            },
            logs=sfn.LogOptions(
                destination=log_group,
                include_execution_data=False,
                level=sfn.LogLevel.ERROR,
            ),
            role=role.without_policy_updates(),
            tracing_enabled=True,
        )
        depend_on(self.machine)

    def route_failed_runs_to(
        self, environment: Environment, fail: lambda_.IFunction, dead_letters: sqs.IQueue
    ) -> None:
        """Invoke `fail` for each failed run; undeliverable events go to `dead_letters`."""
        events.Rule(
            self,
            "BadEnds",
            rule_name=f"{environment.stack_name}-bad-ends",
            description="Runs that ended outside the workflow's last states.",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [self.machine.state_machine_arn],
                    "status": list(FAILED_STATUSES),
                },
            ),
            targets=[targets.LambdaFunction(fail, dead_letter_queue=dead_letters)],
        )


def machine_arn(scope: Construct, environment: Environment) -> str:
    """The ARN of the state machine, made of its name: it calls functions that start its runs.

    With a reference to the machine, they would depend on each other, and neither could be created.
    """
    return _states_arn(scope, "stateMachine", environment.stack_name)


def runs_arn(scope: Construct, environment: Environment) -> str:
    """The ARN of every run of the state machine."""
    return _states_arn(scope, "execution", f"{environment.stack_name}:*")


def _states_arn(scope: Construct, resource: str, name: str) -> str:
    return Stack.of(scope).format_arn(
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
        resource=resource,
        resource_name=name,
        service="states",
    )
