"""The providers' credentials from Secrets Manager, read once and kept for a while.

A secret is a JSON object such as `{"api_key": "..."}`; it may name another `base_url`, which is
how a sandbox is attached. `{}`, or an empty value, means: not set up. A bare key is taken for the
`api_key`; whatever else it holds is explained to whoever asks, and never shown.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.domain.errors import AccountBlocked, OwnTrouble

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEEP_S = 300
"""A read costs more than all of a task's Lambda time; a rotated key is seen within this time."""
KEEP_USELESS_S = 30
"""What is of no use may be put right at any moment."""
REREAD_S = 10
"""Whoever has a reason to read it again, as when the key was refused, does so no sooner."""

# Secrets Manager API reference, "GetSecretValue", errors: what only people put right.
_UNREADABLE: Mapping[str, str] = {
    "ResourceNotFoundException": "does not exist",
    "AccessDeniedException": "may not be read by Darkroom",
    "DecryptionFailure": "cannot be decrypted: Darkroom may not use its key, or the key is off",
    "InvalidRequestException": "cannot be read: it is marked for deletion, or has no value",
    "InvalidParameterException": "has a name that none can have",
}


@dataclass(frozen=True)
class _Kept:
    """What a secret held when it was read; `fault` ends a sentence about one that is of no use."""

    read_at: float
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    fault: str = ""


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
        self._kept: dict[str, _Kept] = {}

    def __call__(self, provider: str) -> Mapping[str, str]:
        """The fields of the provider's secret; at most `KEEP_S` old.

        Raises:
            AccountBlocked: `not-set-up`; the secret cannot be read, or holds no credentials.
            OwnTrouble: Secrets Manager is unavailable for the moment.
        """
        kept = self._kept.get(provider)
        useful_s = KEEP_S if kept and kept.fields else KEEP_USELESS_S
        return self._at_most(useful_s, provider)

    def reread(self, provider: str) -> Mapping[str, str]:
        """The same, at most `REREAD_S` old: for whoever was told that these are wrong."""
        return self._at_most(REREAD_S, provider)

    def _at_most(self, age_s: float, provider: str) -> Mapping[str, str]:
        if provider not in self._secrets:
            return {}
        now = self._monotonic()
        kept = self._kept.get(provider)
        if kept is None or now - kept.read_at > age_s:
            try:
                self._kept[provider] = kept = self._read(provider, now)
            except OwnTrouble:
                if kept is None or not kept.fields:
                    raise
                # The old ones may well be good still; they are not read again for each call.
                self._kept[provider] = kept = replace(kept, read_at=now - age_s + REREAD_S)
        if kept.fault:
            raise AccountBlocked(
                "not-set-up", f"The secret {self._secrets[provider]} {kept.fault}."
            )
        return kept.fields

    def _read(self, provider: str, now: float) -> _Kept:
        secret = self._secrets[provider]
        try:
            answer = self._make_client().get_secret_value(SecretId=secret)
        except (ClientError, BotoCoreError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            if code in _UNREADABLE:
                return _Kept(now, fault=_UNREADABLE[code])
            raise OwnTrouble(
                "secret-unavailable", f"The secret {secret} cannot be read for the moment."
            ) from error
        return _parsed(answer.get("SecretString"), now)


def _parsed(text: str | None, now: float) -> _Kept:
    """What a secret's text means. Never tells any of it."""
    if text is None:
        return _Kept(now, fault="holds bytes, and not a JSON object as text")
    text = text.strip()
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        value = text
    match value:
        case None:
            return _Kept(now)
        case dict():
            told = {str(k): str(v) for k, v in value.items() if _is_plain(v)}
            return _Kept(now, told)
        case str() if _is_bare_key(value):
            return _Kept(now, {"api_key": value.strip()})
        case int() | float() if not isinstance(value, bool):
            return _Kept(now, {"api_key": text})
    return _Kept(now, fault='holds no JSON object such as {"api_key": "..."}')


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _is_bare_key(text: str) -> bool:
    """Whether it is one word, and not the beginning of JSON or of a setting such as `key=...`."""
    word = text.strip()
    return len(word.split()) == 1 and word[0] not in "{[\"'" and "api_key" not in word.lower()
