"""Where a FLAC file ends: the header has the number of samples, each frame its sample numbers.

RFC 9639, 8 and 9. Only the tail of the file is searched for the last frame.
"""

from collections.abc import Iterator
from functools import cache

from darkroom.domain.file_completeness.audio import skip_tags
from darkroom.domain.file_completeness.reader import MalformedError, Reader, TruncatedError

_TAIL = 256 * 1024
"""Longer than any frame of the format's streamable subset."""
_SIZES = {1: 192, **{code: 144 << code for code in (2, 3, 4, 5)}}
_SIZES |= {code: 1 << code for code in range(8, 16)}
"""A frame's code -> its number of samples; with 6 and 7 it is in one and two extra bytes."""
_VARIABLE = 1
_MIN_FRAME = 10
"""A header, a channel of one value, and the checksum."""


def flac(file: Reader) -> bool | None:
    """The last frame with its checksum; None where the number of samples is not known."""
    skip_tags(file)
    if file.take(4) != b"fLaC":
        raise MalformedError
    usual = longest = samples = 0
    last = False
    while not last:
        flags, length = file.number(1), file.number(3)
        start, last = file.at, bool(flags & 0x80)
        if flags & 0x7F == 0:
            about = file.take(18)
            usual, longest = int.from_bytes(about[:2]), int.from_bytes(about[7:10])
            samples = int.from_bytes(about[10:18]) & 0xF_FFFF_FFFF
        file.go(start + length)
    if not samples:
        if not file.left:
            raise TruncatedError
        return None
    file.go(max(file.at, file.size - _TAIL))
    tail = file.some(_TAIL)
    for start, end_sample in _frames(tail, usual):
        if end_sample == samples:
            return _ends_well(tail[start:], longest)
    if file.left or len(tail) == _TAIL:
        return None  # the data after the audio is longer than `_TAIL`
    raise TruncatedError


def _ends_well(frame: bytes, longest: int) -> bool | None:
    """Whether the last frame is complete with its checksum, perhaps with data after it."""
    if longest and len(frame) > longest:
        return True
    table = _table(0x8005, 16)
    value = 0
    ends = 0
    for place, byte in enumerate(frame, 1):
        value = (value << 8 & 0xFFFF) ^ table[value >> 8 ^ byte]
        if value == 0 and place >= _MIN_FRAME:
            ends = place
    if ends == len(frame):
        return True
    if ends:
        return None  # it ends there, or its bytes only look like it
    raise TruncatedError


def _frames(tail: bytes, usual: int) -> Iterator[tuple[int, int]]:
    """The headers of frames: their positions, and the number of the sample after each."""
    start = tail.find(b"\xff")
    while start >= 0:
        head = tail[start : start + 16]
        if len(head) > 4 and head[1] & 0xFE == 0xF8:  # noqa: PLR2004 - sync
            end_sample = _end_sample(head, usual)
            if end_sample is not None:
                yield start, end_sample
        start = tail.find(b"\xff", start + 1)


def _end_sample(head: bytes, usual: int) -> int | None:
    """The number of the sample after a frame, if this is a frame's header."""
    size_code, rate_code = head[2] >> 4, head[2] & 15
    ones = 8 - (~head[4] & 0xFF).bit_length()
    if ones in (1, 8) or size_code == 0 or head[3] & 1:
        return None
    more = max(ones - 1, 0)
    number = head[4] & (0x7F if ones == 0 else 0x7F >> ones)
    for byte in head[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
    at = 5 + more
    size = _SIZES.get(size_code, 0)
    if size_code in (6, 7):
        width = size_code - 5
        size = int.from_bytes(head[at : at + width]) + 1
        at += width
    at += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if len(head) <= at or crc8(head[: at + 1]) != 0:
        return None
    return number + size if head[1] & _VARIABLE else number * usual + size


def crc8(body: bytes) -> int:
    """The checksum of a frame's header; 0 over a header with its checksum."""
    value = 0
    for byte in body:
        value = _table(0x07, 8)[value ^ byte]
    return value


def crc16(body: bytes) -> int:
    """The checksum of a frame; 0 over a frame with its checksum."""
    table = _table(0x8005, 16)
    value = 0
    for byte in body:
        value = (value << 8 & 0xFFFF) ^ table[value >> 8 ^ byte]
    return value


@cache
def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            over = value >> (bits - 1)
            value = (value << 1 & ((1 << bits) - 1)) ^ (polynomial if over else 0)
        table.append(value)
    return tuple(table)
