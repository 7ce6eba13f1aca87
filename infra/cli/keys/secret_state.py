"""What a provider's secret holds, without its values."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from infra.cli.aws_words import describe_aws_error, is_denied

if TYPE_CHECKING:
    from infra.aws.environments import Environment

Kind = Literal[
    "set up", "doubtful", "never filled", "unusable", "missing", "being deleted", "not readable"
]
"""A doubtful key is not as the vendor's documents describe one; it is used."""


@dataclass(frozen=True)
class SecretState:
    """What is known of a provider's secret.

    Attributes:
        name: the secret's.
        sentence: what is wrong with it; "" if nothing is.
        since: when its value was written; None where it has none of its own.
        base_url: where calls go instead of to the vendor; "" for the vendor.
    """

    provider: str
    name: str
    kind: Kind
    sentence: str = ""
    since: datetime | None = None
    base_url: str = ""

    @property
    def since_text(self) -> str:
        """As in "2026-11-30 14:05 UTC"; "" where it is not known."""
        return f"{self.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.since else ""


_KINDS: Final[dict[str, Kind]] = {
    "ResourceNotFoundException": "missing",
    "InvalidRequestException": "being deleted",
}
"""Secrets Manager API reference, "GetSecretValue"."""


def read_secret_state(client: Any, settings: "Environment", provider: str) -> SecretState:  # noqa: ANN401 - boto3's clients differ by service
    """Read the provider's secret with a client of Secrets Manager, and forget its values.

    Raises:
        botocore.exceptions.ClientError: AWS refuses the call, other than for a missing right.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    name = settings.secret_name(provider)
    try:
        answer = client.get_secret_value(SecretId=name)
    except ClientError as error:
        if is_denied(error):
            return SecretState(provider, name, "not readable", describe_aws_error(error))
        kind = _KINDS.get(error.response["Error"]["Code"])
        if kind is None:
            raise
        return SecretState(provider, name, kind, f"the secret {name} is {kind}")
    return _judge(settings, provider, answer)


def _judge(settings: "Environment", provider: str, answer: Any) -> SecretState:  # noqa: ANN401 - JSON
    from darkroom.aws.secrets_manager import parse_secret  # noqa: PLC0415 - brings boto3 along
    from darkroom.providers.engine.account import setup_error  # noqa: PLC0415 - only here
    from darkroom.providers.registry import Adapters  # noqa: PLC0415 - the same

    name, since = settings.secret_name(provider), answer.get("CreatedDate")
    fields, fault = parse_secret(answer.get("SecretString"))
    if fault:
        return SecretState(provider, name, "unusable", f"the secret {name} {fault}", since)
    adapter = Adapters(settings.options)[provider]
    base_url = fields.get("base_url", "")
    if not any(fields.values()):
        return SecretState(provider, name, "never filled")
    error = setup_error(adapter, fields, settings.name)
    if error is not None:
        sentence = error.failure.sentence.rstrip(".")
        return SecretState(provider, name, "unusable", sentence, since, base_url)
    for each in adapter.credential_names:
        if wrong := adapter.key_fault(each, fields[each]):
            return SecretState(provider, name, "doubtful", wrong, since, base_url)
    return SecretState(provider, name, "set up", "", since, base_url)
