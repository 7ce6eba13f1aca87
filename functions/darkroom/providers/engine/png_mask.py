"""Whether a PNG mask selects anything, without an image library and in constant memory.

A mask is white where to edit and black where not. Two faults are found: black everywhere, and one
colour everywhere while the selection lies in the alpha channel.

No filter is undone. A filter (W3C PNG, 9.2) predicts each byte from its neighbours in the same
channel, so a channel of zeros is filtered to zeros, whatever the filter. And the filtered rows of a
picture with one value everywhere are known beforehand: they are compared.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal

MaskFault = Literal["black", "in-alpha"]

_PIECE: Final = 64 * 1024
_MAX_ROW_BYTES: Final = 4 * 1024 * 1024
_MAX_BYTES: Final = 512 * 1024 * 1024
"""A larger picture is not examined: it would take seconds."""
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Colour type -> channels: grey, RGB, palette, grey with alpha, RGBA."""
_ALPHA: Final = frozenset({4, 6})
_PALETTE: Final = 3
_DEPTHS: Final = frozenset({1, 2, 4, 8, 16})
_ADAM7: Final = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
"""Of each pass of an interlaced picture: the first column and row, and the steps (W3C PNG, 8.2)."""


class _UnknownError(Exception):
    """It is no PNG that can be read, or too large."""


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    @property
    def bits(self) -> int:
        """Of a pixel."""
        return self.depth * _CHANNELS[self.colour]

    @property
    def pixel_bytes(self) -> int:
        """As the filters count: at least one."""
        return max(1, self.bits // 8)

    def row_bytes(self, width: int) -> int:
        """Of a row of `width` pixels, without the filter's byte."""
        return (width * self.bits + 7) // 8

    @property
    def passes(self) -> list[tuple[int, int]]:
        """Width and height of every pass that has pixels."""
        if not self.interlaced:
            return [(self.width, self.height)]
        sizes = [
            (-(-(self.width - x) // dx), -(-(self.height - y) // dy)) for x, y, dx, dy in _ADAM7
        ]
        return [(width, height) for width, height in sizes if width > 0 and height > 0]


def mask_fault(body: BinaryIO) -> MaskFault | None:
    """Why the mask selects nothing; None if it does, or if that is not known.

    Args:
        body: a PNG, at any position.
    """
    try:
        return _fault(body)
    except (_UnknownError, zlib.error, struct.error, LookupError):
        return None


def _fault(body: BinaryIO) -> MaskFault | None:
    chunks = _chunks(body)
    name, data = next(chunks, (b"", b""))
    if name != b"IHDR":
        raise _UnknownError
    width, height, depth, colour = struct.unpack(">IIBB", data[:10])
    header = _Header(width, height, depth, colour, interlaced=data[12] == 1)
    if header.depth not in _DEPTHS or header.width == 0 or header.height == 0:
        raise _UnknownError
    if header.colour == _PALETTE:
        return _palette_fault(header, chunks)
    colours, alphas = _channels(header)
    black, same, opaque_alike = True, True, True
    step = header.pixel_bytes
    for row, expected in _rows(header, chunks):
        black = black and not any(row[place::step].strip(b"\0") for place in colours)
        if header.colour in _ALPHA:
            same = same and _alike(row, expected, colours, step)
            opaque_alike = opaque_alike and _alike(row, expected, alphas, step)
        if not black and (header.colour not in _ALPHA or not same):
            return None
    if header.colour in _ALPHA and same and not opaque_alike:
        return "in-alpha"
    return "black" if black else None


def _palette_fault(header: _Header, chunks: Iterator[tuple[bytes, bytes]]) -> MaskFault | None:
    """Of a picture with a palette: by its colours, or by the only one that it uses."""
    palette, alphas = b"", b""
    first = b""
    for name, data in chunks:
        if name == b"PLTE":
            palette = data
        elif name == b"tRNS":
            alphas = data
        elif name == b"IDAT":
            first = data
            break
    used = -1
    for row, expected in _rows(header, _after(first, chunks)):
        if row != expected:
            break
        if used < 0:
            used = row[0] >> (8 - header.depth)  # the first byte is what it is by every filter
    else:  # it uses one of its colours
        return "black" if palette[3 * used : 3 * used + 3] == bytes(3) else None
    if len({palette[at : at + 3] for at in range(0, len(palette), 3)}) > 1:
        return None
    if len(set(alphas.ljust(len(palette) // 3, b"\xff"))) > 1:
        return "in-alpha"
    return "black" if palette[:3] == bytes(3) else None


def _after(first: bytes, chunks: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    yield b"IDAT", first
    yield from chunks


def _channels(header: _Header) -> tuple[range, range]:
    """The places of a pixel's bytes: of its colours, and of its alpha."""
    if header.colour not in _ALPHA:
        return range(header.pixel_bytes), range(0)
    split = header.pixel_bytes - header.depth // 8
    return range(split), range(split, header.pixel_bytes)


def _alike(row: bytes, expected: bytes, places: range, step: int) -> bool:
    return all(row[place::step] == expected[place::step] for place in places)


def _rows(header: _Header, chunks: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Every filtered row, and what it would be if every pixel were like the first one."""
    if sum(header.row_bytes(width) * height for width, height in header.passes) > _MAX_BYTES:
        raise _UnknownError
    pieces = _inflated(chunks)
    buffer = bytearray()
    pixel = b""
    for width, height in header.passes:
        length = header.row_bytes(width)
        if length > _MAX_ROW_BYTES:
            raise _UnknownError
        expected: dict[tuple[int, bool], bytes] = {}
        for number in range(height):
            while len(buffer) <= length:
                buffer += next(pieces)
            method, row = buffer[0], bytes(buffer[1 : length + 1])
            del buffer[: length + 1]
            pixel = pixel or _first_pixel(header, row)
            case = method, number == 0
            if case not in expected:
                expected[case] = _expected(pixel, length, 8 * length - width * header.bits, *case)
            yield row, expected[case]


def _first_pixel(header: _Header, row: bytes) -> bytes:
    """The first pixel as bytes; below 8 bits, a byte that is full of it."""
    if header.depth >= 8:  # noqa: PLR2004 - whole bytes
        return row[: header.pixel_bytes]
    value = row[0] >> (8 - header.depth)
    return bytes([sum(value << shift for shift in range(0, 8, header.depth))])


def _expected(pixel: bytes, length: int, unused: int, method: int, first: bool) -> bytes:  # noqa: FBT001 - of `case`
    """A filtered row of a picture in which every pixel has this value (W3C PNG, 9.2).

    Of its last byte `unused` bits belong to no pixel; they are 0, as every encoder writes them.
    """
    zero = bytes(len(pixel))
    half = bytes((value - value // 2) & 0xFF for value in pixel)
    start, following = {
        0: (pixel, pixel),
        1: (pixel, zero),
        2: (pixel, pixel) if first else (zero, zero),
        3: (pixel, half) if first else (half, zero),
        4: (pixel, zero) if first else (zero, zero),
    }[method]
    row = (start + following * (length // len(pixel)))[:length]
    if not unused:
        return row
    last = pixel[0] >> unused << unused
    left, up = pixel[0] if length > 1 else 0, 0 if first else last
    corner = 0 if first else left
    distances = (abs(up - corner), abs(left - corner), abs(left + up - 2 * corner))
    paeth = (left, up, corner)[distances.index(min(distances))]
    guess = (0, left, up, (left + up) // 2, paeth)[method]
    return row[:-1] + bytes([(last - guess) & 0xFF])


def _inflated(chunks: Iterator[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """The image data, in pieces of at most `_PIECE` bytes. Raises `_UnknownError` at its end."""
    inflate = zlib.decompressobj()
    for name, data in chunks:
        if name != b"IDAT":
            continue
        rest = data
        while rest and not inflate.eof:
            piece = inflate.decompress(rest, _PIECE)
            rest = inflate.unconsumed_tail
            if piece:
                yield piece
        while not inflate.eof:
            piece = inflate.decompress(b"", _PIECE)
            if not piece:
                break
            yield piece
    raise _UnknownError


def _chunks(body: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Every chunk's name and data; image data in pieces, other data only where it is small."""
    body.seek(8)
    while len(head := body.read(8)) == 8:  # noqa: PLR2004 - length and name
        length, name = struct.unpack(">I4s", head)
        if name == b"IDAT":
            while length:
                data = body.read(min(length, _PIECE))
                if not data:
                    return
                length -= len(data)
                yield name, data
            body.seek(4, 1)
        elif length <= _PIECE:
            yield name, body.read(length)
            body.seek(4, 1)
        else:
            body.seek(length + 4, 1)
        if name == b"IEND":
            return
