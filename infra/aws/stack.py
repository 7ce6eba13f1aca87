"""The stack of one environment: connects storage, intake, functions and workflow.

The functions' rights are in `permissions`, their time-outs and memory in `sizes`.
"""

import atexit
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import (
    Annotations,
    CfnOutput,
    DefaultStackSynthesizer,
    Duration,
    Stack,
)
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from infra.aws import permissions
from infra.aws.bytecode import describe_bytecode
from infra.aws.environments import PROVIDERS, Environment
from infra.aws.function_asset import FUNCTIONS, build_function_asset
from infra.aws.functions import ARCHITECTURE, RUNTIME, Assets, DarkroomFunction
from infra.aws.intake import Intake
from infra.aws.layers import PLACEHOLDER, Layer, find_layer
from infra.aws.sizes import BATCH_SIZE, LAYERS, Verb
from infra.aws.storage import Storage
from infra.aws.workflow import Workflow, machine_arn, runs_arn

_PYTHON = RUNTIME.name.removeprefix("python")

_LAYERS: Mapping[str, str] = {
    "runtime": "What the functions need beyond the Lambda runtime.",
    "pictures": "What decodes pictures; without it results have no figures.",
}

# The functions that the workflow calls. All functions start its runs.
IN_WORKFLOW: tuple[Verb, ...] = ("submit", "poll", "deliver", "fail")


class DarkroomStack(Stack):
    """All resources of one environment."""

    def __init__(self, scope: Construct, environment: Environment) -> None:
        super().__init__(
            scope,
            environment.stack_name,
            description="Darkroom: photos edited by AI providers, paid for once, never lost.",
            stack_name=environment.stack_name,
            # The rule that checks the bootstrap's version adds a parameter that only an AWS account
            # can resolve; the CDK's command checks the version itself.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self._environment = environment
        self._storage = Storage(self, "Storage", environment)
        self._intake = Intake(self, "Intake", environment, self._storage.input_bucket)
        names = dict.fromkeys(name for layers in LAYERS.values() for name in layers)
        self._assets = Assets(self._code(), {name: self._layer(name) for name in names})

        resources = self._resources()
        functions = {verb: self._function(verb, resources) for verb in IN_WORKFLOW}
        self._workflow = Workflow(
            self, "Workflow", environment, FUNCTIONS / "workflow.asl.json", functions
        )
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
        for starter in (intake, sweep):  # they are invoked as soon as they exist
            starter.function.node.add_dependency(self._workflow.machine)
        self._read_queue(intake)
        self._sweep_every_minute(sweep)
        self._add_outputs()

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
        )

    def _code(self) -> lambda_.Code:
        # The local environment runs the functions from their folder; its template must not depend
        # on the Python that synthesizes it.
        python = "" if self._environment.name == "local" else _PYTHON
        folder = Path(tempfile.mkdtemp(prefix="darkroom-asset-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        asset = build_function_asset(folder / "functions", python)
        if python:
            bytecode = describe_bytecode(compiled=asset.bytecode)
            sys.stderr.write(f"functions: ready for Python {python}, {bytecode}\n")
        return lambda_.Code.from_asset(str(asset.folder), asset_hash=asset.digest)

    def _layer(self, name: str) -> lambda_.LayerVersion:
        # The local environment runs the functions from the virtual environment, which has the
        # packages; its template must not depend on whether the layer was built.
        if self._environment.name == "local":
            found = Layer(PLACEHOLDER)
        else:
            found = find_layer(name, ARCHITECTURE.name, _PYTHON)
        layer = lambda_.LayerVersion(
            self,
            f"{name.capitalize()}Layer",
            code=lambda_.Code.from_asset(str(found.folder)),
            compatible_architectures=[ARCHITECTURE],
            compatible_runtimes=[RUNTIME],
            description=_LAYERS[name],
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
        # No dead-letter queue: the next sweep does what a failed one did not.
        events.Rule(
            self,
            "EveryMinute",
            rule_name=f"{self._environment.stack_name}-every-minute",
            description="Runs SWEEP, which resumes stuck tasks.",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[targets.LambdaFunction(sweep.function)],
        )

    def _add_outputs(self) -> None:
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
