"""The size of an image as displayed: from its header, rotated as its Exif orientation says.

No pixels are decoded, and at most one block of the file is in memory.
"""

import struct
from typing import BinaryIO, Final

import imagesize

from darkroom.domain.media import AVIF, HEIC, PNG, WEBP, Media
from darkroom.providers.engine.heif import heif_size

_ROTATED: Final = frozenset({5, 6, 7, 8})
"""Orientations that swap width and height (Exif 2.3, 4.6.4)."""
_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
_BLOCK: Final = 1 << 16
_MAX_CHUNKS: Final = 100_000
"""More than an image of several hundred megabytes has; limits the search in a crafted file."""
_CHUNK_HEAD: Final = 8


def displayed_size(body: BinaryIO, media: Media) -> tuple[int, int] | None:
    """Width and height as displayed; None if the header does not say.

    Args:
        body: the file, at any position.
        media: its format.
    """
    if media in (HEIC, AVIF):
        return heif_size(body)
    body.seek(0)
    # It rotates JPEG and TIFF by itself, and does not read Exif in the other two.
    width, height = imagesize.get(body)
    if width <= 0 or height <= 0:
        return None
    rotated = media in (PNG, WEBP) and _orientation(_find_exif(body, media)) in _ROTATED
    return (height, width) if rotated else (width, height)


def _find_exif(body: BinaryIO, media: Media) -> bytes:
    """The beginning of the Exif data of a PNG or a WebP; empty if there is none.

    Both are a header and chunks: PNG (5.3) has length, name, data and a checksum of four bytes;
    WebP (RFC 9649, 2.3) has name, length and data, padded to an even length.
    """
    offset = 8 if media == PNG else 12
    for _ in range(_MAX_CHUNKS):
        body.seek(offset)
        head = body.read(_CHUNK_HEAD)
        if len(head) < _CHUNK_HEAD:
            break
        if media == PNG:
            size, name = struct.unpack(">I4s", head)
            offset += _CHUNK_HEAD + size + 4
        else:
            name, size = struct.unpack("<4sI", head)
            offset += _CHUNK_HEAD + size + size % 2
        if name.upper() == b"EXIF":
            return body.read(min(size, _BLOCK)).removeprefix(b"Exif\0\0")
    return b""


def _orientation(exif: bytes) -> int | None:
    """The orientation in the first directory (TIFF 6.0, section 2); None if there is none."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(count):
            offset = start + 2 + 12 * entry
            tag, kind, values, value = struct.unpack_from(f"{order}HHIH", exif, offset)
            if (tag, kind, values) == (_ORIENTATION, _SHORT, 1):
                return int(value)
    except struct.error:  # it ends too early
        return None
    return None
