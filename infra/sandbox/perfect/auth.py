"""Who calls: the account's key pair, the encrypted `id_token`, and the access tokens made from it.

From "Authenticate and obtain access_token" in the vendor's document: the client encrypts
`client_id=<id>&timestamp=<ms>` with the public key that it holds as `client_secret`, and gets a
token for two hours. That the padding is PKCS#1 v1.5 and the key has 1024 bits is what working
clients do; the sample in the document has the length of such a key.
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
# The vendor documents no window; without one an `id_token` that leaked would be good for ever.
TIMESTAMP_WINDOW_S = 15 * 60.0

_PLAINTEXT = re.compile(r"client_id=(?P<client_id>.*)&timestamp=(?P<millis>[0-9]{1,16})")


def client_secret() -> str:
    """Return the public key as the vendor hands it out: X.509 DER as one line of base64."""
    public = _key_pair().public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


class Tokens:
    """Checks `id_token`s and knows which access tokens are good."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._good_until: dict[str, float] = {}
        self._lock = threading.Lock()

    def issue(self, client_id: str, id_token: str) -> str | None:
        """Return a new access token, None when the client does not prove who it is."""
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
            kept = {one: until for one, until in self._good_until.items() if until > now}
            self._good_until = kept | {token: now + TOKEN_LIFETIME_S}
        return token

    def is_good(self, token: str) -> bool:
        """Tell whether a token was issued here and has not expired."""
        with self._lock:
            return self._good_until.get(token, 0.0) > self._clock.now()

    def _is_fresh(self, signed_at: float) -> bool:
        # A client knows the real time only, also after this sandbox's clock was moved ahead.
        times = (self._clock.now(), self._clock.real())
        return any(abs(signed_at - at) <= TIMESTAMP_WINDOW_S for at in times)


@functools.cache
def _key_pair() -> rsa.RSAPrivateKey:
    """Make the pair once per process: a client keeps its secret while a sandbox is restarted."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _decrypt(id_token: str) -> str:
    """Return the plaintext; something that fits no pattern when it cannot be decrypted."""
    try:
        ciphertext = base64.b64decode(id_token, validate=True)
        # A wrong ciphertext may not raise: OpenSSL then gives random bytes instead of an answer
        # that would tell an attacker something. The caller looks at the text in any case.
        return _key_pair().decrypt(ciphertext, padding.PKCS1v15()).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
