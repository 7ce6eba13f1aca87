"""How large a picture is when it is looked at: by its header, turned as its camera noted.

Nothing is decoded, and no more than one block of the file is in memory at any time.
"""

import struct
from typing import BinaryIO, Final

import imagesize

from darkroom.domain.media import AVIF, HEIC, PNG, WEBP, Media
from darkroom.providers.engine.heif import heif_size

_TURNED: Final = frozenset({5, 6, 7, 8})
"""Orientations in which width and height change places (Exif 2.3, 4.6.4)."""
_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
_BLOCK: Final = 1 << 16
_MAX_CHUNKS: Final = 100_000
"""More than a picture of some hundred megabytes has; a file of nothing else ends the search."""
_HEAD: Final = 8


def seen_size(body: BinaryIO, media: Media) -> tuple[int, int] | None:
    """Width and height as they are seen; None where the header does not say.

    Args:
        body: the file, at any place.
        media: what it is.
    """
    if media in (HEIC, AVIF):
        return heif_size(body)
    body.seek(0)
    # It turns JPEG and TIFF by itself, and knows nothing of Exif in the other two.
    width, height = imagesize.get(body)
    if width <= 0 or height <= 0:
        return None
    turned = media in (PNG, WEBP) and _orientation(_exif_of(body, media)) in _TURNED
    return (height, width) if turned else (width, height)


def _exif_of(body: BinaryIO, media: Media) -> bytes:
    """The beginning of what a PNG or a WebP says in Exif; nothing where it says nothing.

    Both are a head and then chunks: PNG (5.3) has length, name, data and four bytes more; WebP
    (RFC 9649, 2.3) has name, length and data, filled up to an even number.
    """
    place = 8 if media == PNG else 12
    for _ in range(_MAX_CHUNKS):
        body.seek(place)
        head = body.read(_HEAD)
        if len(head) < _HEAD:
            break
        if media == PNG:
            size, name = struct.unpack(">I4s", head)
            place += _HEAD + size + 4
        else:
            name, size = struct.unpack("<4sI", head)
            place += _HEAD + size + size % 2
        if name.upper() == b"EXIF":
            return body.read(min(size, _BLOCK)).removeprefix(b"Exif\0\0")
    return b""


def _orientation(exif: bytes) -> int | None:
    """What the first directory says (TIFF 6.0, section 2); None where it does not."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(count):
            place = start + 2 + 12 * entry
            tag, sort, number, value = struct.unpack_from(f"{order}HHIH", exif, place)
            if (tag, sort, number) == (_ORIENTATION, _SHORT, 1):
                return int(value)
    except struct.error:  # it ends before it has said all
        return None
    return None
