"""A file is what its first bytes say."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain import media
from darkroom.domain.media import BY_EXTENSION, HEAD_BYTES, Media, extension_of, sniff

PHOTOS = Path(__file__).parents[2] / "events" / "photos"


def box(major: bytes, *others: bytes) -> bytes:
    """A file type box of ISO media (ISO/IEC 14496-12, 4.3)."""
    body = b"ftyp" + major + bytes(4) + b"".join(others)
    return struct.pack(">I", 4 + len(body)) + body


def bmp(header: int = 40) -> bytes:
    """The two headers of a BMP."""
    return b"BM" + struct.pack("<IIII", 1000, 0, 14 + header, header)


def sound(head: bytes, length: int, count: int = 2) -> bytes:
    """So many frames of sound of that length."""
    return head.ljust(length, b"\x55") * count


def tag(size: int) -> bytes:
    """An ID3v2 tag around so many bytes of nothing."""
    sizes = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00\x00" + sizes + bytes(size)


MP3_FRAME = b"\xff\xfb\x90\x64"
"""MPEG 1, layer III, 128 kbit/s, 44.1 kHz: 417 bytes."""
MP3_FRAME_OF_2 = b"\xff\xf3\x84\xc4"
"""MPEG 2, 64 kbit/s, 24 kHz: 192 bytes."""
AAC_FRAME = b"\xff\xf1\x50\x80\x20\x1f\xfc"
"""ADTS, 44.1 kHz, 256 bytes."""

HEADS: list[tuple[bytes, Media]] = [
    (b"\x89PNG\r\n\x1a\n", media.PNG),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", media.JPEG),
    (b"RIFF\x24\x00\x00\x00WEBPVP8 ", media.WEBP),
    (b"RIFF\x24\x00\x00\x00WAVEfmt ", media.WAV),
    (b"RF64\xff\xff\xff\xffWAVEds64", media.WAV),
    (b"GIF89a", media.GIF),
    (bmp(), media.BMP),
    (bmp(124), media.BMP),
    (b"II*\x00\x08\x00\x00\x00", media.TIFF),
    (b"MM\x00*\x00\x00\x00\x08", media.TIFF),
    (box(b"heic"), media.HEIC),
    (box(b"qt  "), media.MOV),
    (box(b"isom", b"iso2", b"avc1", b"mp41"), media.MP4),
    (box(b"3gp4", b"isom"), media.MP4),
    (box(b"M4V ", b"M4A ", b"mp42"), media.MP4),
    (box(b"M4A ", b"mp42"), media.M4A),
    (box(b"M4B "), media.M4A),
    (b"\x1aE\xdf\xa3", media.WEBM),
    (b"ID3\x04", media.MP3),
    (sound(MP3_FRAME, 417), media.MP3),
    (sound(MP3_FRAME_OF_2, 192), media.MP3),
    (tag(300) + sound(MP3_FRAME, 417), media.MP3),
    (tag(300) + sound(AAC_FRAME, 256), media.AAC),
    (tag(30) + b"fLaC", media.FLAC),
    (sound(AAC_FRAME, 256), media.AAC),
    (b"OggS".ljust(28, b"\x00") + b"\x01vorbis", media.OGG),
    (b"fLaC", media.FLAC),
    (b"glTF\x02", media.GLB),
]
HEIF: list[tuple[bytes, Media]] = [
    (box(b"hevc", b"mif1", b"msf1", b"hevc", b"heic"), media.HEIC),
    (box(b"msf1", b"msf1", b"hevc", b"heic"), media.HEIC),
    *((box(brand, b"mif1", b"heic"), media.HEIC) for brand in (b"heix", b"heim", b"heis", b"hevx")),
    (box(b"mif1"), media.HEIC),
    (box(b"mif1", b"miaf", b"heic"), media.HEIC),
    (box(b"mif1", b"miaf", b"MA1B", b"avif"), media.AVIF),
    (box(b"avis", b"avif", b"avis", b"msf1", b"miaf"), media.AVIF),
    (box(b"avif", b"mif1", b"miaf"), media.AVIF),
    (box(b"Xtra", b"mif1", b"heic"), media.HEIC),
    (box(b"Xtra", *[b"more"] * 30, b"avif"), media.AVIF),
    ((b"\0\0\0\1ftyp" + struct.pack(">Q", 28) + b"heic" + bytes(4) + b"mif1"), media.HEIC),
]


@pytest.mark.parametrize(("head", "expected"), HEADS, ids=lambda value: str(value)[:24])
def test_sniff_detects_a_format_by_its_first_bytes(head: bytes, expected: Media) -> None:
    """Whatever follows."""
    assert sniff(head.ljust(HEAD_BYTES, b"\x00")) == expected


@pytest.mark.parametrize(("head", "expected"), HEIF, ids=lambda value: str(value)[:40])
def test_sniff_detects_a_heif_image_by_any_of_its_brands(head: bytes, expected: Media) -> None:
    """Bursts, animated images, and unknown brands; a short head gives the same."""
    assert sniff(head.ljust(HEAD_BYTES, b"\x00")) == expected
    assert sniff(head) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"<html>",
        b'{"error": 1}',
        b"\xff\xd8",
        b"PNG",
        b"RIFF\x00\x00\x00\x00AVI ",
        b"0123\x00\x00\x00\x00WAVEfmt ",
        b"0123\x00\x00\x00\x00WEBPVP8 ",
        b"BMW sold more cars this year than ever before.",
        b"ID3 is a word like others.",
        b"II*\x00\x10\x00\x00\x00CR\x02\x00",
        box(b"crx ", b"crx ", b"isom"),
        box(b"mif1", b"mif1", b"avci"),
        b"OggS".ljust(28, b"\x00") + b"\x80theora",
        b"\xff\xfb\x90\x64" + bytes(1000),
        b"\xff\xfb\xff\xff" + bytes(1000),
        b"\xff\xfe<\0h\0t\0m\0l\0>\0",
        b"\xff\xf1" + bytes(1000),
        sound(AAC_FRAME, 255),
    ],
    ids=lambda value: str(value)[:40],
)
def test_sniff_returns_none_for_unknown_formats(head: bytes) -> None:
    """An error page is not an image; and the first letters alone do not make a format."""
    assert sniff(head) is None


@settings(deadline=None)
@given(st.binary(max_size=HEAD_BYTES))
def test_sniff_never_raises(head: bytes) -> None:
    """Nothing is fatal."""
    found = sniff(head)
    assert found is None or found in BY_EXTENSION.values()


def test_every_format_is_found_by_its_own_extension() -> None:
    """Results are named by it, and a name must lead back to the format."""
    assert all(BY_EXTENSION[found.extension] == found for found in BY_EXTENSION.values())


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.jpg", "jpg"), ("a/b.JPG", "jpg"), ("a.b/c", ""), ("a", ""), ("a.", ""), (".jpg", "jpg")],
)
def test_extension_follows_the_last_dot_of_the_name(name: str, extension: str) -> None:
    """Not of a folder."""
    assert extension_of(name) == extension


def test_sample_photos_have_the_format_of_their_extension() -> None:
    """Each of them."""
    photos = [path for path in PHOTOS.iterdir() if extension_of(path.name) in BY_EXTENSION]
    assert photos
    for path in photos:
        assert sniff(path.read_bytes()[:HEAD_BYTES]) == BY_EXTENSION[extension_of(path.name)]
