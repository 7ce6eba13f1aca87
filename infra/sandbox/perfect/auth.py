"""Authentication: the account's key pair, the encrypted `id_token`, and the access tokens.

From "Authenticate and obtain access_token" in the vendor's document: the client encrypts
`client_id=<id>&timestamp=<ms>` with the public key that it has as `client_secret`, and gets a token
for two hours. PKCS#1 v1.5 padding and a key of 1024 bits are what working clients use; the sample
in the document has the length of such a key.
"""

import base64
import binascii
import functools
import re
import secrets
import threading

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.sandbox.clock import Clock

CLIENT_ID = "SandboxPerfectClient000000000000"
KEY_BITS = 1024
TOKEN_LIFETIME_S = 2 * 3600.0
# A guess: the vendor documents no window. Without one a leaked `id_token` would never expire.
TIMESTAMP_WINDOW_S = 15 * 60.0

_PLAINTEXT = re.compile(r"client_id=(?P<client_id>.*)&timestamp=(?P<millis>[0-9]{1,16})")


def client_secret() -> str:
    """Return the public key in the vendor's format: X.509 DER as one line of base64."""
    public = _key_pair().public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


class AccessTokens:
    """Issues access tokens for valid `id_token`s, and checks them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expires_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def issue(self, client_id: str, id_token: str) -> str | None:
        """Return a new access token, None when the client's proof is not valid."""
        if client_id != CLIENT_ID:
            return None
        found = _PLAINTEXT.fullmatch(_decrypt(id_token))
        if found is None or found["client_id"] != client_id:
            return None
        if not self._is_fresh(int(found["millis"]) / 1000):
            return None
        token = secrets.token_urlsafe(48)
        now = self._clock.now()
        with self._lock:
            kept = {one: until for one, until in self._expires_at.items() if until > now}
            self._expires_at = kept | {token: now + TOKEN_LIFETIME_S}
        return token

    def is_valid(self, token: str) -> bool:
        """Whether a token was issued here and has not expired."""
        with self._lock:
            return self._expires_at.get(token, 0.0) > self._clock.now()

    def _is_fresh(self, signed_at: float) -> bool:
        # A client signs with the real time, even if this sandbox's clock was moved ahead.
        times = (self._clock.now(), self._clock.real())
        return any(abs(signed_at - at) <= TIMESTAMP_WINDOW_S for at in times)


@functools.cache
def _key_pair() -> rsa.RSAPrivateKey:
    """Generate the pair once per process, so that a restarted sandbox accepts the same secret."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _decrypt(id_token: str) -> str:
    """Return the plaintext, or a text that matches no pattern when it cannot be decrypted."""
    try:
        ciphertext = base64.b64decode(id_token, validate=True)
        # A wrong ciphertext may not raise: OpenSSL then returns random bytes, so that an attacker
        # learns nothing. The caller checks the text in any case.
        return _key_pair().decrypt(ciphertext, padding.PKCS1v15()).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
