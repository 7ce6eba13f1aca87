"""Perfect's sign-in: the `id_token` that is traded for an access token.

As the vendor's API document says (Perfect AI API 2.0, "Authenticate and obtain access_token"): the
text `client_id=...&timestamp=...` (milliseconds), encrypted with the `client_secret`, which is an
RSA public key. Its padding is PKCS#1 v1.5, as the vendor's customers found; that padding is random,
so two tokens of one moment differ. Nothing here is kept or sent.
"""

import base64
import re

from darkroom.domain.errors import AccountBlocked

_ARMOUR = re.compile(r"-----[A-Z ]+-----|\\n|\s")


def build_id_token(client_id: str, client_secret: str, now_ms: int) -> str:
    """The token as one line of base64.

    Args:
        client_id: the name of the API key.
        client_secret: base64 of an X.509 SubjectPublicKeyInfo, as the vendor's console shows it;
            a PEM file's text is taken, too, in one line or several.
        now_ms: milliseconds since 1970.

    Raises:
        AccountBlocked: `bad-credentials`; the secret is no such key, or too short for the id.
    """
    # Loading it takes longer than everything else that a function imports for its providers.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    text = _ARMOUR.sub("", client_secret)
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
        if not isinstance(key, RSAPublicKey):
            raise _no_key()
        sealed = key.encrypt(f"client_id={client_id}&timestamp={now_ms}".encode(), PKCS1v15())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key() from error
    return base64.b64encode(sealed).decode()


def _no_key() -> AccountBlocked:
    return AccountBlocked(
        "bad-credentials", "The client_secret for Perfect Corp is not an RSA public key in base64."
    )
