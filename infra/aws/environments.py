"""The environments: what differs between deployed copies of the stack.

Everything that may differ is a field here. This module must not import the CDK: the command and the
tests read names and figures without starting Node.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from darkroom.providers.registry import NAMES

if TYPE_CHECKING:
    from darkroom.domain.price_settings import PriceSettings

# Every provider that has an adapter. Each gets a secret.
PROVIDERS = tuple(sorted(NAMES))

# The longest resource name is that of the output bucket, which has at most 63 characters:
# "darkroom-" + name + "-output-" + 12 digits of account + "-" + a region of up to 15.
MAX_NAME_LENGTH = 18

_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Environment:
    """One copy of the stack. Several fit in one account: every resource name contains `name`."""

    name: str
    keep: bool = True
    """Whether buckets, table, secrets and queues are kept when the stack is deleted."""
    log_days: int = 30
    intake_concurrency: int = 10
    """How many intake functions read the queue concurrently; a burst waits in the queue."""
    noncurrent_days: int = 90
    """How long a replaced or deleted version of a file can be restored."""
    work_days: int = 30
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

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.name) > MAX_NAME_LENGTH:
            msg = (
                f"the environment's name {self.name!r} cannot be part of a bucket's name: use at "
                f"most {MAX_NAME_LENGTH} of a-z, 0-9 and -, beginning with a letter and not ending "
                "with -"
            )
            raise ValueError(msg)

    @property
    def stack_name(self) -> str:
        """The stack's name in CloudFormation; also that of the bus, the table and the workflow."""
        return f"darkroom-{self.name}"

    def function_name(self, verb: str) -> str:
        """The name of the Lambda function for `verb`."""
        return f"{self.stack_name}-{verb}"

    pace: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
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

    assume_price: Mapping[str, float] = field(default_factory=dict)
    """Provider, or "*" for every other -> the credits that money limits count for a call whose
    price is not known; by default the highest known price of the operation. `{"goapi": 250}`"""

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
        return variables | ({"DARKROOM_LOOPBACK": "1"} if self.name == "local" else {})

    @property
    def prices(self) -> "Mapping[str, PriceSettings]":
        """Provider -> its prices by these settings. Raises `ValueError` for impossible ones."""
        from darkroom.domain.price_settings import PriceSettings  # noqa: PLC0415 - only where needed

        for provider, fields in self.price.items():
            if unknown := fields.keys() - PriceSettings.__dataclass_fields__.keys():
                raise ValueError(f"price of {provider} has no '{unknown.pop()}'")
        return {name: PriceSettings(**fields) for name, fields in self.price.items()}

    def secret_name(self, provider: str) -> str:
        """The secret that holds the credentials for `provider`."""
        return f"darkroom/{self.name}/{provider}"


_KNOWN = {
    known.name: known
    for known in (
        # Its processes are few, and its transitions cost nothing; but a job that must be polled
        # every few seconds is waited for inside a function. The sandboxes' jobs take a second.
        Environment("local", keep=False, log_days=1, linger_s=4, typical_s=2, settled_s=2),
        Environment("dev", keep=False, log_days=7),
        Environment("staging", log_days=30),
        Environment("prod", log_days=365),
    )
}


def find_environment(name: str) -> Environment:
    """The settings of the environment `name`.

    A name that is not listed gets the settings of `staging`: its data is kept.
    Raises ValueError for a name that cannot be part of a bucket's name, and for preferences that
    cannot be met.
    """
    environment = _KNOWN.get(name) or replace(_KNOWN["staging"], name=name)
    check_preferences(environment)
    return environment


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
