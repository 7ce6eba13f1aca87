"""A file's format, by its name and by its first bytes; nothing is decoded here.

The usual libraries fail here: filetype does not detect images with the brand `hevc`, `heim` or
`avis`; puremagic detects every file that begins with `BM` as an image, and an AVIF with the brand
`mif1` as a video.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["image", "video", "audio", "3d", "json", "text"]

HEAD_BYTES = 4096
"""How many leading bytes `sniff` needs: a file type box with many brands, two audio frames."""


@dataclass(frozen=True)
class Media:
    """One file format: its kind, the extension results get, and its content type."""

    kind: Kind
    extension: str
    content_type: str


PNG = Media("image", "png", "image/png")
JPEG = Media("image", "jpg", "image/jpeg")
WEBP = Media("image", "webp", "image/webp")
GIF = Media("image", "gif", "image/gif")
BMP = Media("image", "bmp", "image/bmp")
TIFF = Media("image", "tiff", "image/tiff")
HEIC = Media("image", "heic", "image/heic")
AVIF = Media("image", "avif", "image/avif")
MP4 = Media("video", "mp4", "video/mp4")
MOV = Media("video", "mov", "video/quicktime")
WEBM = Media("video", "webm", "video/webm")
MP3 = Media("audio", "mp3", "audio/mpeg")
WAV = Media("audio", "wav", "audio/wav")
OGG = Media("audio", "ogg", "audio/ogg")
FLAC = Media("audio", "flac", "audio/flac")
M4A = Media("audio", "m4a", "audio/mp4")
AAC = Media("audio", "aac", "audio/aac")
GLB = Media("3d", "glb", "model/gltf-binary")
JSON = Media("json", "json", "application/json")
TEXT = Media("text", "txt", "text/plain; charset=utf-8")

BY_EXTENSION = {
    media.extension: media
    for media in (
        *(PNG, JPEG, WEBP, GIF, BMP, TIFF, HEIC, AVIF),
        *(MP4, MOV, WEBM, MP3, WAV, OGG, FLAC, M4A, AAC, GLB),
    )
} | {"jpeg": JPEG, "tif": TIFF, "heif": HEIC, "m4v": MP4}
"""Extension (lower case, no dot) to format: the extensions that make a file a source."""

# (offset, bytes, format): a file has the first format all of whose bytes are in place.
_MAGIC: Final[tuple[tuple[int, bytes, Media], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"GIF87a", GIF),
    (0, b"GIF89a", GIF),
    (0, b"\x1aE\xdf\xa3", WEBM),
    (0, b"glTF", GLB),
    (0, b"fLaC", FLAC),
)

_BRANDS: Final[dict[bytes, Media]] = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), HEIC),
    **dict.fromkeys((b"avif", b"avis"), AVIF),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "), M4A),
    **dict.fromkeys((b"mp41", b"mp42", b"mp71", b"avc1", b"hvc1", b"hev1", b"av01", b"dash"), MP4),
    **dict.fromkeys((b"M4V ", b"M4VH", b"M4VP", b"F4V ", b"f4v ", b"MSNV", b"XAVC", b"cmfc"), MP4),
    b"qt  ": MOV,
}
"""Brands of ISO media that define the format, as registered at mp4ra.org."""

_VIDEO_BRAND_PREFIXES: Final = (
    b"iso",
    b"3gp",
    b"3g2",
    b"3ge",
    b"3gg",
    b"3gs",
    b"3gr",
    b"NDS",
    b"NDX",
    b"NDH",
)
"""Prefixes of other video brands."""

_STRUCTURAL_BRANDS: Final = frozenset(
    {b"mif1", b"mif2", b"msf1", b"miaf", b"MiHE", b"MiHB", b"MiHA"}
)
"""Image brands (ISO/IEC 23008-12) that do not define the codec."""

_UNSUPPORTED_BRANDS: Final = frozenset(
    {b"crx ", b"jp2 ", b"jpx ", b"jpm ", b"jxl ", b"mjp2"}
    | {b"avci", b"avcs", b"jpeg", b"jpgs", b"j2ki", b"j2is", b"vvic", b"vvis", b"evbi", b"evbs"}
)
"""Raw photos, JPEG 2000, JPEG XL, and images with codecs that no provider takes."""

_BMP_HEADERS: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""The sizes that the second header of a BMP may have."""

_KBITS: Final = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
"""Bit rates of MP3 in kbit/s: those of MPEG 1, and of MPEG 2 and 2.5."""
_RATES: Final = (44100, 48000, 32000)
"""Sample rates of MPEG 1 in Hz; MPEG 2 has half of them, 2.5 a quarter."""


