"""The size of a HEIC or AVIF picture as it is seen, from its item properties (ISO/IEC 23008-12).

imagesize 2.0.1 gives up on every such picture that is turned: it takes `irot` for a longer box than
it is. Exif turns nothing here: by the standard its note is for information only.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Final

_MAX_BYTES: Final = 1 << 20
"""A telephone's picture of 48 tiles describes itself in four thousand."""
_MAX_BOXES: Final = 1000


def heif_size(body: BinaryIO) -> tuple[int, int] | None:
    """Width and height of the primary picture, turned as it says; None where that is not told."""
    try:
        meta = dict(_boxes(_meta(body)[4:]))
        properties = dict(_boxes(meta[b"iprp"]))
        width = height = 0
        turns = 0
        kept = [*_boxes(properties[b"ipco"])]
        for number in _numbers(properties[b"ipma"], _primary(meta)):
            name, told = kept[number - 1] if 0 < number <= len(kept) else (b"", b"")
            if name == b"ispe":
                _version, width, height = struct.unpack_from(">III", told)
            elif name == b"irot":
                turns = told[0] & 3
    except (struct.error, LookupError):  # it ends before it has said all, or does not say it
        return None
    if not (width and height):
        return None
    return (height, width) if turns % 2 else (width, height)


def _meta(body: BinaryIO) -> bytes:
    """What the file says of itself; nothing where that is not found, or is too long."""
    place = 0
    for _ in range(_MAX_BOXES):
        body.seek(place)
        size, name = struct.unpack(">I4s", body.read(8))
        head = 8
        if size == 1:
            (size,), head = struct.unpack(">Q", body.read(8)), 16
        if name == b"meta":
            return body.read(size - head) if head < size <= _MAX_BYTES else b""
        if size < head:
            break
        place += size
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each box in these bytes: its name and what is in it."""
    place = 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        if size < 8:  # noqa: PLR2004 - its own head
            return
        yield name, data[place + 8 : place + size]
        place += size


def _primary(meta: Mapping[bytes, bytes]) -> int:
    told = meta[b"pitm"]
    (number,) = struct.unpack_from(">H" if told[0] == 0 else ">I", told, 4)
    return int(number)


def _numbers(told: bytes, wanted: int) -> Sequence[int]:
    """Which properties an item has, counted from 1, in the order in which they apply."""
    item, size = (">H", 2) if told[0] == 0 else (">I", 4)
    wide = told[3] & 1
    (count,) = struct.unpack_from(">I", told, 4)
    place = 8
    for _ in range(count):
        (number,) = struct.unpack_from(item, told, place)
        several = told[place + size]
        place += size + 1
        form = f">{several}{'H' if wide else 'B'}"
        found = struct.unpack_from(form, told, place)
        if number == wanted:
            return [one & (0x7FFF if wide else 0x7F) for one in found]
        place += struct.calcsize(form)
    return ()
