"""The providers' credentials from Secrets Manager, cached for some minutes.

A secret is a JSON object such as `{"api_key": "..."}`; it may hold a `base_url`, which is how a
sandbox is attached. `{}`, or an empty value, means: not set up. A bare key is taken as the
`api_key`. For anything else the error says what is wrong; it never shows the value.
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

CACHE_S = 300
"""Seconds for which a secret is cached: a read costs more than all of a task's Lambda time.

A new key is seen within this time.
"""
CACHE_UNUSABLE_S = 30
"""Seconds for which a secret without usable credentials is cached: a user may be correcting it."""
MIN_REREAD_S = 10
"""Seconds between two reads of one secret, also if a provider has just refused the key."""

# Secrets Manager API reference, "GetSecretValue": errors that only a change of the set-up removes.
_UNREADABLE_REASONS: Mapping[str, str] = {
    "ResourceNotFoundException": "does not exist",
    "AccessDeniedException": "may not be read by Darkroom",
    "DecryptionFailure": "cannot be decrypted: Darkroom may not use its key, or the key is off",
    "InvalidRequestException": "cannot be read: it is marked for deletion, or has no value",
    "InvalidParameterException": "has an invalid name",
}


@dataclass(frozen=True)
class _CachedSecret:
    """What a secret held when it was read; `fault` completes a sentence about an unusable one."""

    read_at: float
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    fault: str = ""


class SecretCredentials:
    """Callable: provider -> its secret's fields, or {} if the provider is not set up."""

    def __init__(
        self,
        client: Callable[[], "SecretsManagerClient"],
        secrets: Mapping[str, str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: a function that makes the client, provider -> secret id, and a clock in seconds."""
        self._make_client = client
        self._secrets = secrets
        self._monotonic = monotonic
        self._cache: dict[str, _CachedSecret] = {}

    def __call__(self, provider: str) -> Mapping[str, str]:
        """The fields of the provider's secret, at most `CACHE_S` old; {} if it is not set up.

        Raises:
            AccountBlocked: `not-set-up`; the secret cannot be read, or holds no credentials.
            OwnTrouble: Secrets Manager is unavailable at the moment.
        """
        cached = self._cache.get(provider)
        max_age_s = CACHE_S if cached and cached.fields else CACHE_UNUSABLE_S
        return self._read_cached(provider, max_age_s)

    def reread(self, provider: str) -> Mapping[str, str]:
        """The same, at most `MIN_REREAD_S` old: for a caller whose credentials were refused."""
        return self._read_cached(provider, MIN_REREAD_S)

    def _read_cached(self, provider: str, max_age_s: float) -> Mapping[str, str]:
        if provider not in self._secrets:
            return {}
        now = self._monotonic()
        cached = self._cache.get(provider)
        if cached is None or now - cached.read_at > max_age_s:
            try:
                self._cache[provider] = cached = self._read(provider, now)
            except OwnTrouble:
                if cached is None or not cached.fields:
                    raise
                # The old credentials may still be valid; the next call does not try again at once.
                read_at = now - max_age_s + MIN_REREAD_S
                self._cache[provider] = cached = replace(cached, read_at=read_at)
        if cached.fault:
            raise AccountBlocked(
                "not-set-up", f"The secret {self._secrets[provider]} {cached.fault}."
            )
        return cached.fields

    def _read(self, provider: str, now: float) -> _CachedSecret:
        secret = self._secrets[provider]
        try:
            answer = self._make_client().get_secret_value(SecretId=secret)
        except (ClientError, BotoCoreError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            if code in _UNREADABLE_REASONS:
                return _CachedSecret(now, fault=_UNREADABLE_REASONS[code])
            raise OwnTrouble(
                "secret-unavailable", f"The secret {secret} cannot be read at the moment."
            ) from error
        fields, fault = parse_secret(answer.get("SecretString"))
        return _CachedSecret(now, fields, fault)


def parse_secret(text: str | None) -> tuple[Mapping[str, str], str]:
    """A secret's fields, and what is wrong with it, to complete a sentence; "" for nothing.

    The fault never contains any of the text. No text means that the secret holds bytes.
    """
    if text is None:
        return {}, "holds bytes, and not a JSON object as text"
    text = text.strip()
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        value = text
    match value:
        case None:
            return {}, ""
        case dict():
            return {str(k): str(v) for k, v in value.items() if _is_plain(v)}, ""
        case str() if _is_bare_key(value):
            return {"api_key": value.strip()}, ""
        case int() | float() if not isinstance(value, bool):
            return {"api_key": text}, ""
    return {}, 'holds no JSON object such as {"api_key": "..."}'


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _is_bare_key(text: str) -> bool:
    """Whether it is one word, and not broken JSON or an assignment such as `api_key=...`."""
    word = text.strip()
    return len(word.split()) == 1 and word[0] not in "{[\"'" and "api_key" not in word.lower()
