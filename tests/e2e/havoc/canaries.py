"""Secrets that were really in use, and the search for them where none may stand.

Keys come from the sandboxes' credentials; tokens and addresses are read off the wire, so that what
is looked for is what was there. Each is looked for as it is, URL-encoded, escaped for JSON (also
for JSON inside JSON), and in base64 at every alignment.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from tests.e2e.havoc.places import RESULTS, UPLOADED, lies_in
from tests.e2e.havoc.wire import Exchange

MIN_COUNT: Final = 16
"""Characters; a shorter text could stand somewhere by chance."""
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
# "Signature" is version 2 of S3's own, which boto3 still makes where it is not told otherwise.
OF_S3: Final = frozenset({"X-Amz-Signature", "Signature"})
SIGNATURES: Final = OF_S3 | {"signature"}


@dataclass(frozen=True)
class Canary:
    """A text that may stand nowhere."""

    kind: str
    text: str

    def forms(self) -> frozenset[str]:
        """The text in every form in which it could stand somewhere, but for backslashes."""
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


def read_canaries(
    credentials: Mapping[str, Mapping[str, str]], exchanges: Iterable[Exchange]
) -> list[Canary]:
    """Every secret of a run: those of the sandboxes that were called, and what went over wires."""
    found: dict[Canary, None] = {}
    for exchange in exchanges:
        for name, value in credentials[exchange.provider].items():
            kind = "client secret" if name == "client_secret" else "api key"
            sent = value in exchange.headers.values() or exchange.path.endswith("/client/auth")
            if sent and name != "client_id":
                found[Canary(kind, value)] = None
        for canary in (*_tokens(exchange), *_addresses(exchange)):
            if len(canary.text) >= MIN_COUNT:
                found[canary] = None
    return list(found)


def missing(canaries: Iterable[Canary]) -> list[str]:
    """The kinds of which not one was in use: nothing is proved of them."""
    used = {canary.kind for canary in canaries}
    return [f"no {kind} was in use" for kind in KINDS if kind not in used]


def find_canaries(
    canaries: Iterable[Canary], documents: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Place and kind of every secret that stands in a document."""
    # Without backslashes, so that it does not matter how often a text was put into JSON.
    plain = [(place, text.replace("\\", "")) for place, text in documents]
    everything = "\n".join(text for _, text in plain)
    found = set()
    for canary in canaries:
        for form in canary.forms():
            if form in everything:
                found |= {(place, canary.kind) for place, text in plain if form in text}
    return sorted(found)


def _tokens(exchange: Exchange) -> Iterator[Canary]:
    scheme, _, token = exchange.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield Canary("access token", token.strip())
    if exchange.path.endswith("/client/auth"):
        for kind, body in (("id token", exchange.body), ("access token", exchange.answer)):
            name = kind.replace(" ", "_").encode()
            for match in re.finditer(rb'"' + name + rb'":\s*"([^"]+)"', body):
                yield Canary(kind, match[1].decode())


def _addresses(exchange: Exchange) -> Iterator[Canary]:
    for place in (exchange.answer, exchange.body):
        if len(place) > 1 << 20 or b"\0" in place:
            continue  # a picture, not words
        for match in ADDRESS.finditer(place):
            address = match[0].decode("latin-1").replace("\\/", "/").replace("\\u0026", "&")
            yield from _secrets_of(address)


def _secrets_of(address: str) -> Iterator[Canary]:
    parts = urlsplit(address.rstrip("\\"))
    query = dict(parse_qsl(parts.query))
    if OF_S3 & query.keys():
        kind = "signed S3 address"
    elif lies_in(RESULTS.values(), parts.path):
        kind = "result address"
    elif lies_in(UPLOADED, parts.path):
        kind = "upload address"
    else:
        return
    signatures = [value for name, value in query.items() if name in SIGNATURES]
    for signature in signatures:
        yield Canary(kind, signature)
    if signatures:
        yield Canary(kind, f"{parts.path}?{parts.query}")
    else:
        # Where nothing is signed, whoever knows the path has the file.
        yield Canary(kind, parts.path.rpartition(".")[0])


def _in_base64(text: str) -> Iterator[str]:
    data = text.encode()
    for shift in range(3):
        whole = (len(data) + shift) // 3 * 4
        # The first characters and the last depend on what stands beside the text.
        encoded = base64.b64encode(b"\0" * shift + data)[(0, 2, 3)[shift] : whole].decode()
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")
