"""Finds the environment that a command uses: the local one, or a stack on AWS.

Commands read and upload with the clients of a `Target`. Everything else is done by the product's
use cases, through the same ports that the functions use.
"""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from darkroom.ports import Charges, Limiter, Ports, Tasks
    from darkroom.providers.engine.driver import Driver

LOCAL: Final = "local"
LOCAL_REGION: Final = "us-east-1"
REQUIRED_OUTPUTS: Final = ("InputBucket", "OutputBucket", "Table")
OUTPUT_OF_SETTING: Final = {
    "DARKROOM_INPUT_BUCKET": "InputBucket",
    "DARKROOM_OUTPUT_BUCKET": "OutputBucket",
    "DARKROOM_TABLE": "Table",
    "DARKROOM_EVENT_BUS": "EventBus",
    "DARKROOM_STATE_MACHINE_ARN": "StateMachineArn",
    "DARKROOM_DEAD_LETTER_QUEUE_URL": "DeadLetterQueueUrl",
    "DARKROOM_INTAKE_QUEUE_URL": "IntakeQueueUrl",
}
"""Environment variable of the functions -> the stack's output with its value."""


@dataclass(frozen=True)
class Target:
    """An environment to work with.

    Attributes:
        outputs: the stack's outputs, name -> value.
        endpoint_url: the endpoint that stands for AWS; None for AWS itself.
        sandboxes: provider -> base URL of its sandbox, for those that this process has started.
        logs: the folder of the functions' logs on this machine; None on AWS.
    """

    environment: str
    outputs: Mapping[str, str]
    endpoint_url: str | None = None
    sandboxes: Mapping[str, str] = field(default_factory=dict)
    logs: Path | None = None

    @property
    def input_bucket(self) -> str:
        """The bucket for photos and specs."""
        return self.outputs["InputBucket"]

    @property
    def output_bucket(self) -> str:
        """The bucket with results and manifests."""
        return self.outputs["OutputBucket"]

    @functools.cached_property
    def s3(self) -> "S3Client":
        """A client for both buckets."""
        client: S3Client = self._session.client("s3", endpoint_url=self.endpoint_url)
        return client

    @functools.cached_property
    def tasks(self) -> "Tasks":
        """The task store, for reading."""
        from darkroom.aws.dynamodb_tasks import DynamoTasks  # noqa: PLC0415 - brings boto3 along

        resource = self._session.resource("dynamodb", endpoint_url=self.endpoint_url)
        return DynamoTasks(resource.Table(self.outputs["Table"]))

    @functools.cached_property
    def limiter(self) -> "Limiter":
        """The rate limiter's state, for reading."""
        from darkroom.aws.dynamodb_limiter import DynamoLimiter  # noqa: PLC0415 - brings boto3 along

        resource = self._session.resource("dynamodb", endpoint_url=self.endpoint_url)
        return DynamoLimiter(resource.Table(self.outputs["Table"]))

    @functools.cached_property
    def charges(self) -> "Charges":
        """What providers have charged lately, for reading."""
        from darkroom.aws.dynamodb_charges import DynamoCharges  # noqa: PLC0415 - brings boto3 along

        resource = self._session.resource("dynamodb", endpoint_url=self.endpoint_url)
        return DynamoCharges(resource.Table(self.outputs["Table"]))

    @functools.cached_property
    def sqs(self) -> "SQSClient":
        """A client for both queues."""
        client: SQSClient = self._session.client("sqs", endpoint_url=self.endpoint_url)
        return client

    @functools.cached_property
    def ports(self) -> "Ports":
        """The functions' ports, with the permissions of the command's user."""
        return self.open_ports()

    def open_ports(self) -> "Ports":
        """New ports; each thread needs its own.

        Raises:
            click.ClickException: the stack lacks an output.
        """
        from darkroom.composition import build_ports  # noqa: PLC0415 - brings boto3 and httpx along
        from darkroom.settings import Settings  # noqa: PLC0415 - brings pydantic along
        from infra.aws.environments import PROVIDERS, find_environment  # noqa: PLC0415 - the same

        known = find_environment(self.environment)
        variables = {
            "DARKROOM_ENVIRONMENT": self.environment,
            **{name: self.require_output(output) for name, output in OUTPUT_OF_SETTING.items()},
            **{
                f"DARKROOM_SECRET_{provider.upper()}": known.secret_name(provider)
                for provider in PROVIDERS
            },
            **known.preferences,
        }
        session = open_session(self.endpoint_url)
        return build_ports(Settings.from_environment(variables), session, self.endpoint_url)

    def require_output(self, output: str) -> str:
        """An output of the stack. Raises `click.ClickException` if it has none of that name."""
        if output not in self.outputs:
            raise click.ClickException(
                f"the environment '{self.environment}' has no output {output}: it was deployed by "
                "an older version; deploy it again"
            )
        return self.outputs[output]

    def may_read_secret(self, provider: str) -> bool:
        """Whether this user may read the provider's secret; its content is not looked at."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

        from infra.aws.environments import find_environment  # noqa: PLC0415 - only for this

        secret = find_environment(self.environment).secret_name(provider)
        client = self._session.client("secretsmanager", endpoint_url=self.endpoint_url)
        try:
            client.get_secret_value(SecretId=secret)
        except ClientError as error:
            return error.response["Error"]["Code"] not in ("AccessDeniedException", "AccessDenied")
        return True

    @functools.cached_property
    def providers(self) -> "Driver":
        """The providers with this environment's credentials; use it for free calls only."""
        from darkroom.aws.s3 import S3Inputs  # noqa: PLC0415 - the same
        from darkroom.aws.secrets_manager import SecretCredentials  # noqa: PLC0415 - brings boto3 along
        from darkroom.providers.engine.driver import Driver  # noqa: PLC0415 - brings httpx along
        from darkroom.providers.engine.preferences import Preferences  # noqa: PLC0415 - the same
        from darkroom.providers.registry import Adapters  # noqa: PLC0415 - the same
        from infra.aws.environments import PROVIDERS, find_environment  # noqa: PLC0415 - the same

        known = find_environment(self.environment)
        client = self._session.client("secretsmanager", endpoint_url=self.endpoint_url)
        secrets = {provider: known.secret_name(provider) for provider in PROVIDERS}
        return Driver(
            Adapters(known.options),
            SecretCredentials(lambda: client, secrets),
            S3Inputs(self.s3, self.input_bucket),
            self.environment,
            preferences=Preferences(price=known.prices),
        )

    @functools.cached_property
    def _session(self) -> "boto3.Session":
        return open_session(self.endpoint_url)


