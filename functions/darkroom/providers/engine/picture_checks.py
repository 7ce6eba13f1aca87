"""Refuses pictures that no provider can use, before anything is paid: by every provider the same.

A picture that is cut off, one that claims more pixels than it can have, and a mask that selects
nothing. Where a check cannot tell, the picture is taken: the provider decides.
"""

import struct
from collections.abc import Mapping
from typing import BinaryIO, Final

from darkroom.domain.errors import InputRefused
from darkroom.domain.file_completeness.check import is_complete
from darkroom.domain.media import JPEG, PNG, Media
from darkroom.ports import NotMeasured, Pictures
from darkroom.providers.engine.png_mask import MaskFault, mask_fault

MAX_PIXELS: Final = 500_000_000
"""More than any camera takes; a picture with more cannot be decoded by anybody here."""
LOOK_S: Final = 8
"""How long looking at a mask may take."""
UPLOAD_AGAIN: Final = "then upload it again."

_DEFLATE_RATIO: Final = 1032
"""How many bytes one byte of deflated data can become (zlib's "Technical Details")."""
_PNG_CHANNELS: Final[Mapping[int, int]] = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_JPEG_PIXELS_PER_BYTE: Final = 4096
"""A block of 64 pixels has at least one bit, so a byte has 512 pixels; eight times that, for the
arithmetic coding that nobody uses."""
_SLACK_BYTES: Final = 1024

_MASK_FAULTS: Final[Mapping[MaskFault, tuple[str, str]]] = {
    "black": (
        "is black everywhere: it selects nothing.",
        "Paint white what should be edited, and leave the rest black;",
    ),
    "in-alpha": (
        "has one colour everywhere: its selection lies in its alpha channel, where few look.",
        "Save it without transparency, white where to edit and black elsewhere;",
    ),
}


def check_complete(key: str, body: BinaryIO, media: Media) -> None:
    """Raises `InputRefused` (`picture-cut-off`) where the end of the picture is missing."""
    if is_complete(body, media) is False:
        raise InputRefused(
            "picture-cut-off",
            f"{key} is cut off: the end of the picture is missing.",
            f"Copy or export the picture again, {UPLOAD_AGAIN}",
        )


def check_pixels(key: str, body: BinaryIO, media: Media, size: tuple[int, int]) -> None:
    """Raises `InputRefused` (`picture-damaged`, `picture-too-large`) for too many pixels.

    Args:
        key: of the file.
        body: the file, at any position.
        media: its format.
        size: width and height by its header.
    """
    pixels = size[0] * size[1]
    if pixels > _most_pixels(body, media):
        raise InputRefused(
            "picture-damaged",
            f"{key} claims to be {size[0]} x {size[1]} pixels; a file of its length cannot hold as "
            "many.",
            f"Copy or export the picture again, {UPLOAD_AGAIN}",
        )
    if pixels > MAX_PIXELS:
        raise InputRefused(
            "picture-too-large",
            f"{key} is {size[0]} x {size[1]} pixels; a picture may have {MAX_PIXELS:,} in all.",
            f"Make the image smaller, {UPLOAD_AGAIN}",
        )


def check_mask(key: str, body: BinaryIO, media: Media, pictures: Pictures) -> None:
    """Raises `InputRefused` (`mask-empty`, `mask-in-alpha`) for a mask that selects nothing.

    A PNG is always examined; another format only where there is an image library.
    """
    fault = mask_fault(body) if media == PNG else _decoded_fault(body, pictures)
    if fault is not None:
        sentence, next_step = _MASK_FAULTS[fault]
        code = "mask-empty" if fault == "black" else "mask-in-alpha"
        raise InputRefused(code, f"{key} {sentence}", f"{next_step} {UPLOAD_AGAIN}")


def _decoded_fault(body: BinaryIO, pictures: Pictures) -> MaskFault | None:
    try:
        look = pictures.look(body, LOOK_S)
    except NotMeasured:
        return None
    if not look.black:
        return None
    return "in-alpha" if look.transparent and 0 < look.visible_share < 1 else "black"


def _most_pixels(body: BinaryIO, media: Media) -> float:
    """The most pixels that a file of this length can hold, by what its coding can do at best."""
    length = body.seek(0, 2) + _SLACK_BYTES
    if media == JPEG:
        return length * _JPEG_PIXELS_PER_BYTE
    if media != PNG:
        return float("inf")  # one colour takes no space in the other formats
    body.seek(16)
    head = body.read(10)
    if len(head) < 10:  # noqa: PLR2004 - width, height, depth, colour type
        return float("inf")
    depth, colour = struct.unpack_from(">BB", head, 8)
    bits = int(depth) * _PNG_CHANNELS.get(colour, 1)
    return length * _DEFLATE_RATIO * 8 / max(1, bits)
