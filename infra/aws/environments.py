"""The environments: what differs between deployed copies of the stack, read from a TOML file.

`infra/environments.toml` has one table for each environment; its fields are those of `Environment`.
This module must not import the CDK: the command and the tests read names and figures without
starting Node. `python -m infra.aws.environments` prints the JSON Schema of the file.
"""

import functools
import json
import os
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from darkroom.domain.validation_messages import nearest
from darkroom.providers.registry import NAMES
from infra.aws.sizes import Verb

if TYPE_CHECKING:
    from darkroom.domain.price_settings import PriceSettings

FILE: Final = Path(__file__).resolve().parents[1] / "environments.toml"
FILE_VARIABLE: Final = "DARKROOM_ENVIRONMENTS_FILE"
"""The environment variable that names another file than `FILE`."""

# Every provider that has an adapter. Each gets a secret.
PROVIDERS = tuple(sorted(NAMES))

# The longest resource name is that of the output bucket, which has at most 63 characters:
# "darkroom-" + name + "-output-" + 12 digits of account + "-" + a region of up to 15.
MAX_NAME_LENGTH = 18

# CloudWatch Logs API reference, "PutRetentionPolicy".
# fmt: off
LOG_DAYS: Final = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
)
# fmt: on

LogLevel = Literal["INFO", "WARN", "ERROR"]
"""Not DEBUG: Lambda's runtime would set the root logger to it, and boto3 and httpx would then log
keys, secrets and signed URLs."""

Number = int | float

