"""Credentials are cached; a provider without them is not set up."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from darkroom.aws.secrets_manager import CACHE_S, CACHE_UNUSABLE_S, MIN_REREAD_S, SecretCredentials
from darkroom.domain.errors import AccountBlocked, OwnTrouble


class _Secrets:
    """Secrets Manager with these secrets; counts reads."""

    def __init__(self, **secrets: str) -> None:
        self.secrets = secrets
        self.reads = 0

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        self.reads += 1
        return {"SecretString": self.secrets[SecretId]}


class _BinarySecrets(_Secrets):
    """Holds bytes instead of text."""

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        return {"SecretBinary": SecretId.encode()}


class _FailingSecrets(_Secrets):
    """Answers with an error, or not at all, until `well` is set."""

    def __init__(self, code: str | None, **secrets: str) -> None:
        super().__init__(**secrets)
        self.well = False
        self._code = code

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        if self.well:
            return super().get_secret_value(SecretId)
        self.reads += 1
        if self._code is None:
            raise EndpointConnectionError(endpoint_url="https://secretsmanager.test")
        raise ClientError({"Error": {"Code": self._code, "Message": "No."}}, "GetSecretValue")


class _Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _credentials(store: _Secrets, watch: _Watch) -> SecretCredentials:
    return SecretCredentials(lambda: store, {"beta": "s1"}, watch)  # type: ignore[arg-type, return-value]


def test_secret_is_cached_for_some_minutes() -> None:
    """A rotated key is used within minutes."""
    store, watch = _Secrets(s1='{"api_key": "one"}'), _Watch()
    credentials = _credentials(store, watch)
    assert credentials("beta") == credentials("beta") == {"api_key": "one"}
    assert store.reads == 1

    store.secrets["s1"] = '{"api_key": "two"}'
    watch.now = CACHE_S
    assert credentials("beta")["api_key"] == "one"
    watch.now = CACHE_S + 1
    assert credentials("beta")["api_key"] == "two"


@pytest.mark.parametrize("text", ["", "{}"])
def test_empty_secret_is_not_set_up(text: str) -> None:
    """The stack creates it like this."""
    assert _credentials(_Secrets(s1=text), _Watch())("beta") == {}


def test_provider_without_a_secret_is_not_set_up() -> None:
    """Secrets Manager is not called."""
    store = _Secrets()
    assert _credentials(store, _Watch())("gamma") == {}
    assert store.reads == 0


def test_numbers_in_a_secret_become_text() -> None:
    """A number in a secret stands for its digits."""
    assert _credentials(_Secrets(s1='{"id": 7}'), _Watch())("beta") == {"id": "7"}


def test_secret_is_reread_after_a_refused_key() -> None:
    """Earlier than the cache expires, but not after every refusal."""
    store, watch = _Secrets(s1='{"api_key": "one"}'), _Watch()
    credentials = _credentials(store, watch)
    credentials("beta")
    store.secrets["s1"] = '{"api_key": "two"}'
    watch.now = MIN_REREAD_S
    assert credentials.reread("beta")["api_key"] == "one"
    watch.now = MIN_REREAD_S + 1
    assert credentials.reread("beta")["api_key"] == "two"
    assert credentials("beta")["api_key"] == "two"
    assert store.reads == 2


def test_empty_secret_is_cached_for_a_shorter_time() -> None:
    """A user who sets a key does not wait for minutes."""
    store, watch = _Secrets(s1="{}"), _Watch()
    credentials = _credentials(store, watch)
    assert credentials("beta") == {}
    store.secrets["s1"] = '{"api_key": "one"}'
    watch.now = CACHE_UNUSABLE_S + 1
    assert credentials("beta") == {"api_key": "one"}


@pytest.mark.parametrize(
    "text", ["sk-plain-key-123456", " sk-plain-key-123456\n", '"sk-plain-key-123456"']
)
def test_bare_key_is_the_api_key(text: str) -> None:
    """Users paste it like that."""
    assert _credentials(_Secrets(s1=text), _Watch())("beta") == {"api_key": "sk-plain-key-123456"}


def test_bare_key_may_consist_of_digits() -> None:
    """Although it is valid JSON."""
    assert _credentials(_Secrets(s1="1234567890"), _Watch())("beta") == {"api_key": "1234567890"}


def test_null_value_is_not_a_field() -> None:
    """It would be sent as the text "None"."""
    text = '{"api_key": null, "user": true, "more": {}}'
    assert _credentials(_Secrets(s1=text), _Watch())("beta") == {}


@pytest.mark.parametrize(
    "text",
    ["[]", '{"api_key": "sk-plain', "api_key=sk-plain", "api_key: sk-plain", "true", "'sk-plain'"],
)
def test_secret_of_another_form_blocks_the_account(text: str) -> None:
    """The message names the secret and does not show it."""
    with pytest.raises(AccountBlocked, match="The secret s1 holds no JSON object") as error:
        _credentials(_Secrets(s1=text), _Watch())("beta")
    assert error.value.failure.code == "not-set-up"
    assert "sk-plain" not in str(error.value)


def test_binary_secret_blocks_the_account() -> None:
    """The console offers binary secrets."""
    with pytest.raises(AccountBlocked, match="holds bytes"):
        _credentials(_BinarySecrets(), _Watch())("beta")


@pytest.mark.parametrize(
    "code",
    [
        "ResourceNotFoundException",
        "AccessDeniedException",
        "DecryptionFailure",
        "InvalidRequestException",
    ],
)
def test_unreadable_secret_blocks_the_account(code: str) -> None:
    """Only a change of the set-up helps; the error is cached for a moment."""
    store = _FailingSecrets(code)
    credentials = _credentials(store, _Watch())
    for _ in range(2):
        with pytest.raises(AccountBlocked, match="The secret s1") as error:
            credentials("beta")
        assert error.value.failure.code == "not-set-up"
    assert store.reads == 1


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServiceError", None])
def test_transient_error_is_own_trouble(code: str | None) -> None:
    """The provider may be set up; None stands for a missing response."""
    with pytest.raises(OwnTrouble):
        _credentials(_FailingSecrets(code), _Watch())("beta")


def test_transient_error_keeps_the_cached_key() -> None:
    """The cached key may still be valid."""
    store, watch = _FailingSecrets("ThrottlingException", s1='{"api_key": "one"}'), _Watch()
    credentials = _credentials(store, watch)
    store.well = True
    credentials("beta")
    store.well, watch.now = False, 10 * CACHE_S
    assert credentials("beta") == {"api_key": "one"}
