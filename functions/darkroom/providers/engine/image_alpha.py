"""Whether a picture's format has transparency, by its header; no pixels are decoded."""

import struct
from typing import BinaryIO, Final

from darkroom.domain.media import PNG, WEBP, Media

_WITH_ALPHA: Final = frozenset({4, 6})
"""PNG's colour types: grey with alpha, RGBA (W3C PNG, 11.2.1)."""
_MAX_CHUNKS: Final = 100
"""Before the image data of a real PNG there are fewer."""
_EXTENDED_ALPHA: Final = 0x10
_LOSSLESS_ALPHA: Final = 1 << 28


def has_alpha(body: BinaryIO, media: Media | None) -> bool:
    """Whether it has an alpha channel or a transparent colour; False where nobody can tell.

    Args:
        body: the file, at any position.
        media: its format.
    """
    if media == PNG:
        return _png_alpha(body)
    return media == WEBP and _webp_alpha(body)


def _png_alpha(body: BinaryIO) -> bool:
    body.seek(25)
    if (colour := body.read(1)) and colour[0] in _WITH_ALPHA:
        return True
    place = 8
    for _ in range(_MAX_CHUNKS):
        body.seek(place)
        head = body.read(8)
        if len(head) < 8 or head[4:] == b"IDAT":  # noqa: PLR2004 - length and name
            return False
        if head[4:] == b"tRNS":
            return True
        place += 12 + int.from_bytes(head[:4], "big")
    return False


def _webp_alpha(body: BinaryIO) -> bool:
    """By the flags of the extended or the lossless header (RFC 9649, 2.7.1 and 3.4)."""
    body.seek(12)
    head = body.read(13)
    if head[:4] == b"VP8X" and len(head) > 8:  # noqa: PLR2004 - name and length
        return bool(head[8] & _EXTENDED_ALPHA)
    if head[:4] == b"VP8L" and len(head) == 13:  # noqa: PLR2004 - and one byte, and 32 bits
        (bits,) = struct.unpack_from("<I", head, 9)
        return bool(bits & _LOSSLESS_ALPHA)
    return False