_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(extra="forbid", use_attribute_docstrings=True, strict=True),
)
class Environment:
    """One copy of the stack. Several fit in one account: every resource name contains `name`.

    Raises ValidationError, a ValueError, for a field that is not allowed.
    """

    name: str

    account: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    """The AWS account, 12 digits in quotes. The deployment refuses credentials of another one.
    Without it, the stack goes to the account that the credentials are of."""
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")] | None = None
    """The AWS region; without it, that of the credentials. Needed with `account`."""
    removal: Literal["keep", "delete"] = "keep"
    """What happens to buckets, table, secrets and queues when the stack is deleted."""
    termination_protection: bool = False
    """Whether CloudFormation and `make destroy` refuse to delete the stack."""
    log_days: int = 30
    """How long logs are kept, days; CloudWatch allows only certain numbers. Runs of the workflow
    are logged for 30 days at most."""
    log_level: LogLevel = "INFO"
    """The least severe log lines that the functions write."""
    intake_concurrency: Annotated[int, Field(ge=2, le=1000)] = 10
    """How many intake functions read the queue concurrently; a burst waits in the queue."""
    reserved_concurrency: Mapping[Verb, Annotated[int, Field(ge=1)]] = field(default_factory=dict)
    """Function -> how many of it run at once at most; so many of the account's are set aside for
    it. `{submit = 20}`; without an entry a function shares the rest of the account's."""
    alarm_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    """The address that alarms are sent to; AWS asks it once to confirm. Not beside
    `alarm_topic_arn`."""
    alarm_topic_arn: Annotated[str, Field(pattern=r"^arn:[^:]+:sns:[^:]+:[0-9]{12}:.+$")] | None = (
        None
    )
    """The existing SNS topic that alarms are sent to."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of every resource that takes some."""
    input_bucket: Annotated[str, Field(pattern=_BUCKET)] | None = None
    """An existing bucket for photos and specs in place of a new one. Its settings stay yours: turn
    on versioning and its notifications to EventBridge."""
    output_bucket: Annotated[str, Field(pattern=_BUCKET)] | None = None
    """An existing bucket for the results in place of a new one; turn on versioning."""
    kms_key_arn: Annotated[str, Field(pattern=r"^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$")] | None = (
        None
    )
    """The KMS key that encrypts new buckets, table, queues, secrets and logs; its policy must let
    AWS's services use it (infra/README.md). Existing buckets must use the same one, or S3's own."""
    permissions_boundary_arn: (
        Annotated[str, Field(pattern=r"^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+$")] | None
    ) = None
    """The policy that bounds the rights of every role of the stack."""
    extension: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    """`module:function` of your own that gets the `Darkroom` construct, and adds what it likes."""
    noncurrent_days: Annotated[int, Field(ge=1)] = 90
    """How long a replaced or deleted version of a file can be restored."""
    work_days: Annotated[int, Field(ge=1)] = 30
    """How long a provider's raw answers are kept in the output bucket."""
    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Operation -> the order of providers for a spec that has none; "*" for all other operations.
    For example `{"remove-background": ["perfect", "snapapi"]}`."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Provider -> options of its adapter: `{"goapi": {"service_mode": "private"}}`, or
    `{"perfect": {"slugs": {"wig": "wig-v2"}}}` for a path that the vendor does not document."""

    linger_s: int | None = None
    """The longest wait for a job inside SUBMIT and POLL, seconds; None for what costs least. Less
    where few functions run at once: a new AWS account runs ten of them."""

    typical_s: int | None = None
    """How long jobs usually take at most, seconds, where sandboxes stand in for the providers."""

    settled_s: int | None = None
    """How long nothing of a batch may have changed at its end, seconds; None for a minute. Less
    where the index of tasks is never behind."""

    pace: Mapping[str, Mapping[str, Number]] = field(default_factory=dict)
    """Provider -> limits of its account: the `share` that this environment may use (0 to 1),
    `calls_per_min`, `open_jobs`. For example `{"snapapi": {"share": 0.5}}` if two environments
    use one key, or `{"perfect": {"open_jobs": 4}}` with several outgoing IP addresses. The share of
    the open jobs must be at least one job: Perfect's single one cannot be shared."""

    money: Mapping[str, Any] = field(default_factory=dict)
    """What may be spent: `budget` of all tasks, `max_price` of one call, and `guard_tasks`, so many
    new tasks below one folder within ten minutes are no accident (default 500). For example
    `{"budget": {"usd": 50, "per": "day"}, "max_price": {"usd": 0.10}, "guard_tasks": 6000}`."""

    price: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Provider -> what it charges, where its documents do not say it or your contract differs:
    `usd_per_credit`, and `credits` of one call by operation or by operation and model. For example
    `{"apiframe": {"usd_per_credit": 0.01, "credits": {"upscale:topaz": 12}, "as_of":
    "2026-11-30"}}`."""

    assume_price: Mapping[str, Number] = field(default_factory=dict)
    """Provider, or "*" for every other -> the credits that money limits count for a call whose
    price is not known; by default the highest known price of the operation. `{"goapi": 250}`"""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > MAX_NAME_LENGTH:
            msg = (
                f"the environment's name {self.name!r} cannot be part of a bucket's name: use at "
                f"most {MAX_NAME_LENGTH} of a-z, 0-9 and -, beginning with a letter and not ending "
                "with -"
            )
            raise ValueError(msg)
        if self.log_days not in LOG_DAYS:
            raise ValueError(
                f"log_days is {self.log_days}, and CloudWatch keeps logs for one of "
                f"{', '.join(map(str, LOG_DAYS))} days"
            )
        if self.account and not self.region:
            raise ValueError("account needs a region beside it")
        if self.alarm_email and self.alarm_topic_arn:
            raise ValueError("name either alarm_email or alarm_topic_arn")
        if self.input_bucket and self.input_bucket == self.output_bucket:
            raise ValueError("input_bucket and output_bucket must be two buckets")
        if self.reserved_concurrency.get("intake", self.intake_concurrency) < (
            self.intake_concurrency
        ):
            raise ValueError(
                "reserved_concurrency of intake is below intake_concurrency: the queue's messages "
                "would be throttled"
            )

    @property
    def on_this_machine(self) -> bool:
        """Whether it is never deployed to AWS: `local`, and names that begin with `local-`."""
        return _is_local(self.name)

    @property
    def keep(self) -> bool:
        """Whether buckets, table, secrets and queues are kept when the stack is deleted."""
        return self.removal == "keep"

    @property
    def stack_name(self) -> str:
        """The stack's name in CloudFormation; also that of the bus, the table and the workflow."""
        return f"darkroom-{self.name}"

    def function_name(self, verb: str) -> str:
        """The name of the Lambda function for `verb`."""
        return f"{self.stack_name}-{verb}"

    @property
    def preferences(self) -> Mapping[str, str]:
        """The environment variables for the preferences, as far as they are set."""
        values = {
            "DARKROOM_ORDER": self.order,
            "DARKROOM_OPTIONS": self.options,
            "DARKROOM_PACE": self.pace,
            "DARKROOM_MONEY": self.money,
            "DARKROOM_PRICE": self.price,
            "DARKROOM_ASSUME_PRICE": self.assume_price,
        }
        variables = {name: json.dumps(value) for name, value in values.items() if value}
        if self.linger_s is not None:
            variables["DARKROOM_LINGER_S"] = str(self.linger_s)
        if self.typical_s is not None:
            variables["DARKROOM_TYPICAL_S"] = str(self.typical_s)
        if self.settled_s is not None:
            variables["DARKROOM_SETTLED_S"] = str(self.settled_s)
        # The sandboxes listen, and serve their results, on this machine's loopback address.
        return variables | ({"DARKROOM_LOOPBACK": "1"} if self.on_this_machine else {})

    @property
    def prices(self) -> "Mapping[str, PriceSettings]":
        """Provider -> its prices by these settings. Raises `ValueError` for impossible ones."""
        from darkroom.domain.price_settings import PriceSettings  # noqa: PLC0415 - only where needed

        for provider, charged in self.price.items():
            if unknown := charged.keys() - PriceSettings.__dataclass_fields__.keys():
                raise ValueError(f"price of {provider} has no '{unknown.pop()}'")
        return {name: PriceSettings(**charged) for name, charged in self.price.items()}

    def secret_name(self, provider: str) -> str:
        """The secret that holds the credentials for `provider`."""
        return f"darkroom/{self.name}/{provider}"