def env_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--env NAME` to a command."""
    return click.option(
        "--env",
        "environment",
        envvar="DARKROOM_ENV",
        default=LOCAL,
        show_default=True,
        metavar="NAME",
        help="The environment; also set by DARKROOM_ENV.",
    )(command)


def find_target(environment: str) -> Target:
    """The environment of that name.

    Raises:
        click.ClickException: it does not exist; the message says how to start or deploy it.
        click.UsageError: the name is not allowed.
    """
    return _find_local() if environment == LOCAL else _find_stack(environment)


def _find_local() -> Target:
    from infra.local.running_file import find_running  # noqa: PLC0415 - only `local` needs it

    record = find_running()
    if record is None:
        raise click.ClickException(
            "no local environment is running; start one with `darkroom local`"
        )
    logs = Path(record.logs) if record.logs else None
    return Target(LOCAL, record.outputs, record.endpoint_url, logs=logs)


def _find_stack(name: str) -> Target:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    from infra.aws.environments import find_environment  # noqa: PLC0415 - only stacks need it

    try:
        stack = find_environment(name).stack_name
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    cloudformation = open_session(None).client("cloudformation")
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise click.ClickException(
            f"there is no stack '{stack}' in {cloudformation.meta.region_name}; deploy it, or "
            "name another environment with --env or another region with AWS_REGION"
        ) from error
    outputs = {
        output["OutputKey"]: output["OutputValue"]
        for output in found.get("Outputs", [])
        if "OutputKey" in output and "OutputValue" in output
    }
    missing = [output for output in REQUIRED_OUTPUTS if output not in outputs]
    if missing:
        raise click.ClickException(
            f"the stack '{stack}' has no output {', '.join(missing)}; it is not a Darkroom "
            f"stack, or its deployment did not finish (status: {found['StackStatus']})"
        )
    return Target(name, outputs)


def open_session(endpoint_url: str | None) -> "boto3.Session":
    """The user's own session with AWS, or one for the local environment's endpoint."""
    import boto3  # noqa: PLC0415 - slow to import

    if endpoint_url is None:
        # boto3 does not read AWS_REGION, as every other AWS tool does; None means its own default.
        return boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
    from infra.loopback_guard import ACCESS_KEY  # noqa: PLC0415 - only `local` needs it

    # The user's own credentials must not be sent to an endpoint that is not AWS.
    return boto3.Session(
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=ACCESS_KEY, region_name=LOCAL_REGION
    )
