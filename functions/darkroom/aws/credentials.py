"""The providers' credentials from Secrets Manager, read once and kept for a while.

A secret is a JSON object such as `{"api_key": "..."}`; it may name another `base_url`, which is
how a sandbox is attached. `{}`, or an empty value, means: not set up.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEEP_S = 300
"""A read costs more than all of a task's Lambda time; a rotated key is seen within this time."""


class SecretCredentials:
    """Callable: provider -> its secret's fields, or {} where it is not set up."""

    def __init__(
        self,
        client: Callable[[], "SecretsManagerClient"],
        secrets: Mapping[str, str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: a maker of the client, provider -> secret id, and a clock in seconds."""
        self._make_client = client
        self._secrets = secrets
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, Mapping[str, str]]] = {}

    def __call__(self, provider: str) -> Mapping[str, str]:
        """The fields of the provider's secret; at most `KEEP_S` old."""
        now = self._monotonic()
        kept = self._kept.get(provider)
        if kept is None or now - kept[0] > KEEP_S:
            kept = (now, self._read(provider))
            self._kept[provider] = kept
        return kept[1]

    def _read(self, provider: str) -> Mapping[str, str]:
        secret = self._secrets.get(provider)
        if secret is None:
            return {}
        text = self._make_client().get_secret_value(SecretId=secret)["SecretString"]
        fields = json.loads(text or "{}")
        if not isinstance(fields, dict):
            raise TypeError(f"the secret of {provider} is not a JSON object")
        return {str(name): str(value) for name, value in fields.items()}
