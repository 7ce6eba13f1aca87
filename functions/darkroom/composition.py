"""Builds `Ports` on AWS: the one module that knows ports, AWS and providers (composition root)."""

import functools
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from darkroom.aws.dynamodb_batches import DynamoBatches
from darkroom.aws.dynamodb_budgets import DynamoBudgets
from darkroom.aws.dynamodb_charges import DynamoCharges
from darkroom.aws.dynamodb_durations import DynamoDurations
from darkroom.aws.dynamodb_limiter import DynamoLimiter
from darkroom.aws.dynamodb_lines import DynamoLines
from darkroom.aws.dynamodb_new_tasks import DynamoNewTasks
from darkroom.aws.dynamodb_tasks import DynamoTasks
from darkroom.aws.emf_metrics import EmfMetrics
from darkroom.aws.event_bridge import EventBridgeEvents
from darkroom.aws.s3 import S3Inputs, S3Outputs
from darkroom.aws.secrets_manager import SecretCredentials
from darkroom.aws.sqs import SqsDeadLetters, SqsErrands
from darkroom.aws.step_functions import StepFunctionsWorkflows
from darkroom.domain.money_rules import MoneyRules
from darkroom.pictures.measure import DecodedPictures
from darkroom.ports import Pictures, Ports
from darkroom.providers.engine.driver import Driver
from darkroom.providers.engine.preferences import Preferences
from darkroom.providers.registry import Adapters
from darkroom.settings import Settings, SettingsError

_T = TypeVar("_T")

_RETRIES = Config(
    retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=5, read_timeout=30
)
# While the table does not answer, SUBMIT must have time left to store a paid answer elsewhere.
_TABLE = Config(
    retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=3, read_timeout=8
)
# In some regions boto3 presigns URLs with the old signature, which S3 refuses for encrypted objects
# ("Specifying signature version in request authentication"). Its default is the global endpoint,
# which redirects requests for a new bucket to another host, where the signature is not valid
# ("Request redirection and the REST API").
_SIGNED = Config(
    signature_version="s3v4",
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
)


class SystemClock:
    """`ports.Clock` on the system clock."""

    def now(self) -> datetime:
        """UTC, aware."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait in this process."""
        time.sleep(seconds)


class _OnFirstUse:
    """Stands for a client until it is first used: making all takes as long as importing boto3."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - what the client has
        return getattr(self._make(), name)


def build_ports(
    settings: Settings, session: boto3.Session | None = None, endpoint_url: str | None = None
) -> Ports:
    """Every port on AWS; clients are created when first needed.

    Args:
        settings: of the environment.
        session: credentials and region; by default those of the process.
        endpoint_url: the URL of a local AWS; by default boto3's.

    Raises:
        SettingsError: the preferences among the providers cannot be met.
    """
    lock = threading.RLock()
    open_session = _once(lambda: session or boto3.Session(), lock)

    def client(service: Any, config: Config = _RETRIES) -> Callable[[], Any]:  # noqa: ANN401 - boto3 types each name
        return _once(
            lambda: open_session().client(service, config=config, endpoint_url=endpoint_url), lock
        )

    def open_table() -> Any:  # noqa: ANN401 - boto3 types each name
        dynamodb = open_session().resource("dynamodb", config=_TABLE, endpoint_url=endpoint_url)
        return dynamodb.Table(settings.table)

    s3: Any = _OnFirstUse(client("s3", _SIGNED.merge(_RETRIES)))
    table: Any = _OnFirstUse(_once(open_table, lock))
    inputs = S3Inputs(s3, settings.input_bucket)
    pictures = DecodedPictures(settings.memory_bytes, settings.library_path)
    ports = Ports(
        tasks=DynamoTasks(table),
        inputs=inputs,
        outputs=S3Outputs(s3, settings.output_bucket),
        workflows=StepFunctionsWorkflows(client("stepfunctions"), settings.state_machine_arn),
        events=EventBridgeEvents(client("events"), settings.event_bus),
        dead_letters=SqsDeadLetters(client("sqs"), settings.dead_letter_queue_url),
        providers=_build_driver(
            settings,
            SecretCredentials(client("secretsmanager"), settings.secrets),
            inputs,
            pictures,
        ),
        clock=SystemClock(),
        lines=DynamoLines(table),
        limiter=DynamoLimiter(table),
        durations=DynamoDurations(table),
        errands=SqsErrands(client("sqs"), settings.intake_queue_url),
        pictures=pictures,
        batches=DynamoBatches(table),
        budgets=DynamoBudgets(table),
        new_tasks=DynamoNewTasks(table),
        money=_money_rules(settings),
        charges=DynamoCharges(table),
    )
    given = {"linger_s": settings.linger_s, "batch_settled_s": settings.settled_s}
    changes = {name: value for name, value in given.items() if value is not None}
    limits = replace(ports.limits, assume_price=settings.assume_price, **changes)
    return replace(ports, limits=limits)


def _money_rules(settings: Settings) -> MoneyRules:
    if not settings.money:
        return MoneyRules()
    from darkroom.domain.money_settings import read_money_settings  # noqa: PLC0415 - only where they are set

    try:
        return read_money_settings(settings.money).as_rules()
    except ValueError as error:
        raise SettingsError(f"DARKROOM_MONEY cannot be met: {error}.") from error


def _once(make: Callable[[], _T], lock: AbstractContextManager[Any]) -> Callable[[], _T]:
    """`make`, called once; under the lock, because boto3's sessions are not thread-safe."""
    cached = functools.cache(make)

    def made() -> _T:
        with lock:
            return cached()

    return made


def _build_driver(
    settings: Settings, credentials: SecretCredentials, inputs: S3Inputs, pictures: Pictures
) -> Driver:
    try:
        return Driver(
            Adapters(settings.options),
            credentials,
            inputs,
            settings.environment,
            preferences=Preferences(
                settings.order,
                settings.pace,
                settings.loopback,
                settings.typical_s,
                settings.price,
            ),
            pictures=pictures,
        )
    except ValueError as error:
        raise SettingsError(
            "DARKROOM_ORDER, DARKROOM_OPTIONS, DARKROOM_PACE or DARKROOM_PRICE cannot be met: "
            f"{error}."
        ) from error


@functools.cache
def ports() -> Ports:
    """The ports of this execution environment, built once; its log takes the metrics."""
    settings = Settings.from_environment(os.environ)
    return replace(build_ports(settings), metrics=EmfMetrics(settings.environment))


@functools.cache
def environment() -> str:
    """The environment's name: a dimension of every metric, so that two environments do not mix."""
    return Settings.from_environment(os.environ).environment