def sniff(head: bytes) -> Media | None:
    """The format of a file by its first `HEAD_BYTES` (or all of a shorter file), or None."""
    for offset, magic, media in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return media
    return _riff(head) or _iso(head) or _tiff(head) or _bmp(head) or _audio(head)


def extension_of(name: str) -> str:
    """The extension of a key's last segment, lower case and without its dot; "" without one."""
    _, dot, extension = name.rsplit("/", 1)[-1].rpartition(".")
    return extension.lower() if dot else ""


def _riff(head: bytes) -> Media | None:
    if head[:4] == b"RIFF" and head[8:15] == b"WEBPVP8":
        return WEBP
    # Above 4 GB the first four letters differ (EBU Tech 3306).
    return WAV if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE" else None


def _iso(head: bytes) -> Media | None:
    """ISO media by its file type box: the first brand that defines a format decides."""
    if head[4:8] != b"ftyp":
        return None
    size = int.from_bytes(head[:4], "big")
    start = 16 if size == 1 else 8
    end = len(head) if size in (0, 1) else min(size, len(head))
    is_image = False
    for place in (start, *range(start + 8, end - 3, 4)):
        brand = head[place : place + 4]
        if brand in _UNSUPPORTED_BRANDS:
            return None
        is_image = is_image or brand in _STRUCTURAL_BRANDS
        found = _BRANDS.get(brand) or (MP4 if brand[:3] in _VIDEO_BRAND_PREFIXES else None)
        # An animated image of the HEIF family has video brands, too.
        if found is not None and (found.kind == "image" or not is_image):
            return found
    return HEIC if is_image else MP4


def _tiff(head: bytes) -> Media | None:
    """A TIFF; not a camera's raw photo, which has the same first bytes and `CR` after them."""
    return TIFF if head[:4] in (b"II*\x00", b"MM\x00*") and head[8:10] != b"CR" else None


def _bmp(head: bytes) -> Media | None:
    """A BMP by its two headers: `BM` alone begins many texts."""
    offset, size = (int.from_bytes(head[place : place + 4], "little") for place in (10, 14))
    known = head[:2] == b"BM" and size in _BMP_HEADERS and offset >= 14 + size
    return BMP if known else None


def _audio(head: bytes) -> Media | None:
    if head[:4] == b"OggS":
        # A video's first page names a video codec.
        return None if head[28:35] == b"\x80theora" else OGG
    if head[:3] != b"ID3":
        return _audio_frames(head)
    # ID3v2: its version, then flags and a size of four times seven bits.
    if len(head) < 4 or head[3] not in (2, 3, 4) or any(byte > 0x7F for byte in head[6:10]):  # noqa: PLR2004
        return None
    size = sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
    rest = head[10 + size :]
    return FLAC if rest[:4] == b"fLaC" else _audio_frames(rest) or MP3


def _audio_frames(head: bytes) -> Media | None:
    """Audio without a file header: a frame, and directly after it another of the same kind."""
    for length, media in ((_aac_frame(head), AAC), (_mp3_frame(head), MP3)):
        if length is not None:
            after = head[length : length + 2]
            alike = len(after) < 2 or (after[0] == 0xFF and not (after[1] ^ head[1]) & 0xFE)  # noqa: PLR2004
            return media if alike else None
    return None


def _aac_frame(head: bytes) -> int | None:
    """The length of an ADTS frame (ISO/IEC 13818-7, 6.2), or None."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:  # noqa: PLR2004
        return None
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    known_rate = (head[2] >> 2) & 15 < 13  # noqa: PLR2004 - the rest are reserved
    return length if known_rate and length > 7 else None  # noqa: PLR2004


def _mp3_frame(head: bytes) -> int | None:
    """The length of a frame of MPEG audio, layer III (ISO/IEC 11172-3, 2.4.1.3), or None."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # noqa: PLR2004
        return None
    version, rate = (head[1] >> 3) & 3, (head[2] >> 2) & 3
    bits, emphasis = head[2] >> 4, head[3] & 3
    if version == 1 or rate == 3 or bits in (0, 15) or emphasis == 2:  # noqa: PLR2004 - reserved
        return None
    first = version == 3  # noqa: PLR2004 - MPEG 1
    samples = _RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    kbits = _KBITS[0 if first else 1][bits]
    return (144 if first else 72) * kbits * 1000 // samples + ((head[2] >> 1) & 1)
