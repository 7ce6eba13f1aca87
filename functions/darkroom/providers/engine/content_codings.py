"""Undo the content codings of an answer while it streams; nobody asked for any, some come anyway.

A word in a header is not always true: what is not packed as it says is taken as it is, and what is
packed with gzip without a word is unpacked, too (no format of a result begins that way). So the
bytes decide, and the words only where the bytes cannot: `deflate` without a head of its own.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

import httpx

from darkroom.domain.media import HEAD_BYTES, sniff

_GZIP: Final = b"\x1f\x8b\x08"
_UNDONE: Final = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
_OTHERS: Final = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})
"""Codings that nothing here undoes. Other words (`identity`, `aws-chunked`, `utf-8`) are seen where
nothing is packed."""
_DOCUMENT: Final = re.compile(rb'\s{0,99}[{\[]\s{0,99}["{\[\]}]')
_MAX_CODINGS = 5
_PIECE = 64 * 1024


class PackedError(Exception):
    """The answer cannot be unpacked. Its text says why, as the rest of a sentence."""


class TooLargeError(Exception):
    """More comes out, or goes in, than is allowed."""


def unpacked(response: httpx.Response, most: int) -> Iterator[bytes]:
    """The answer's content, in pieces of at most 64 KB where it was packed.

    Args:
        response: its body is read here.
        most: how many bytes may come out of any of the codings; slightly more may go in.

    Raises:
        TooLargeError: more do.
        PackedError: it is packed in another way, or what is packed is broken or ends too early;
            what came out before has been passed on.
    """
    header = response.headers.get("content-encoding", "")
    words = [word.strip().lower() for word in header.split(",")]
    codings = [word for word in reversed(words) if word in _UNDONE or word in _OTHERS]
    if len(codings) > _MAX_CODINGS:
        raise PackedError(f"{len(codings)} times over")
    content: Iterator[bytes] = _limited(response.iter_raw(), most + most // 8 + 1024)
    for word in codings:
        source = _Source(content)
        if word in _OTHERS:
            if not _is_plain(source.ahead(HEAD_BYTES)):
                raise PackedError(f"as '{word}'")
            content = source
            continue
        undo = _gunzipped if _UNDONE[word] == "gzip" else _inflated
        content = _limited(undo(source), most)
    return _limited(_gunzipped(_Source(content)), most)


def _is_plain(head: bytes) -> bool:
    """Whether this is how a document or a result begins, and nothing that is packed."""
    return bool(_DOCUMENT.match(head)) or sniff(head) is not None


class _Source:
    """Pieces that can be looked at before they are taken."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._ahead = b""

    def ahead(self, count: int) -> bytes:
        """At least the next `count` bytes, where there are so many; they stay here."""
        while len(self._ahead) < count and (piece := next(self._pieces, None)) is not None:
            self._ahead += piece
        return self._ahead

    def put_back(self, body: bytes) -> None:
        """What was taken too much."""
        self._ahead = body + self._ahead

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece, self._ahead = self._ahead, b""
        return piece or next(self._pieces)


def _limited(content: Iterable[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for piece in content:
        size += len(piece)
        if size > most:
            raise TooLargeError
        yield piece


def _gunzipped(source: _Source) -> Iterator[bytes]:
    """Undo gzip, of any number of members; what does not begin like it is passed on as it is."""
    if source.ahead(3)[:3] != _GZIP:
        yield from source
        return
    while source.ahead(3)[:3] == _GZIP:
        yield from _undone(zlib.decompressobj(16 + zlib.MAX_WBITS), source)
    # What else there is pads it, as on tapes.


def _inflated(source: _Source) -> Iterator[bytes]:
    """Undo deflate, with the head that RFC 9110 asks for or without it."""
    head = source.ahead(2)
    # RFC 1950, 2.2: the method, and a number that 31 divides.
    headed = len(head) > 1 and head[0] & 15 == 8 and int.from_bytes(head[:2]) % 31 == 0  # noqa: PLR2004
    window = zlib.MAX_WBITS if headed else -zlib.MAX_WBITS
    try:
        zlib.decompressobj(window).decompress(source.ahead(_PIECE), _PIECE)
    except zlib.error:
        yield from source  # not packed at all
    else:
        yield from _undone(zlib.decompressobj(window), source)


def _undone(undoing: "zlib._Decompress", source: _Source) -> Iterator[bytes]:
    """One packed stream to its end; whatever follows stays in the source."""
    try:
        for piece in source:
            left, out = piece, b""
            while (left or len(out) == _PIECE) and not undoing.eof:
                out = undoing.decompress(left, _PIECE)
                left = undoing.unconsumed_tail
                yield out
            if undoing.eof:
                source.put_back(undoing.unused_data)
                return
    except zlib.error as error:
        raise PackedError("in a way that is broken") from error
    raise PackedError("and ends too early")
