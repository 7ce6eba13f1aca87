"""Credentials as they are typed or piped in: complete, of the right shape, never repeated."""

import json
from typing import Any

import click
import pytest

from darkroom.providers.registry import Adapters
from infra.cli.keys.read_key import check_value, parse_credentials, type_credentials
from infra.sandbox.perfect.auth import client_secret

SNAP = "sk-snap-0123456789"
ADAPTERS = Adapters()
SNAPAPI, PERFECT, GOAPI = (ADAPTERS[name] for name in ("snapapi", "perfect", "goapi"))


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_one_line_is_the_key(end: str) -> None:
    """The line break is of `echo`, and not of the key."""
    assert parse_credentials(SNAPAPI, f"{SNAP}{end}") == {"api_key": SNAP}


def test_pair_is_two_lines_or_an_object() -> None:
    """In the order in which it is asked for."""
    secret = client_secret()
    pair = {"client_id": "id-1", "client_secret": secret}
    assert parse_credentials(PERFECT, f"id-1\n{secret}\n") == pair
    assert parse_credentials(PERFECT, json.dumps(pair)) == pair


def test_public_key_may_be_the_text_of_a_pem_file() -> None:
    """With its line breaks."""
    secret = client_secret()
    lines = "\n".join(secret[start : start + 64] for start in range(0, len(secret), 64))
    pem = f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----"
    assert parse_credentials(PERFECT, f"id-1\n{pem}\n")["client_secret"] == pem


def test_each_credential_is_asked_for() -> None:
    """With its name and the vendor's."""
    asked = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "id-1" if "client_id" in prompt else client_secret()

    assert type_credentials(PERFECT, ask)["client_id"] == "id-1"
    assert asked == [f"client_id of {PERFECT.label}", f"client_secret of {PERFECT.label}"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        (f" {SNAP}", "begins or ends with a space"),
        (f"{SNAP}\t", "begins or ends with a space"),
        (f"{SNAP}\n\n", "begins or ends with a space or a line break"),
        ("sk-snap-01 23", "contains a space"),
        ("sk-snap-01\n23", "a line break, or a character that no key has"),
        ("sk-snap-\x1b[0m", "a character that no key has"),
        ("sk-snap-ключ", "a character that no key has"),
        ("afk_0123", "begins with sk-snap-"),
        ("sk-snap-" + "x" * 20_000, "longer than"),
    ],
)
def test_what_cannot_be_a_key_is_refused_and_not_repeated(value: str, why: str) -> None:
    """A terminal's history is no place for it."""
    with pytest.raises(click.ClickException) as caught:
        check_value(SNAPAPI, "api_key", value)
    assert why in caught.value.message
    assert value.strip() == "" or value.strip() not in caught.value.message


def test_secret_of_perfect_must_be_a_public_key() -> None:
    """As its documents say; of GoAPI's key they say nothing."""
    with pytest.raises(click.ClickException, match="is not an RSA public key"):
        check_value(PERFECT, "client_secret", "hunter2")
    assert check_value(GOAPI, "api_key", "whatever") == "whatever"


@pytest.mark.parametrize(
    ("adapter", "text", "why"),
    [
        (SNAPAPI, "", "api_key of SnapAPI is missing"),
        (PERFECT, "id-1\n", "client_secret of Perfect Corp is missing"),
        (PERFECT, '{"client_id": "id-1"}', "client_secret of Perfect Corp is missing"),
        (SNAPAPI, '{"api_key": "sk-snap-1"', "is not valid"),
        (SNAPAPI, '{"key": "sk-snap-1"}', "no credential key; there are api_key"),
        (SNAPAPI, '{"api_key": 7}', "must be a text"),
    ],
)
def test_incomplete_input_says_what_is_missing(adapter: Any, text: str, why: str) -> None:
    """And not what was there."""
    with pytest.raises(click.ClickException) as caught:
        parse_credentials(adapter, text)
    assert why in caught.value.message
    assert "sk-snap-1" not in caught.value.message
