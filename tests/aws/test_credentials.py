"""Credentials are read once and kept for a while; a provider without them is not set up."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from darkroom.aws.secrets_manager import KEEP_S, KEEP_USELESS_S, REREAD_S, SecretCredentials
from darkroom.domain.errors import AccountBlocked, OwnTrouble


class _Secrets:
    """Secrets Manager with these secrets; counts reads."""

    def __init__(self, **secrets: str) -> None:
        self.secrets = secrets
        self.reads = 0

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        self.reads += 1
        return {"SecretString": self.secrets[SecretId]}


class _Silent(_Secrets):
    """Holds bytes in place of a text."""

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        return {"SecretBinary": SecretId.encode()}


class _Failing(_Secrets):
    """Answers with an error, or not at all, until it is well."""

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


def test_a_secret_is_read_once_and_again_when_it_is_old() -> None:
    """A rotated key is seen within minutes."""
    store, watch = _Secrets(s1='{"api_key": "one"}'), _Watch()
    credentials = _credentials(store, watch)
    assert credentials("beta") == credentials("beta") == {"api_key": "one"}
    assert store.reads == 1

    store.secrets["s1"] = '{"api_key": "two"}'
    watch.now = KEEP_S
    assert credentials("beta")["api_key"] == "one"
    watch.now = KEEP_S + 1
    assert credentials("beta")["api_key"] == "two"


@pytest.mark.parametrize("text", ["", "{}"])
def test_an_empty_secret_is_not_set_up(text: str) -> None:
    """As the stack makes it."""
    assert _credentials(_Secrets(s1=text), _Watch())("beta") == {}


def test_a_provider_without_a_secret_is_not_set_up() -> None:
    """And nothing is asked of AWS."""
    store = _Secrets()
    assert _credentials(store, _Watch())("gamma") == {}
    assert store.reads == 0


def test_values_are_texts() -> None:
    """Whoever writes a number into the secret means its digits."""
    assert _credentials(_Secrets(s1='{"id": 7}'), _Watch())("beta") == {"id": "7"}


def test_a_refused_key_is_a_reason_to_read_the_secret_again() -> None:
    """Sooner than it would be by itself, but not with every refusal."""
    store, watch = _Secrets(s1='{"api_key": "one"}'), _Watch()
    credentials = _credentials(store, watch)
    credentials("beta")
    store.secrets["s1"] = '{"api_key": "two"}'
    watch.now = REREAD_S
    assert credentials.reread("beta")["api_key"] == "one"
    watch.now = REREAD_S + 1
    assert credentials.reread("beta")["api_key"] == "two"
    assert credentials("beta")["api_key"] == "two"
    assert store.reads == 2


def test_what_is_not_set_up_yet_is_soon_looked_at_again() -> None:
    """Whoever sets a key does not wait for minutes."""
    store, watch = _Secrets(s1="{}"), _Watch()
    credentials = _credentials(store, watch)
    assert credentials("beta") == {}
    store.secrets["s1"] = '{"api_key": "one"}'
    watch.now = KEEP_USELESS_S + 1
    assert credentials("beta") == {"api_key": "one"}


@pytest.mark.parametrize(
    "text", ["sk-plain-key-123456", " sk-plain-key-123456\n", '"sk-plain-key-123456"']
)
def test_a_bare_key_is_taken_for_the_api_key(text: str) -> None:
    """It is what people paste."""
    assert _credentials(_Secrets(s1=text), _Watch())("beta") == {"api_key": "sk-plain-key-123456"}


def test_a_bare_key_of_digits_is_one_too() -> None:
    """Though it is JSON."""
    assert _credentials(_Secrets(s1="1234567890"), _Watch())("beta") == {"api_key": "1234567890"}


def test_a_value_that_is_none_is_no_key() -> None:
    """It would be sent as the word."""
    text = '{"api_key": null, "user": true, "more": {}}'
    assert _credentials(_Secrets(s1=text), _Watch())("beta") == {}


@pytest.mark.parametrize(
    "text",
    ["[]", '{"api_key": "sk-plain', "api_key=sk-plain", "api_key: sk-plain", "true", "'sk-plain'"],
)
def test_a_secret_of_another_shape_sets_nobody_up(text: str) -> None:
    """It is named, and not shown."""
    with pytest.raises(AccountBlocked, match="The secret s1 holds no JSON object") as error:
        _credentials(_Secrets(s1=text), _Watch())("beta")
    assert error.value.failure.code == "not-set-up"
    assert "sk-plain" not in str(error.value)


def test_a_secret_of_bytes_is_told() -> None:
    """The console offers them."""
    with pytest.raises(AccountBlocked, match="holds bytes"):
        _credentials(_Silent(), _Watch())("beta")


@pytest.mark.parametrize(
    "code",
    [
        "ResourceNotFoundException",
        "AccessDeniedException",
        "DecryptionFailure",
        "InvalidRequestException",
    ],
)
def test_a_secret_that_cannot_be_read_sets_nobody_up(code: str) -> None:
    """Only people put that right; it is remembered for a moment."""
    store = _Failing(code)
    credentials = _credentials(store, _Watch())
    for _ in range(2):
        with pytest.raises(AccountBlocked, match="The secret s1") as error:
            credentials("beta")
        assert error.value.failure.code == "not-set-up"
    assert store.reads == 1


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServiceError", None])
def test_trouble_that_passes_is_our_own(code: str | None) -> None:
    """The provider is set up, for all that is known; None is no answer at all."""
    with pytest.raises(OwnTrouble):
        _credentials(_Failing(code), _Watch())("beta")


def test_trouble_that_passes_does_not_take_a_known_key_away() -> None:
    """It may well be good still."""
    store, watch = _Failing("ThrottlingException", s1='{"api_key": "one"}'), _Watch()
    credentials = _credentials(store, watch)
    store.well = True
    credentials("beta")
    store.well, watch.now = False, 10 * KEEP_S
    assert credentials("beta") == {"api_key": "one"}
