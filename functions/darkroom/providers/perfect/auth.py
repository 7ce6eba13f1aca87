"""Perfect's sign-in: builds the `id_token` that is exchanged for an access token.

As the vendor's API document says (Perfect AI API 2.0, "Authenticate and obtain access_token"): the
text `client_id=...&timestamp=...` (milliseconds), encrypted with the `client_secret`, which is an
RSA public key. The padding is PKCS#1 v1.5, as the vendor's customers found; it is random, so two
tokens of the same millisecond differ. This module stores and sends nothing.
"""

import base64
import re

from darkroom.domain.errors import AccountBlocked

_PEM_LINES = re.compile(r"-----[A-Z ]+-----|\\n|\s")


def build_id_token(client_id: str, client_secret: str, now_ms: int) -> str:
    """The token as one line of base64.

    Args:
        client_id: the name of the API key.
        client_secret: base64 of an X.509 SubjectPublicKeyInfo, as the vendor's console shows it;
            the text of a PEM file is accepted too, on one line or several.
        now_ms: milliseconds since 1970.

    Raises:
        AccountBlocked: `bad-credentials`; the secret is not such a key, or too short for the id.
    """
    # Importing it takes longer than all other imports of the providers together.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    text = _PEM_LINES.sub("", client_secret)
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
        if not isinstance(key, RSAPublicKey):
            raise _bad_key()
        encrypted = key.encrypt(f"client_id={client_id}&timestamp={now_ms}".encode(), PKCS1v15())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad_key() from error
    return base64.b64encode(encrypted).decode()


def _bad_key() -> AccountBlocked:
    return AccountBlocked(
        "bad-credentials", "The client_secret for Perfect Corp is not an RSA public key in base64."
    )
