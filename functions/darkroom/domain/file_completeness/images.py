"""Where image files end: PNG, JPEG, GIF, BMP, TIFF."""

import re
from collections.abc import Iterator

from darkroom.domain.file_completeness.reader import MalformedError, Reader

_CHUNK = 64 * 1024
_MARKER = re.compile(rb"\xff+[^\x00\xff]", re.DOTALL)
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG markers without a length: TEM, RST0 to RST7, SOI."""
_EOI = 0xD9

_EXTENSION, _IMAGE, _TRAILER, _PADDING = 0x21, 0x2C, 0x3B, 0x00
_TABLE = 0x80
"""The bit for a following color table; the three lowest bits are its size."""

_TYPES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""TIFF's field types and their sizes in bytes."""
_PIECES = ((273, 279), (324, 325), (513, 514))
"""TIFF's tags for the positions and lengths of image data: strips, tiles, a JPEG."""
_MAX_IMAGES = 10_000
_AT_ONCE = 4096

_CORE = 12
"""The size of the oldest BMP header, whose numbers have two bytes."""
_UNPACKED = frozenset({0, 3, 6})
"""BMP's compressions in which the data size follows from width and height."""


def png(file: Reader) -> bool:
    """Chunks up to IEND, its checksum included (W3C PNG, 5.3)."""
    file.skip(8)
    while True:
        length, kind = file.number(4), file.take(4)
        if not kind.isalpha():
            raise MalformedError
        file.skip(length + 4)
        if kind == b"IEND":
            return True


def jpeg(file: Reader) -> bool:
    """Segments by their lengths, and the coded image, up to EOI (ITU-T T.81, B.1.1)."""
    file.skip(2)
    while True:
        marker = _next_marker(file)
        if marker == _EOI:
            return True
        if marker in _ALONE:
            continue
        length = file.number(2)
        if length < 2:  # noqa: PLR2004 - it counts itself
            raise MalformedError
        file.skip(length - 2)


def _next_marker(file: Reader) -> int:
    """The next marker; the coded image and stray bytes before it are skipped."""
    much = 2
    while True:
        start = file.at
        piece = file.take(min(much, max(2, file.left)))
        much = _CHUNK
        found = _MARKER.search(piece)
        if found:
            file.go(start + found.end())
            return piece[found.end() - 1]
        if file.left:
            file.go(file.at - 1)  # the two bytes of a marker may lie in two pieces


def gif(file: Reader) -> bool:
    """Blocks up to the trailer (GIF89a, 27)."""
    file.skip(10)
    _skip_colors(file, file.number(1), 2)
    while True:
        block = file.number(1)
        if block == _TRAILER:
            return True
        if block == _EXTENSION:
            file.skip(1)
        elif block == _IMAGE:
            file.skip(8)
            _skip_colors(file, file.number(1), 1)
        elif block == _PADDING:
            continue
        else:
            raise MalformedError
        while length := file.number(1):
            file.skip(length)


def _skip_colors(file: Reader, flags: int, more: int) -> None:
    """Skip a color table, and `more` bytes before or after it."""
    colors = 3 * 2 ** ((flags & 7) + 1) if flags & _TABLE else 0
    file.skip(colors + more)


def bmp(file: Reader) -> bool | None:
    """Rows of pixels by the header's width and height; else the header's file size."""
    file.skip(2)
    declared = file.number(4, "little")
    file.skip(4)
    start, header = file.number(4, "little"), file.number(4, "little")
    if header == _CORE:
        width, height = file.number(2, "little"), file.number(2, "little")
        file.skip(2)
        bits, packing = file.number(2, "little"), 0
    else:
        width, height = _signed(file), abs(_signed(file))
        file.skip(2)
        bits, packing = file.number(2, "little"), file.number(4, "little")
    if packing in _UNPACKED and width > 0:
        file.need(start + (width * bits + 31) // 32 * 4 * height)
        return True
    file.need(declared)
    return True if declared else None


def _signed(file: Reader) -> int:
    return int.from_bytes(file.take(4), "little", signed=True)


def tiff(file: Reader) -> bool:
    """Every directory, every value, and all data of every image (TIFF 6.0, 2)."""
    order = "little" if file.take(2) == b"II" else "big"
    file.skip(2)
    place = file.number(4, order)
    found = False
    for _ in range(_MAX_IMAGES):
        if place == 0 and found:
            return True
        if place == 0:
            break
        file.go(place)
        fields = {}
        for _ in range(file.number(2, order)):
            tag, kind = file.number(2, order), file.number(2, order)
            count, value = file.number(4, order), file.take(4)
            fields[tag] = (kind, count, value)
        place = file.number(4, order)
        following = file.at
        _need_values(file, fields, order)
        found = found or any(where in fields for where, _ in _PIECES)
        file.go(following)
    raise MalformedError


def _need_values(file: Reader, fields: dict[int, tuple[int, int, bytes]], order: str) -> None:
    for kind, count, value in fields.values():
        size = _TYPES.get(kind, 0) * count
        if size > 4:  # noqa: PLR2004 - longer values are stored elsewhere
            file.need(_number(value, order) + size)
    for where, how_long in _PIECES:
        if where in fields and how_long in fields:
            starts, lengths = (_values(file, *fields[tag], order) for tag in (where, how_long))
            for start, length in zip(starts, lengths, strict=False):
                file.need(start + length)


def _values(file: Reader, kind: int, count: int, value: bytes, order: str) -> Iterator[int]:
    """The numbers of a field, a few thousand at a time."""
    size = _TYPES.get(kind, 0)
    if size not in (2, 4):
        return
    if size * count <= len(value):
        yield from _split(value[: size * count], size, order)
        return
    place = _number(value, order)
    for done in range(0, count, _AT_ONCE):
        file.go(place + done * size)
        yield from _split(file.take(min(_AT_ONCE, count - done) * size), size, order)


def _split(body: bytes, size: int, order: str) -> Iterator[int]:
    return (_number(body[at : at + size], order) for at in range(0, len(body), size))


def _number(body: bytes, order: str) -> int:
    return int.from_bytes(body, "little" if order == "little" else "big")
