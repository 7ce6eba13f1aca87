"""Perfect's sign-in by hand: the encrypted id, and the possible responses."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from darkroom.domain.errors import AccountBlocked, DarkroomError, Throttled, Unclear
from darkroom.providers.adapter import Response
from darkroom.providers.perfect.adapter import Perfect
from darkroom.providers.perfect.auth import build_id_token
from tests.fakes.run_adapter import response_of, run
from tests.providers.perfect.builders import CLIENT, client_secret, private_key, result_response

NOW_MS = 1_736_500_000_000
HELD = {"client_id": CLIENT, "client_secret": client_secret()}


def opened(token: str) -> str:
    """The decrypted content of an id_token."""
    return private_key().decrypt(base64.b64decode(token), padding.PKCS1v15()).decode()


def as_pem(lines: str) -> str:
    """The secret as a PEM file, with these line ends."""
    body = client_secret()
    cut = [body[at : at + 64] for at in range(0, len(body), 64)]
    return lines.join(["-----BEGIN PUBLIC KEY-----", *cut, "-----END PUBLIC KEY-----"])


@pytest.mark.parametrize("secret", [client_secret(), as_pem("\n"), as_pem("\\n"), as_pem("")])
def test_id_is_encrypted_with_the_vendors_key(secret: str) -> None:
    """Id and milliseconds in the documented order, for every notation of the key."""
    token = build_id_token(CLIENT, secret, NOW_MS)
    assert opened(token) == f"client_id={CLIENT}&timestamp={NOW_MS}"
    assert "\n" not in token


def test_two_tokens_of_the_same_millisecond_differ() -> None:
    """The padding is random."""
    assert len({build_id_token(CLIENT, client_secret(), NOW_MS) for _ in range(2)}) == 2


def _other_kind_of_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@pytest.mark.parametrize(
    "secret", ["sk-1234567890", "aGVsbG8=", "%%%", "x", _other_kind_of_key(), "-----BEGIN KEY-----"]
)
def test_secret_that_is_not_a_key_is_reported(secret: str) -> None:
    """Before anything is sent, and without showing it."""
    with pytest.raises(AccountBlocked, match="RSA public key") as caught:
        next(Perfect().authorize({**HELD, "client_secret": secret}, NOW_MS))
    assert caught.value.failure.code == "bad-credentials"
    assert secret not in str(caught.value) or len(secret) == 1


def test_id_that_is_too_long_for_the_key_is_refused() -> None:
    """1024 bits hold 117 bytes."""
    with pytest.raises(AccountBlocked, match="RSA public key"):
        build_id_token("x" * 100, client_secret(), NOW_MS)


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (response_of(400, {"status": 400}), AccountBlocked),
        (response_of(401, {"status": 401, "error": "Unauthorized"}), AccountBlocked),
        (response_of(403, {}), AccountBlocked),
        (response_of(429, {"status": 429, "error": "Too many requests"}), Throttled),
        (response_of(500, {}), Unclear),
        (Response(200, {}, b"<html>"), Unclear),
        (result_response(), Unclear),
        (result_response(access_token=""), Unclear),
        (result_response(access_token=7), Unclear),
        (result_response(access_token="two\nlines"), Unclear),
        (result_response(access_token="t\u00f6ken"), Unclear),
    ],
)
def test_sign_in_without_a_token_is_an_error(response: Response, kind: type[DarkroomError]) -> None:
    """A refusal is about the credentials; a temporary failure is not."""
    with pytest.raises(kind) as caught:
        run(Perfect().authorize(HELD, NOW_MS), response)
    assert kind is not AccountBlocked or caught.value.failure.code == "bad-credentials"
