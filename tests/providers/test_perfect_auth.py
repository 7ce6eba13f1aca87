"""Perfect's sign-in by hand: the encrypted id, and what may come back for it."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from darkroom.domain.errors import AccountBlocked, DarkroomError, Throttled, Unclear
from darkroom.providers.adapter import Answer
from darkroom.providers.perfect.adapter import Perfect
from darkroom.providers.perfect.auth import build_id_token
from tests.fakes.run_adapter import answer_of, run
from tests.providers.perfect_bits import CLIENT, client_secret, private_key, told

NOW_MS = 1_736_500_000_000
HELD = {"client_id": CLIENT, "client_secret": client_secret()}


def opened(token: str) -> str:
    """What an id_token says to those who hold the private key."""
    return private_key().decrypt(base64.b64decode(token), padding.PKCS1v15()).decode()


def as_pem(lines: str) -> str:
    """The secret as a PEM file, with these line ends."""
    body = client_secret()
    cut = [body[at : at + 64] for at in range(0, len(body), 64)]
    return lines.join(["-----BEGIN PUBLIC KEY-----", *cut, "-----END PUBLIC KEY-----"])


@pytest.mark.parametrize("secret", [client_secret(), as_pem("\n"), as_pem("\\n"), as_pem("")])
def test_the_id_is_encrypted_for_the_vendor_alone(secret: str) -> None:
    """Id and milliseconds in the documented order, whichever way the key is written down."""
    token = build_id_token(CLIENT, secret, NOW_MS)
    assert opened(token) == f"client_id={CLIENT}&timestamp={NOW_MS}"
    assert "\n" not in token


def test_two_tokens_of_one_moment_differ() -> None:
    """The padding is random, so nobody learns from a token that it was used before."""
    assert len({build_id_token(CLIENT, client_secret(), NOW_MS) for _ in range(2)}) == 2


def _other_kind_of_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@pytest.mark.parametrize(
    "secret", ["sk-1234567890", "aGVsbG8=", "%%%", "x", _other_kind_of_key(), "-----BEGIN KEY-----"]
)
def test_a_secret_that_is_no_key_is_named_as_such(secret: str) -> None:
    """Before anything is sent, and without showing it."""
    with pytest.raises(AccountBlocked, match="RSA public key") as caught:
        next(Perfect().authorize({**HELD, "client_secret": secret}, NOW_MS))
    assert caught.value.failure.code == "bad-credentials"
    assert secret not in str(caught.value) or len(secret) == 1


def test_an_id_that_the_key_cannot_hold_is_refused() -> None:
    """1024 bits hold 117 bytes."""
    with pytest.raises(AccountBlocked, match="RSA public key"):
        build_id_token("x" * 100, client_secret(), NOW_MS)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (answer_of(400, {"status": 400}), AccountBlocked),
        (answer_of(401, {"status": 401, "error": "Unauthorized"}), AccountBlocked),
        (answer_of(403, {}), AccountBlocked),
        (answer_of(429, {"status": 429, "error": "Too many requests"}), Throttled),
        (answer_of(500, {}), Unclear),
        (Answer(200, {}, b"<html>"), Unclear),
        (told(), Unclear),
        (told(access_token=""), Unclear),
        (told(access_token=7), Unclear),
        (told(access_token="two\nlines"), Unclear),
    ],
)
def test_a_sign_in_that_gives_no_token_is_an_error(
    answer: Answer, kind: type[DarkroomError]
) -> None:
    """A refusal is about the credentials; what may pass is not."""
    with pytest.raises(kind) as caught:
        run(Perfect().authorize(HELD, NOW_MS), answer)
    assert kind is not AccountBlocked or caught.value.failure.code == "bad-credentials"
