"""Writes a provider's credentials into its secret, and keeps what else is in there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from infra.aws.environments import Environment


@dataclass(frozen=True)
class WrittenKey:
    """What was done.

    Attributes:
        secret: its name.
        was_filled: whether it held anything before.
        kept: the names of the other fields that it keeps.
        base_url: where calls go instead of to the vendor; "" for the vendor.
    """

    secret: str
    was_filled: bool
    kept: tuple[str, ...]
    base_url: str


def write_key(
    client: Any,  # noqa: ANN401 - boto3's clients differ by service
    settings: "Environment",
    provider: str,
    credentials: Mapping[str, str],
) -> WrittenKey:
    """Put the credentials into the provider's secret, with a client of Secrets Manager.

    Other fields, such as `base_url`, stay. A secret that cannot be parsed is replaced.

    Raises:
        click.ClickException: there is no such secret, or the user may not read it.
        botocore.exceptions.ClientError: AWS refuses the call.
    """
    from darkroom.aws.secrets_manager import parse_secret  # noqa: PLC0415 - brings boto3 along

    secret = settings.secret_name(provider)
    fields, _ = parse_secret(_read(client, settings, secret))
    others = {name: value for name, value in fields.items() if name not in credentials}
    document = json.dumps({**others, **credentials})
    client.put_secret_value(SecretId=secret, SecretString=document)
    return WrittenKey(secret, bool(fields), tuple(others), others.get("base_url", ""))


def _read(client: Any, settings: "Environment", secret: str) -> str | None:  # noqa: ANN401 - the same
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import

    from infra.cli.aws_words import is_denied  # noqa: PLC0415 - only here

    try:
        answer = client.get_secret_value(SecretId=secret)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise click.ClickException(
                f"there is no secret {secret}; deploy the environment first: make deploy "
                f"ENV={settings.name}"
            ) from error
        if is_denied(error):
            raise click.ClickException(
                f"no right to read {secret} (secretsmanager:GetSecretValue), which is needed to "
                "keep its other fields; nothing was changed"
            ) from error
        raise
    text: str | None = answer.get("SecretString")
    return text
