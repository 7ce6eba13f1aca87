"""Credentials are read once and kept for a while; a provider without them is not set up."""

from typing import Any

import pytest

from darkroom.aws.credentials import KEEP_S, SecretCredentials


class _Secrets:
    """Secrets Manager with these secrets; counts reads."""

    def __init__(self, **secrets: str) -> None:
        self.secrets = secrets
        self.reads = 0

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        self.reads += 1
        return {"SecretString": self.secrets[SecretId]}


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


@pytest.mark.parametrize("text", ["[]", '"key"'])
def test_a_secret_of_another_shape_names_the_provider(text: str) -> None:
    """And does not show the secret."""
    with pytest.raises(TypeError, match="beta") as error:
        _credentials(_Secrets(s1=text), _Watch())("beta")
    assert text not in str(error.value)
