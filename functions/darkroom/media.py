"""What a file is, told from its name and from its first bytes; nothing is ever decoded here."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "video", "audio", "3d", "json", "text"]

HEAD_BYTES = 64
"""How many leading bytes `sniff` needs."""


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
_MAGIC: tuple[tuple[int, bytes, Media], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"\xff\xd8\xff", JPEG),
    (8, b"WEBP", WEBP),
    (8, b"WAVE", WAV),
    (0, b"GIF87a", GIF),
    (0, b"GIF89a", GIF),
    (0, b"BM", BMP),
    (0, b"II*\x00", TIFF),
    (0, b"MM\x00*", TIFF),
    (4, b"ftypheic", HEIC),
    (4, b"ftypheix", HEIC),
    (4, b"ftypmif1", HEIC),
    (4, b"ftypavif", AVIF),
    (4, b"ftypqt", MOV),
    (4, b"ftypM4A", M4A),
    (4, b"ftyp", MP4),
    (0, b"\x1aE\xdf\xa3", WEBM),
    (0, b"ID3", MP3),
    (0, b"\xff\xfb", MP3),
    (0, b"\xff\xfa", MP3),
    (0, b"\xff\xf3", MP3),
    (0, b"\xff\xf2", MP3),
    (0, b"\xff\xf1", AAC),
    (0, b"\xff\xf9", AAC),
    (0, b"glTF", GLB),
    (0, b"OggS", OGG),
    (0, b"fLaC", FLAC),
)


def sniff(head: bytes) -> Media | None:
    """The format that the first bytes show (at least `HEAD_BYTES` of them), or None."""
    for offset, magic, media in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return media
    return None


def extension_of(name: str) -> str:
    """The extension of a key's last segment, lower case and without its dot; "" without one."""
    _, dot, extension = name.rsplit("/", 1)[-1].rpartition(".")
    return extension.lower() if dot else ""