# This machine's environment. Its processes are few, and its transitions cost nothing; but a job
# that must be polled every few seconds is waited for inside a function. The sandboxes' jobs take a
# second.
_LOCAL: Final[Mapping[str, Any]] = {
    "removal": "delete",
    "log_days": 1,
    "linger_s": 4,
    "typical_s": 2,
    "settled_s": 2,
}


def find_environment(name: str) -> Environment:
    """The settings of the environment `name`.

    `local` exists without a table in the file, and one only adds to it.

    Raises ValueError with a sentence that says what would do: for a name that the file does not
    have, for fields that are not allowed, and for preferences that cannot be met.
    """
    path = Path(os.environ.get(FILE_VARIABLE) or FILE)
    tables = _read_file(path, path.stat().st_mtime_ns if path.is_file() else None)
    if name not in tables:
        raise ValueError(
            f"there is no environment '{name}'; {path.name} has {', '.join(tables)}."
            f"{nearest(name, tables)}"
        )
    environment = build_environment(name, tables[name])
    check_preferences(environment)
    return environment


def build_environment(name: str, table: Mapping[str, Any]) -> Environment:
    """The environment of one table of the file.

    Raises ValueError with a sentence that names the field, and the nearest known one.
    """
    known = [each.name for each in fields(Environment) if each.name != "name"]
    for unknown in table.keys() - set(known):
        raise ValueError(
            f"environment '{name}' has no setting '{unknown}'; there are {', '.join(known)}."
            f"{nearest(unknown, known)}"
        )
    try:
        return Environment(name, **_without_dates(table))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        said = str(first.get("ctx", {}).get("error") or f"{place}: {first['msg']}")
        raise ValueError(f"environment '{name}': {said}") from error


def build_schema() -> dict[str, Any]:
    """The JSON Schema of the file: environment -> its fields, as editors use it."""
    environment = TypeAdapter(Environment).json_schema()
    properties: dict[str, Any] = environment["properties"]
    del properties["name"]
    properties["log_days"] = {**properties["log_days"], "enum": list(LOG_DAYS)}
    for each in properties.values():
        each.pop("title", None)
        if "description" in each:
            each["description"] = " ".join(each["description"].split())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Darkroom's environments",
        "type": "object",
        "propertyNames": {"pattern": f"^{_NAME.pattern}$", "maxLength": MAX_NAME_LENGTH},
        "additionalProperties": {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        },
    }


@functools.lru_cache(maxsize=4)
def _read_file(path: Path, _changed_at: int | None) -> Mapping[str, Mapping[str, Any]]:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"there is no file {path}, which lists the environments") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not valid TOML: {error}") from error
    for name, table in found.items():
        if not isinstance(table, dict):
            raise ValueError(  # noqa: TRY004 - the file is wrong, not the call
                f"{path.name} has the setting '{name}' outside of an environment: put it below "
                "one, as in [dev]"
            )
    tables = {"local": {}} | found
    return {
        name: {**_LOCAL, **table} if _is_local(name) else table for name, table in tables.items()
    }


def _is_local(name: str) -> bool:
    return name == "local" or name.startswith("local-")


def _without_dates(value: Any) -> Any:  # noqa: ANN401 - whatever TOML has
    """TOML has dates of its own; the settings that the functions get are JSON."""
    if isinstance(value, Mapping):
        return {key: _without_dates(each) for key, each in value.items()}
    return value.isoformat() if isinstance(value, date) else value


def check_preferences(environment: Environment) -> None:
    """Refuse what the functions would refuse: better before a deployment than after it.

    Raises ValueError with a sentence that says what would do.
    """
    if environment.money:
        from darkroom.domain.money_settings import read_money_settings  # noqa: PLC0415 - only where they are set

        read_money_settings(environment.money)
    settings = (environment.order, environment.options, environment.pace, environment.price)
    if not any((*settings, environment.assume_price)):
        return
    from darkroom.domain.rate_limits import AccountLimits  # noqa: PLC0415 - only where they are set
    from darkroom.providers.engine.preferences import (  # noqa: PLC0415 - the same
        check_prices,
        check_shares,
        sort_routes,
    )
    from darkroom.providers.registry import Adapters  # noqa: PLC0415 - the same

    adapters = Adapters(environment.options)
    routes = [route for adapter in adapters.values() for route in adapter.routes]
    sort_routes(routes, environment.order)
    limits: Mapping[str, Any] = environment.pace
    check_shares(adapters, {name: AccountLimits(**fields) for name, fields in limits.items()})
    check_prices(adapters, environment.prices, environment.assume_price)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(build_schema(), indent=2) + "\n")
