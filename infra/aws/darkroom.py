"""All of one environment as a construct: storage, intake, functions, workflow, and its watch.

The functions' rights are in `permissions`, their time-outs and memory in `sizes`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Annotations, Aws, CfnOutput, Duration, Tags
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.aws import permissions
from infra.aws.alarms import Alarms
from infra.aws.dashboard import Dashboard
from infra.aws.environments import PROVIDERS, Environment
from infra.aws.functions import ARCHITECTURE, RUNTIME, Assets, DarkroomFunction, depend_on
from infra.aws.intake import Intake
from infra.aws.layers import Layer, LayerError
from infra.aws.people import People
from infra.aws.shipped_code import build_code, open_release
from infra.aws.sizes import BATCH_SIZE, LAYERS, Verb
from infra.aws.storage import Storage
from infra.aws.workflow import Workflow, machine_arn, runs_arn

_LAYERS: Mapping[str, str] = {
    "runtime": "What the functions need beyond the Lambda runtime.",
    "pictures": "What decodes pictures; without it results have no figures.",
}

# The functions that the workflow calls. All functions start its runs.
IN_WORKFLOW: tuple[Verb, ...] = ("submit", "poll", "deliver", "fail")


class Darkroom(Construct):
    """All resources of one environment, for a stack of your own.

    With `placeholder_layers` a layer that is not built, or is stale, is replaced by an empty folder
    with a warning, and the functions are not compiled: enough to look at the template.

    `release`: the folder of an unpacked release, whose functions and layers are deployed; without
    it those of this checkout are.

    Raises LayerError for such a layer otherwise, and for a release of another version.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        environment: Environment,
        *,
        placeholder_layers: bool = False,
        release: Path | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._placeholder_layers = placeholder_layers
        self._environment = environment
        arn = environment.kms_key_arn
        key = kms.Key.from_key_arn(self, "Key", arn) if arn else None
        self._storage = Storage(self, "Storage", environment, key)
        self._intake = Intake(self, "Intake", environment, self._storage.input_bucket)
        names = list(dict.fromkeys(name for layers in LAYERS.values() for name in layers))
        shipped = (
            open_release(release, names)
            if release
            else build_code(
                names, readable=placeholder_layers, on_this_machine=environment.on_this_machine
            )
        )
        layers = {name: self._layer(name, found) for name, found in shipped.layers.items()}
        code = lambda_.Code.from_asset(str(shipped.functions), asset_hash=shipped.digest)
        self._assets = Assets(code, layers)

        resources = self._resources()
        functions = {verb: self._function(verb, resources) for verb in IN_WORKFLOW}
        self._workflow = Workflow(self, "Workflow", environment, shipped.workflow, functions)
        self._workflow.route_failed_runs_to(
            environment, functions["fail"].function, self._intake.dead_letters
        )
        intake = self._function(
            "intake",
            resources,
            {
                "DARKROOM_DEAD_LETTER_QUEUE_URL": self._intake.dead_letters.queue_url,
                "DARKROOM_INTAKE_QUEUE_URL": self._intake.queue.queue_url,
            },
        )
        sweep = self._function("sweep", resources)
        self._functions: Mapping[Verb, DarkroomFunction] = {
            **functions,
            "intake": intake,
            "sweep": sweep,
        }
        for starter in (intake, sweep):  # they are invoked as soon as they exist
            depend_on(starter.function, self._workflow.machine)
        self._read_queue(intake)
        self._sweep_every_minute(sweep)
        self._alarm_topic = self._topic()
        Alarms(self, "Alarms", environment, self._alarm_topic)
        Dashboard(self, "Dashboard", environment)
        People(self, "People", environment, resources, self._functions.values())
        if environment.permissions_boundary_arn:
            boundary = iam.ManagedPolicy.from_managed_policy_arn(
                self, "Boundary", environment.permissions_boundary_arn
            )
            iam.PermissionsBoundary.of(self).apply(boundary)
        for tag, value in environment.tags.items():
            Tags.of(self).add(tag, value)

    @property
    def environment(self) -> Environment:
        """The settings that it was made from."""
        return self._environment

    @property
    def input_bucket(self) -> s3.IBucket:
        """The bucket that photos and specs are uploaded to."""
        return self._storage.input_bucket

    @property
    def output_bucket(self) -> s3.IBucket:
        """The bucket that gets results and manifests."""
        return self._storage.output_bucket

    @property
    def table(self) -> dynamodb.Table:
        """The table of tasks."""
        return self._storage.table

    @property
    def queue(self) -> sqs.Queue:
        """The intake queue, which takes requests."""
        return self._intake.queue

    @property
    def dead_letters(self) -> sqs.Queue:
        """The queue of messages and events that could not be processed."""
        return self._intake.dead_letters

    @property
    def bus(self) -> events.EventBus:
        """The event bus, which takes requests and has the events of tasks that ended."""
        return self._intake.bus

    @property
    def state_machine(self) -> sfn.StateMachine:
        """The workflow."""
        return self._workflow.machine

    @property
    def functions(self) -> Mapping[Verb, lambda_.Function]:
        """Verb -> its function."""
        return {verb: each.function for verb, each in self._functions.items()}

    @property
    def alarm_topic(self) -> sns.ITopic | None:
        """The topic that alarms are sent to; None if the environment names no receiver."""
        return self._alarm_topic

    def add_outputs(self) -> None:
        """Add the outputs that the `darkroom` command reads to the stack.

        It looks for a stack named `darkroom-<environment>`.
        """
        for name, value in {
            "InputBucket": self.input_bucket.bucket_name,
            "OutputBucket": self.output_bucket.bucket_name,
            "Table": self.table.table_name,
            "StateMachineArn": self.state_machine.state_machine_arn,
            "IntakeQueueUrl": self.queue.queue_url,
            "DeadLetterQueueUrl": self.dead_letters.queue_url,
            "EventBus": self.bus.event_bus_name,
        }.items():
            CfnOutput(self, name, value=value).override_logical_id(name)

    def _topic(self) -> sns.ITopic | None:
        named = self._environment
        if named.alarm_topic_arn:
            return sns.Topic.from_topic_arn(self, "AlarmTopic", named.alarm_topic_arn)
        if not named.alarm_email:
            return None
        topic = sns.Topic(
            self, "AlarmTopic", topic_name=f"{named.stack_name}-alarms", enforce_ssl=True
        )
        topic.add_subscription(subscriptions.EmailSubscription(named.alarm_email))
        # A topic with a policy of its own has not SNS's default one, which lets the account in.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[topic.topic_arn],
            )
        )
        return topic

    def _function(
        self,
        verb: Verb,
        resources: permissions.Resources,
        variables: Mapping[str, str] | None = None,
    ) -> DarkroomFunction:
        return DarkroomFunction(
            self,
            verb,
            self._environment,
            self._assets,
            variables={**self._variables(verb), **(variables or {})},
            statements=permissions.build_statements(verb, resources),
            # Only FAIL is invoked asynchronously. An event that it fails on three times goes to the
            # dead-letter queue, where users see it; SWEEP finds the task later.
            dead_letters=self._intake.dead_letters if verb == "fail" else None,
        )

    def _variables(self, verb: Verb) -> dict[str, str]:
        providers = PROVIDERS if verb in permissions.WITH_SECRETS else ()
        return {
            "DARKROOM_ENVIRONMENT": self._environment.name,
            "DARKROOM_EVENT_BUS": self._intake.bus.event_bus_name,
            "DARKROOM_INPUT_BUCKET": self._storage.input_bucket.bucket_name,
            "DARKROOM_OUTPUT_BUCKET": self._storage.output_bucket.bucket_name,
            "DARKROOM_STATE_MACHINE_ARN": machine_arn(self, self._environment),
            "DARKROOM_TABLE": self._storage.table.table_name,
            **{
                f"DARKROOM_SECRET_{provider.upper()}": self._environment.secret_name(provider)
                for provider in providers
            },
            **self._environment.preferences,
        }

    def _resources(self) -> permissions.Resources:
        storage = self._storage
        return permissions.Resources(
            input_bucket=storage.input_bucket.bucket_arn,
            output_bucket=storage.output_bucket.bucket_arn,
            table=storage.table.table_arn,
            secrets=[secret.secret_arn for secret in storage.secrets.values()],
            event_bus=self._intake.bus.event_bus_arn,
            intake_queue=self._intake.queue.queue_arn,
            dead_letters=self._intake.dead_letters.queue_arn,
            state_machine=machine_arn(self, self._environment),
            runs=runs_arn(self, self._environment),
            key=self._environment.kms_key_arn,
        )

    def _layer(self, name: str, found: Layer) -> lambda_.LayerVersion:
        layer = lambda_.LayerVersion(
            self,
            f"{name.capitalize()}Layer",
            code=lambda_.Code.from_asset(str(found.folder)),
            compatible_architectures=[ARCHITECTURE],
            compatible_runtimes=[RUNTIME],
            description=_LAYERS[name],
        )
        if found.warning:
            if not self._placeholder_layers:
                raise LayerError(found.warning)
            Annotations.of(layer).add_warning_v2("darkroom:layer", found.warning)
            sys.stderr.write(f"warning: {found.warning}\n")
        return layer

    def _read_queue(self, intake: DarkroomFunction) -> None:
        intake.function.add_event_source(
            sources.SqsEventSource(
                self._intake.queue,
                batch_size=BATCH_SIZE,
                max_concurrency=self._environment.intake_concurrency,
                report_batch_item_failures=True,
            )
        )

    def _sweep_every_minute(self, sweep: DarkroomFunction) -> None:
        # No dead-letter queue: the next sweep does what a failed one did not.
        events.Rule(
            self,
            "EveryMinute",
            rule_name=f"{self._environment.stack_name}-every-minute",
            description="Runs SWEEP, which resumes stuck tasks.",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[targets.LambdaFunction(sweep.function, retry_attempts=0)],
        )
