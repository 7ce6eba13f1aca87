"""The accounts of an environment: which providers are set up, and with which credentials."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from darkroom.domain.errors import AccountBlocked, OwnTrouble
from darkroom.providers.adapter import Adapter
from darkroom.providers.engine.account import (
    Account,
    digest_credentials,
    no_key_sentence,
    open_account,
    set_up_hint,
    setup_error,
)


class Credentials(Protocol):
    """Provider -> the values of its secret; empty when it is not set up."""

    def __call__(self, provider: str, /) -> Mapping[str, str]:
        """The secret. Raises `AccountBlocked`, or `OwnTrouble` while it cannot be read."""


@runtime_checkable
class Rereadable(Protocol):
    """Credentials that are cached, and can be read again before the cache expires."""

    def reread(self, provider: str, /) -> Mapping[str, str]:
        """The secret as it is now, or was some seconds ago."""


class Accounts:
    """Opens accounts with the environment's secrets.

    Args:
        adapters: provider -> its adapter.
        credentials: reads a provider's secret.
        environment: its name, for the name of a secret.

    Attributes:
        opened: provider -> the digest of the credentials that it was last opened with.
    """

    def __init__(
        self, adapters: Mapping[str, Adapter], credentials: Credentials, environment: str
    ) -> None:
        self._adapters = adapters
        self._credentials = credentials
        self._environment = environment
        self.opened: dict[str, str] = {}

    def setup_error(self, provider: str) -> AccountBlocked | None:
        """Why the provider is not set up; None if it is.

        Raises:
            OwnTrouble: its secret cannot be read for the moment.
        """
        try:
            secret = self._credentials(provider)
        except AccountBlocked as error:
            return error
        return setup_error(self._adapters[provider], secret, self._environment)

    def digest(self, provider: str) -> str:
        """A digest of the credentials in use; "" without any.

        Raises:
            OwnTrouble: the secret cannot be read for the moment.
        """
        adapter = self._adapters.get(provider)
        if adapter is None:
            return ""
        try:
            return digest_credentials(adapter, self._credentials(provider))
        except AccountBlocked:
            return ""  # the secret cannot be used; a call raises the reason

    def set_up_hint(self, provider: str) -> str:
        """How to set the provider up; before it, what is wrong with its secret."""
        adapter = self._adapters[provider]
        hint = set_up_hint(adapter, self._environment)
        try:
            error = self.setup_error(provider)
        except OwnTrouble:
            error = None
        if error is None or error.failure.sentence == no_key_sentence(adapter):
            return hint
        return f"{error.failure.sentence} {hint}"

    def open(self, provider: str) -> Account:
        """The provider with its credentials; if they cannot be used, they are read again first.

        Raises:
            AccountBlocked: the provider is not set up, or its key cannot be one.
            OwnTrouble: its secret cannot be read for the moment.
        """
        try:
            return self._open(provider, self._credentials)
        except AccountBlocked:
            return self._open(provider, self._reread)

    def renew(self, account: Account) -> Account | None:
        """The account with the credentials of now; None if they are the same or cannot be used."""
        try:
            fresh = self._open(account.adapter.name, self._reread)
        except (AccountBlocked, OwnTrouble):
            return None
        return fresh if fresh.credentials != account.credentials else None

    def _open(self, provider: str, credentials: Credentials) -> Account:
        adapter = self._adapters[provider]
        try:
            secret = credentials(provider)
            account = open_account(adapter, secret, self._environment)
        except AccountBlocked as error:
            failure, hint = error.failure, set_up_hint(adapter, self._environment)
            raise AccountBlocked(failure.code, failure.sentence, hint) from error.__cause__
        self.opened[provider] = digest_credentials(adapter, secret)
        return account

    def _reread(self, provider: str) -> Mapping[str, str]:
        credentials = self._credentials
        if isinstance(credentials, Rereadable):
            return credentials.reread(provider)
        return credentials(provider)
