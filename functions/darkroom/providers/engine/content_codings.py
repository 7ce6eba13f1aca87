"""Decodes the content codings of a response while it streams.

Requests ask for none (`Accept-Encoding: identity`), and some responses have one anyway. Their
`Content-Encoding` is not always true: a body that is not compressed as it says is taken as it is,
and a gzip body without the header is decompressed too (no format of a result begins like gzip). So
the bytes decide, and the header only where they cannot: `deflate` without a zlib header.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

import httpx

from darkroom.domain.media import HEAD_BYTES, sniff

_GZIP: Final = b"\x1f\x8b\x08"
_SUPPORTED: Final = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
_UNSUPPORTED: Final = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})
"""Codings without a decoder here. All other words (`identity`, `aws-chunked`, `utf-8`) were seen on
bodies that are not compressed."""
_DOCUMENT: Final = re.compile(rb'\s{0,99}[{\[]\s{0,99}["{\[\]}]')
_MAX_CODINGS = 5
_CHUNK_BYTES = 64 * 1024


class DecodingError(Exception):
    """The body cannot be decoded. Its text says why, as the rest of "compressed ..."."""


class TooLargeError(Exception):
    """The body is larger than allowed, encoded or decoded."""


def decode_content(response: httpx.Response, max_bytes: int) -> Iterator[bytes]:
    """The decoded body, in chunks; of at most 64 KB if it was compressed.

    Args:
        response: its body is read here.
        max_bytes: size limit of the output of every coding; the input may be slightly larger.

    Raises:
        TooLargeError: the body exceeds it.
        DecodingError: the coding is not supported, or the data is corrupt or ends too early. The
            chunks before the error have been yielded.
    """
    header = response.headers.get("content-encoding", "")
    words = [word.strip().lower() for word in header.split(",")]
    codings = [word for word in reversed(words) if word in _SUPPORTED or word in _UNSUPPORTED]
    if len(codings) > _MAX_CODINGS:
        raise DecodingError(f"{len(codings)} times")
    content: Iterator[bytes] = _limited(response.iter_raw(), max_bytes + max_bytes // 8 + 1024)
    for word in codings:
        source = _Source(content)
        if word in _UNSUPPORTED:
            if not _is_plain(source.ahead(HEAD_BYTES)):
                raise DecodingError(f"as '{word}'")
            content = source
            continue
        decode = _gunzip if _SUPPORTED[word] == "gzip" else _inflate
        content = _limited(decode(source), max_bytes)
    return _limited(_gunzip(_Source(content)), max_bytes)


def _is_plain(head: bytes) -> bool:
    """Whether a body begins like a JSON document or a result, and so is not compressed."""
    return bool(_DOCUMENT.match(head)) or sniff(head) is not None


class _Source:
    """Chunks that can be looked at before they are consumed."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._ahead = b""

    def ahead(self, count: int) -> bytes:
        """The next `count` bytes or more, fewer at the end; they are not consumed."""
        while len(self._ahead) < count and (chunk := next(self._chunks, None)) is not None:
            self._ahead += chunk
        return self._ahead

    def put_back(self, body: bytes) -> None:
        """Return bytes that belong to what follows."""
        self._ahead = body + self._ahead

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk, self._ahead = self._ahead, b""
        return chunk or next(self._chunks)


def _limited(content: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    size = 0
    for chunk in content:
        size += len(chunk)
        if size > max_bytes:
            raise TooLargeError
        yield chunk


def _gunzip(source: _Source) -> Iterator[bytes]:
    """Decompress gzip of any number of members; a body that is not gzip is passed on unchanged."""
    if source.ahead(3)[:3] != _GZIP:
        yield from source
        return
    while source.ahead(3)[:3] == _GZIP:
        yield from _decompress(zlib.decompressobj(16 + zlib.MAX_WBITS), source)
    # The rest is padding, as on tapes.


def _inflate(source: _Source) -> Iterator[bytes]:
    """Decompress deflate, with the zlib header that RFC 9110 requires or without it."""
    head = source.ahead(2)
    # RFC 1950, 2.2: the method is 8, and the first two bytes are a multiple of 31.
    has_header = len(head) > 1 and head[0] & 15 == 8 and int.from_bytes(head[:2]) % 31 == 0  # noqa: PLR2004
    window = zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
    try:
        zlib.decompressobj(window).decompress(source.ahead(_CHUNK_BYTES), _CHUNK_BYTES)
    except zlib.error:
        yield from source  # not compressed
    else:
        yield from _decompress(zlib.decompressobj(window), source)


def _decompress(decompressor: "zlib._Decompress", source: _Source) -> Iterator[bytes]:
    """Decompress one stream to its end; what follows it stays in the source."""
    try:
        for chunk in source:
            left, out = chunk, b""
            while (left or len(out) == _CHUNK_BYTES) and not decompressor.eof:
                out = decompressor.decompress(left, _CHUNK_BYTES)
                left = decompressor.unconsumed_tail
                yield out
            if decompressor.eof:
                source.put_back(decompressor.unused_data)
                return
    except zlib.error as error:
        raise DecodingError("with corrupt data") from error
    raise DecodingError("with data that ends too early")
