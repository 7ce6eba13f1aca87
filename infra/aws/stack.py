"""The stack of one environment: puts the stored parts, the doors and the workflow together.

Who may do what is decided here, in `_abilities`; how it is said to IAM is in `permissions`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import (
    Annotations,
    CfnOutput,
    DefaultStackSynthesizer,
    Duration,
    IgnoreMode,
    Stack,
)
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from infra.aws import permissions as grants
from infra.aws.environments import PROVIDERS, Environment
from infra.aws.functions import ARCHITECTURE, RUNTIME, Assets, DarkroomFunction
from infra.aws.intake import Intake
from infra.aws.layers import PLACEHOLDER, Layer, find_layer
from infra.aws.sizes import BATCH_SIZE, Verb
from infra.aws.storage import BY_DUE, Storage
from infra.aws.workflow import Workflow

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"

# The doors that the workflow calls; the others look after the workflow.
IN_WORKFLOW: tuple[Verb, ...] = ("submit", "poll", "deliver", "fail")

# The doors that speak to a provider, or ask whether one is set up; FAIL and SWEEP stop the jobs of
# tasks that are given up. DELIVER needs no key for what it fetches.
WITH_SECRETS: frozenset[Verb] = frozenset({"intake", "submit", "poll", "fail", "sweep"})


class DarkroomStack(Stack):
    """Everything that one environment consists of."""

    def __init__(self, scope: Construct, environment: Environment) -> None:
        super().__init__(
            scope,
            environment.stack_name,
            description="Darkroom: photos edited by AI providers, paid for once, never lost.",
            stack_name=environment.stack_name,
            # The rule that checks the bootstrap's version brings a parameter that only an AWS
            # account can resolve; the CDK's command checks the version by itself.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self._environment = environment
        self._storage = Storage(self, "Storage", environment)
        self._intake = Intake(self, "Intake", environment, self._storage.input_bucket)
        self._assets = Assets(code=_read_functions(), layer=self._layer("runtime"))

        doors = {verb: self._door(verb) for verb in IN_WORKFLOW}
        self._workflow = Workflow(
            self, "Workflow", environment, FUNCTIONS / "workflow.asl.json", doors
        )
        self._workflow.feed_bad_ends(environment, doors["fail"].function, self._intake.dead_letters)
        machine = {"DARKROOM_STATE_MACHINE_ARN": self._workflow.machine.state_machine_arn}
        self._read_queue(
            self._door(
                "intake",
                {
                    **machine,
                    "DARKROOM_DEAD_LETTER_QUEUE_URL": self._intake.dead_letters.queue_url,
                    "DARKROOM_INTAKE_QUEUE_URL": self._intake.queue.queue_url,
                },
            )
        )
        self._sweep_every_minute(self._door("sweep", machine))
        self._tell()

    def _door(self, verb: Verb, variables: Mapping[str, str] | None = None) -> DarkroomFunction:
        return DarkroomFunction(
            self,
            verb,
            self._environment,
            self._assets,
            variables={**self._variables(verb), **(variables or {})},
            statements=self._abilities(verb),
            # FAIL alone is called without anybody waiting for its answer: what it cannot do in
            # three tries is found by SWEEP later, and by people at once.
            dead_letters=self._intake.dead_letters if verb == "fail" else None,
        )

    def _variables(self, verb: Verb) -> dict[str, str]:
        named = PROVIDERS if verb in WITH_SECRETS else ()
        return {
            "DARKROOM_ENVIRONMENT": self._environment.name,
            "DARKROOM_EVENT_BUS": self._intake.bus.event_bus_name,
            "DARKROOM_INPUT_BUCKET": self._storage.input_bucket.bucket_name,
            "DARKROOM_OUTPUT_BUCKET": self._storage.output_bucket.bucket_name,
            "DARKROOM_TABLE": self._storage.table.table_name,
            **{
                f"DARKROOM_SECRET_{provider.upper()}": self._environment.secret_name(provider)
                for provider in named
            },
            **self._environment.preferences,
        }

    def _abilities(self, verb: Verb) -> list[iam.PolicyStatement]:
        storage, intake = self._storage, self._intake
        source, results = storage.input_bucket.bucket_arn, storage.output_bucket.bucket_arn
        table = storage.table.table_arn
        everywhere = [*grants.keep_tasks(table), *grants.write_objects(results)]
        if verb in WITH_SECRETS:
            everywhere += grants.read_secrets(
                secret.secret_arn for secret in storage.secrets.values()
            )
        # A task is ended in steps that may each be repeated: manifest, state, event, and that it
        # waits for nothing and is due no more. Files are written over what was looked at before.
        finish = [
            *grants.send_events(intake.bus.event_bus_arn),
            *grants.update_items(table),
            *grants.forget_wants(table),
            *grants.read_objects(results),
        ]
        match verb:
            case "intake":
                return [
                    *everywhere,
                    *finish,
                    *grants.start_runs(self._workflow.machine.state_machine_arn),
                    *grants.query_wants(table),
                    *grants.read_versions(source),
                    *grants.receive_messages(intake.queue.queue_arn),
                    *grants.send_messages(intake.dead_letters.queue_arn),
                    # What would take too long at once it leaves to itself, in pieces.
                    *grants.send_messages(intake.queue.queue_arn),
                ]
            case "submit":
                return [
                    *everywhere,
                    *grants.update_items(table),
                    *grants.read_versions(source),
                    *grants.read_objects(results),
                ]
            case "poll":
                return [*everywhere, *grants.update_items(table)]
            case "deliver":
                return [*everywhere, *finish]
            case "fail":
                return [*everywhere, *finish]
            case "sweep":
                return [
                    *everywhere,
                    *finish,
                    *grants.start_runs(self._workflow.machine.state_machine_arn),
                    *grants.ask_about_runs(self._workflow.executions_arn),
                    *grants.query_index(table, BY_DUE),
                    *grants.read_objects(source),
                ]

    def _layer(self, name: str) -> lambda_.LayerVersion:
        # Only on AWS: locally the functions run from the virtual environment, which has the
        # packages, and the template must not depend on whether the layer was built.
        if self._environment.name == "local":
            found = Layer(PLACEHOLDER)
        else:
            found = find_layer(name, ARCHITECTURE.name, RUNTIME.name.removeprefix("python"))
        layer = lambda_.LayerVersion(
            self,
            f"{name.capitalize()}Layer",
            code=lambda_.Code.from_asset(str(found.folder)),
            compatible_architectures=[ARCHITECTURE],
            compatible_runtimes=[RUNTIME],
            description="What the functions need beyond the Lambda runtime.",
        )
        if found.warning:
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
        # No dead letters: a sweep that fails is made up for by the next one.
        events.Rule(
            self,
            "EveryMinute",
            rule_name=f"{self._environment.stack_name}-every-minute",
            description="Looks after what stands still.",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[targets.LambdaFunction(sweep.function)],
        )

    def _tell(self) -> None:
        for name, value in {
            "InputBucket": self._storage.input_bucket.bucket_name,
            "OutputBucket": self._storage.output_bucket.bucket_name,
            "Table": self._storage.table.table_name,
            "StateMachineArn": self._workflow.machine.state_machine_arn,
            "IntakeQueueUrl": self._intake.queue.queue_url,
            "DeadLetterQueueUrl": self._intake.dead_letters.queue_url,
            "EventBus": self._intake.bus.event_bus_name,
        }.items():
            CfnOutput(self, name, value=value)


def _read_functions() -> lambda_.Code:
    return lambda_.Code.from_asset(
        str(FUNCTIONS), exclude=[".*", "__pycache__/", "*.pyc", "*.md"], ignore_mode=IgnoreMode.GIT
    )
