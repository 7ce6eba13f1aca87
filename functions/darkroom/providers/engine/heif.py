"""The size of a HEIC or AVIF image as displayed, from its item properties (ISO/IEC 23008-12).

imagesize 2.0.1 fails on every rotated image of these formats: it takes `irot` for a longer box than
it is. Exif rotates nothing here: by the standard its orientation is for information only.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Final

_MAX_BYTES: Final = 1 << 20
"""Of the `meta` box. A phone's image of 48 tiles has about 4,000."""
_MAX_BOXES: Final = 1000


def heif_size(body: BinaryIO) -> tuple[int, int] | None:
    """Width and height of the primary image, rotated as `irot` says; None if they are missing."""
    try:
        meta = dict(_boxes(_meta(body)[4:]))
        properties = dict(_boxes(meta[b"iprp"]))
        width = height = 0
        quarter_turns = 0
        known = [*_boxes(properties[b"ipco"])]
        for number in _property_numbers(properties[b"ipma"], _primary_item(meta)):
            name, content = known[number - 1] if 0 < number <= len(known) else (b"", b"")
            if name == b"ispe":
                _version, width, height = struct.unpack_from(">III", content)
            elif name == b"irot":
                quarter_turns = content[0] & 3
    except (struct.error, LookupError):  # it ends too early, or a box is missing
        return None
    if not (width and height):
        return None
    return (height, width) if quarter_turns % 2 else (width, height)


def _meta(body: BinaryIO) -> bytes:
    """The content of the `meta` box; empty if it is missing or too long."""
    offset = 0
    for _ in range(_MAX_BOXES):
        body.seek(offset)
        size, name = struct.unpack(">I4s", body.read(8))
        header = 8
        if size == 1:
            (size,), header = struct.unpack(">Q", body.read(8)), 16
        if name == b"meta":
            return body.read(size - header) if header < size <= _MAX_BYTES else b""
        if size < header:
            break
        offset += size
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every box in these bytes: its name and content."""
    offset = 0
    while offset + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, offset)
        if size < 8:  # noqa: PLR2004 - its own header
            return
        yield name, data[offset + 8 : offset + size]
        offset += size


def _primary_item(meta: Mapping[bytes, bytes]) -> int:
    box = meta[b"pitm"]
    (number,) = struct.unpack_from(">H" if box[0] == 0 else ">I", box, 4)
    return int(number)


def _property_numbers(box: bytes, wanted: int) -> Sequence[int]:
    """The properties of an item, counted from 1, in the order in which they apply."""
    item, size = (">H", 2) if box[0] == 0 else (">I", 4)
    is_wide = box[3] & 1
    (count,) = struct.unpack_from(">I", box, 4)
    offset = 8
    for _ in range(count):
        (number,) = struct.unpack_from(item, box, offset)
        count_of_properties = box[offset + size]
        offset += size + 1
        form = f">{count_of_properties}{'H' if is_wide else 'B'}"
        found = struct.unpack_from(form, box, offset)
        if number == wanted:
            return [one & (0x7FFF if is_wide else 0x7F) for one in found]
        offset += struct.calcsize(form)
    return ()
