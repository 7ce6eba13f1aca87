"""Sounds and films written by hand, as their formats' documents say; no writer of them is here."""

import struct

from darkroom.domain.file_completeness.flac import crc8, crc16

OGG_FIRST, OGG_LAST = 2, 4


def mp3(frames: int = 20, *, counted: bool = False, tag: bytes = b"") -> bytes:
    """MPEG 1, layer III, 128 kbit/s, 44.1 kHz: frames of 417 bytes, the first with a count or not.

    Args:
        frames: how many.
        counted: whether the first frame says how many bytes they are.
        tag: the content of an ID3v2 tag in front.
    """
    head = b"\xff\xfb\x90\x00"
    body = [head + bytes([number]) * 413 for number in range(frames)]
    if counted:
        xing = b"Xing" + struct.pack(">III", 3, frames - 1, 417 * frames)
        body[0] = (head + bytes(32) + xing).ljust(417, b"\0")
    front = b"ID3\x04\0\0" + bytes([0, 0, len(tag) >> 7, len(tag) & 127]) + tag if tag else b""
    return front + b"".join(body)


def aac(frames: int = 20) -> bytes:
    """ADTS frames of 100 bytes, 44.1 kHz, two channels."""
    return frames * (
        b"\xff\xf1\x50\x80" + struct.pack(">BH", 100 >> 3, (100 & 7) << 13) + bytes(93)
    )


def ogg(*flags: int, stream: bytes = b"abcd") -> bytes:
    """A page of 300 bytes for each of these flags."""
    pages = (
        b"OggS\0"
        + bytes([flag])
        + bytes(8)
        + stream
        + struct.pack("<II", number, 0)
        + b"\x02\xff\x2d"
        + bytes(300)
        for number, flag in enumerate(flags)
    )
    return b"".join(pages)


def flac(frames: int = 5, *, samples: int | None = None, longest: int = 0) -> bytes:
    """One channel of 8 bits, 16 samples that are written out in each frame."""
    total = frames * 16 if samples is None else samples
    about = struct.pack(">HH", 16, 16) + bytes(3) + longest.to_bytes(3, "big")
    about += (44100 << 44 | 7 << 36 | total).to_bytes(8, "big") + bytes(16)
    body = b"fLaC\0\0\0\x22" + about + b"\x84\0\0\x08" + bytes(8)
    for number in range(frames):
        head = b"\xff\xf8\x69\x02" + bytes([number]) + b"\x0f"
        head += bytes([crc8(head)])
        frame = head + b"\x02" + bytes(range(number, number + 16))
        body += frame + crc16(frame).to_bytes(2, "big")
    return body


def box(kind: bytes, body: bytes = b"", *, wide: bool = False) -> bytes:
    """A box of ISO media; with a size of eight bytes where it is `wide`."""
    if wide:
        return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body
    return struct.pack(">I4s", 8 + len(body), kind) + body


def film(*kinds: bytes) -> bytes:
    """Boxes of these kinds, each with something in it."""
    return box(b"ftyp", b"isom\0\0\0\0isom") + b"".join(box(kind, bytes(99)) for kind in kinds)


def heic(*, within: bool = False) -> bytes:
    """A picture's boxes; its data beside them or `within`."""
    inner = bytes(4) + box(b"hdlr", bytes(20)) + (box(b"idat", bytes(40)) if within else b"")
    beside = b"" if within else box(b"mdat", bytes(80))
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta", inner) + beside


def webm(*, known: bool = True, cluster_known: bool = True) -> bytes:
    """A head and a segment with a cluster of two blocks."""
    blocks = b"\xe7\x81\x00" + 2 * (b"\xa3\xa0" + bytes(32))
    size = bytes([0x80 | len(blocks)]) if cluster_known else b"\xff"
    cluster = b"\x1f\x43\xb6\x75" + size + blocks
    head = b"\x1a\x45\xdf\xa3\x84" + b"\x42\x86\x81\x01"
    whole = b"\x40" + bytes([len(cluster)]) if known else b"\x01" + b"\xff" * 7
    return head + b"\x18\x53\x80\x67" + whole + cluster
