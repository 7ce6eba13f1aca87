"""The environment that is examined, and how its account is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cli.target import LOCAL, Target

if TYPE_CHECKING:
    from darkroom.ports import Ports
    from infra.aws.environments import Environment


@dataclass(frozen=True)
class Examined:
    """One environment, and ways to ask about it; each check may do so in a thread of its own.

    Attributes:
        settings: as in `environments.toml`.
        client: a client of an AWS service, by its name in boto3.
        region: of the user's session; "" if there is none.
        now: the local clock, UTC.
        outputs: of its stack; empty before it is known.
        deployed_at: when its stack was last changed; None if that is not known.
        open_ports: opens the functions' ports with the user's rights. Raises if the stack lacks an
            output.
        endpoint_url: the endpoint that stands for AWS; None for AWS itself.
        logs: the folder of the functions' logs on this machine; None on AWS.
    """

    settings: "Environment"
    client: Callable[[str], Any]
    region: str
    now: datetime
    outputs: Mapping[str, str] = field(default_factory=dict)
    deployed_at: datetime | None = None
    open_ports: "Callable[[], Ports] | None" = None
    endpoint_url: str | None = None
    logs: Path | None = None

    @property
    def local(self) -> bool:
        """Whether it runs on this machine."""
        return self.settings.name == LOCAL

    @property
    def env(self) -> str:
        """The option that names it in a command, with a space before it; "" for the local one."""
        return "" if self.local else f" --env {self.settings.name}"

    @property
    def deploy(self) -> str:
        """The command that deploys it."""
        return "darkroom local" if self.local else f"make deploy ENV={self.settings.name}"

    def output(self, name: str) -> str:
        """An output of the stack. Raises `click.ClickException` if it has none of that name."""
        return Target(self.settings.name, self.outputs).require_output(name)

    @property
    def ports(self) -> "Ports":
        """New ports, for the calling thread alone."""
        if self.open_ports is None:
            raise LookupError("the stack is not known")
        return self.open_ports()
