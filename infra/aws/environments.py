"""The environments: what differs between one deployed copy of the stack and the next.

Everything that may differ is a field here. It must not import the CDK: the command and the tests
ask for names and figures without starting Node.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

# Every provider that has an adapter. Each gets a secret.
PROVIDERS = ("apiframe", "goapi", "perfect", "snapapi")

# The longest name made of an environment's is its output bucket's, of at most 63 characters:
# "darkroom-" + name + "-output-" + 12 digits of account + "-" + a region of up to 15.
MAX_NAME_LENGTH = 18

_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Environment:
    """One copy of the stack. Several live side by side in one account; all names bear `name`."""

    name: str
    keep: bool = True
    """Whether buckets, table, secrets and queues outlive the stack that made them."""
    log_days: int = 30
    intake_concurrency: int = 10
    """How many intake functions may read the queue at once; a burst waits in the queue."""
    noncurrent_days: int = 90
    """How long a replaced or deleted version of a file can still be brought back."""
    work_days: int = 30
    """How long a provider's raw answers are kept in the output bucket."""
    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Operation -> the providers to prefer where a spec names none; "*" for every other operation.
    For example `{"remove-background": ["perfect", "snapapi"]}`."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Provider -> what its adapter may be told. `{"perfect": {"slugs": {"wig": "wig-v2"}}}` names a
    path that the vendor's documents leave open; `{"goapi": {"service_mode": "private"}}`."""

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
        """What CloudFormation calls the stack; the bus, table and workflow bear the same name."""
        return f"darkroom-{self.name}"

    def function_name(self, verb: str) -> str:
        """What Lambda calls the function behind the door `verb`."""
        return f"{self.stack_name}-{verb}"

    pace: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Provider -> what its account bears: `share` of it that this environment may use (0 to 1),
    `calls_per_min`, `open_jobs`. For example `{"snapapi": {"share": 0.5}}` where two environments
    use one key, or `{"perfect": {"open_jobs": 4}}` for more addresses than one."""

    @property
    def preferences(self) -> Mapping[str, str]:
        """The variables that tell the functions of the three above, where there is any."""
        told = {
            "DARKROOM_ORDER": self.order,
            "DARKROOM_OPTIONS": self.options,
            "DARKROOM_PACE": self.pace,
        }
        variables = {name: json.dumps(value) for name, value in told.items() if value}
        # The sandboxes answer, and keep their results, on the machine that they run on.
        return variables | ({"DARKROOM_LOOPBACK": "1"} if self.name == "local" else {})

    def secret_name(self, provider: str) -> str:
        """The secret that holds the credentials for `provider`."""
        return f"darkroom/{self.name}/{provider}"


_KNOWN = {
    known.name: known
    for known in (
        Environment("local", keep=False, log_days=1),
        Environment("dev", keep=False, log_days=7),
        Environment("staging", log_days=30),
        Environment("prod", log_days=365),
    )
}


def find_environment(name: str) -> Environment:
    """The settings of the environment `name`.

    A name that is not listed gets the settings of `staging`: what it stores is kept.
    Raises ValueError for a name that cannot be part of a bucket's name.
    """
    return _KNOWN.get(name) or replace(_KNOWN["staging"], name=name)
