"""A file is what its first bytes say."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom import media
from darkroom.media import BY_EXTENSION, HEAD_BYTES, Media, extension_of, sniff

PHOTOS = Path(__file__).parents[2] / "events" / "photos"
HEADS: list[tuple[bytes, Media]] = [
    (b"\x89PNG\r\n\x1a\n", media.PNG),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", media.JPEG),
    (b"RIFF\x24\x00\x00\x00WEBPVP8 ", media.WEBP),
    (b"RIFF\x24\x00\x00\x00WAVEfmt ", media.WAV),
    (b"GIF89a", media.GIF),
    (b"BM\x36\x00", media.BMP),
    (b"II*\x00", media.TIFF),
    (b"MM\x00*", media.TIFF),
    (b"\x00\x00\x00\x18ftypheic", media.HEIC),
    (b"\x00\x00\x00\x1cftypavif", media.AVIF),
    (b"\x00\x00\x00\x14ftypqt  ", media.MOV),
    (b"\x00\x00\x00\x20ftypisom", media.MP4),
    (b"\x00\x00\x00\x20ftypM4A ", media.M4A),
    (b"\x1aE\xdf\xa3", media.WEBM),
    (b"ID3\x04", media.MP3),
    (b"OggS", media.OGG),
    (b"fLaC", media.FLAC),
]


@pytest.mark.parametrize(("head", "expected"), HEADS, ids=lambda value: str(value)[:24])
def test_a_format_is_told_by_its_first_bytes(head: bytes, expected: Media) -> None:
    """Whatever follows."""
    assert sniff(head.ljust(HEAD_BYTES, b"\x00")) == expected


@pytest.mark.parametrize(
    "head", [b"", b"<html>", b'{"error": 1}', b"\xff\xd8", b"PNG", b"RIFF\x00\x00\x00\x00AVI "]
)
def test_what_is_no_known_format_is_none(head: bytes) -> None:
    """An error page is not an image."""
    assert sniff(head) is None


@settings(deadline=None)
@given(st.binary(max_size=HEAD_BYTES))
def test_any_bytes_have_a_format_or_none(head: bytes) -> None:
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
def test_an_extension_is_what_follows_the_last_dot_of_the_name(name: str, extension: str) -> None:
    """Not of a folder."""
    assert extension_of(name) == extension


def test_the_sample_photos_are_what_they_are_called() -> None:
    """Each of them."""
    photos = [path for path in PHOTOS.iterdir() if extension_of(path.name) in BY_EXTENSION]
    assert photos
    for path in photos:
        assert sniff(path.read_bytes()[:HEAD_BYTES]) == BY_EXTENSION[extension_of(path.name)]
