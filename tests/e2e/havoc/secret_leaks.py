"""The secrets that were in use, and the search for them where none may appear.

Keys come from the sandboxes' credentials; tokens and URLs come from the recorded requests, so that
the search is for values that were really used. It looks for each secret as it is, URL-encoded,
escaped for JSON (also for JSON inside JSON), and in base64 at every alignment.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from tests.e2e.havoc.recording_proxy import Exchange
from tests.e2e.havoc.request_kinds import RESULTS, UPLOADED_FILES, matches_any

MIN_COUNT: Final = 16
"""Characters; a shorter text could appear by chance."""
KINDS: Final = (
    "api key",
    "client secret",
    "id token",
    "access token",
    "upload address",
    "result address",
    "signed S3 address",
)
ADDRESS: Final = re.compile(rb"https?:(?://|\\/\\/)127\.0\.0\.1:\d+[^\s\"'<>]+")
# "Signature" is S3's signature version 2, which boto3 still uses by default.
OF_S3: Final = frozenset({"X-Amz-Signature", "Signature"})
SIGNATURES: Final = OF_S3 | {"signature"}


@dataclass(frozen=True)
class Secret:
    """A text that may appear nowhere."""

    kind: str
    text: str

    def forms(self) -> frozenset[str]:
        """The text in every encoding in which it could appear, without backslashes."""
        quoted = quote(self.text, safe="")
        return frozenset(
            {
                self.text,
                self.text.replace("&", "u0026"),
                quoted,
                re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quoted),
                quote(quoted, safe=""),
                *_in_base64(self.text),
            }
        )


def read_secrets(
    credentials: Mapping[str, Mapping[str, str]], exchanges: Iterable[Exchange]
) -> list[Secret]:
    """Every secret of a run: credentials of the called sandboxes, and recorded tokens and URLs."""
    found: dict[Secret, None] = {}
    for exchange in exchanges:
        for name, value in credentials[exchange.provider].items():
            kind = "client secret" if name == "client_secret" else "api key"
            sent = value in exchange.headers.values() or exchange.path.endswith("/client/auth")
            if sent and name != "client_id":
                found[Secret(kind, value)] = None
        for secret in (*_tokens(exchange), *_addresses(exchange)):
            if len(secret.text) >= MIN_COUNT:
                found[secret] = None
    return list(found)


def missing(secrets: Iterable[Secret]) -> list[str]:
    """The kinds of which none was in use: the search proves nothing about them."""
    used = {secret.kind for secret in secrets}
    return [f"no {kind} was in use" for kind in KINDS if kind not in used]


def find_leaks(
    secrets: Iterable[Secret], documents: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Place and kind of every secret that appears in a document."""
    # Without backslashes, so that it does not matter how often a text was encoded as JSON.
    plain = [(place, text.replace("\\", "")) for place, text in documents]
    all_text = "\n".join(text for _, text in plain)
    found = set()
    for secret in secrets:
        for form in secret.forms():
            if form in all_text:
                found |= {(place, secret.kind) for place, text in plain if form in text}
    return sorted(found)


def _tokens(exchange: Exchange) -> Iterator[Secret]:
    scheme, _, token = exchange.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield Secret("access token", token.strip())
    if exchange.path.endswith("/client/auth"):
        for kind, body in (("id token", exchange.body), ("access token", exchange.answer)):
            name = kind.replace(" ", "_").encode()
            for match in re.finditer(rb'"' + name + rb'":\s*"([^"]+)"', body):
                yield Secret(kind, match[1].decode())


def _addresses(exchange: Exchange) -> Iterator[Secret]:
    for place in (exchange.answer, exchange.body):
        if len(place) > 1 << 20 or b"\0" in place:
            continue  # an image
        for match in ADDRESS.finditer(place):
            address = match[0].decode("latin-1").replace("\\/", "/").replace("\\u0026", "&")
            yield from _secrets_of(address)


def _secrets_of(address: str) -> Iterator[Secret]:
    parts = urlsplit(address.rstrip("\\"))
    query = dict(parse_qsl(parts.query))
    if OF_S3 & query.keys():
        kind = "signed S3 address"
    elif matches_any(RESULTS.values(), parts.path):
        kind = "result address"
    elif matches_any(UPLOADED_FILES, parts.path):
        kind = "upload address"
    else:
        return
    signatures = [value for name, value in query.items() if name in SIGNATURES]
    for signature in signatures:
        yield Secret(kind, signature)
    if signatures:
        yield Secret(kind, f"{parts.path}?{parts.query}")
    else:
        # An unsigned URL is secret itself: everyone who knows the path can read the file.
        yield Secret(kind, parts.path.rpartition(".")[0])


def _in_base64(text: str) -> Iterator[str]:
    data = text.encode()
    for shift in range(3):
        whole = (len(data) + shift) // 3 * 4
        # The first and the last characters depend on the bytes beside the text.
        encoded = base64.b64encode(b"\0" * shift + data)[(0, 2, 3)[shift] : whole].decode()
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")
