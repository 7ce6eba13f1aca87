"""Whether a file is there to its end: whole ones are never refused, cut ones are found."""

import io
import itertools
import json
import random
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darkroom.domain.file_completeness.check import is_complete
from darkroom.domain.media import BY_EXTENSION, FLAC, GLB, HEIC, JSON, MP3, TEXT, Media, sniff
from infra.sandbox.media.clips import write_clip, zoom_clip
from infra.sandbox.media.meshes import relief
from infra.sandbox.media.sounds import melody, speech
from tests.domain import sound_files

PHOTOS = Path(__file__).parents[2] / "events" / "photos"
TRAILING = (
    b"\n",
    b"\0" * 3,
    b"\r\n\r\n",
    b"Some words at the end, as servers put them.",
    b"\0" * 99,
)

MODES = {
    "PNG": ({}, {"optimize": True}),
    "JPEG": ({}, {"progressive": True}, {"quality": 1}, {"comment": b"\xff\xd9 no end"}),
    "GIF": ({}, {"interlace": 0}, {"comment": b";;;"}),
    "BMP": ({},),
    "TIFF": ({}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"compression": "raw"}),
    "WEBP": ({}, {"lossless": True}, {"exif": b"Exif\0\0" + bytes(9)}),
    "AVIF": ({},),
}
MOVING = ("PNG", "GIF", "TIFF", "WEBP", "AVIF")


def noise(size: tuple[int, int] = (70, 53)) -> Image.Image:
    """A picture that no format makes much smaller."""
    return Image.effect_noise(size, 80).convert("RGB")


@cache
def drawn() -> dict[str, bytes]:
    """Pictures of every format that Pillow writes, in their varieties."""
    files = {}
    for name, options in MODES.items():
        for number, option in enumerate(options):
            files[f"{name}-{number}"] = saved(noise(), name, **option)
        for mode in ("L", "P", "1"):
            if name not in ("WEBP", "AVIF") and (name, mode) != ("JPEG", "P"):
                files[f"{name}-{mode}"] = saved(noise().convert(mode), name)
        files[f"{name}-tiny"] = saved(noise((1, 1)), name)
    for name in MOVING:
        more = [noise() for _ in range(2)]
        files[f"{name}-moving"] = saved(noise(), name, save_all=True, append_images=more)
    return files


def saved(picture: Image.Image, name: str, **options: object) -> bytes:
    """The picture as a file."""
    body = io.BytesIO()
    picture.save(body, name, **options)
    return body.getvalue()


@cache
def made() -> dict[str, bytes]:
    """The samples, and what the sandboxes make."""
    rgb = np.asarray(noise((96, 64)))
    files = {path.name: path.read_bytes() for path in sorted(PHOTOS.glob("*.*g"))}
    files["clip.mp4"] = write_clip(zoom_clip(rgb, (96, 64), 1))
    files["solid.glb"] = relief(rgb)
    files["melody.wav"] = melody("a tune", 1)
    files["speech.wav"] = speech("some words")
    return files


WRITTEN = {
    "film.mp4": sound_files.film(b"free", b"mdat", b"moov"),
    "fast.mp4": sound_files.film(b"moov", b"mdat"),
    "wide.mp4": sound_files.film(b"moov") + sound_files.box(b"mdat", bytes(70), wide=True),
    "pieces.mp4": sound_files.film(b"moov", b"moof", b"mdat", b"moof", b"mdat", b"mfra"),
    "beside.heic": sound_files.heic(),
    "within.heic": sound_files.heic(within=True),
    "known.webm": sound_files.webm(),
    "sound.ogg": sound_files.ogg(2, 0, 0, 4),
    "page.ogg": sound_files.ogg(6),
    "chain.ogg": sound_files.ogg(2, 4) + sound_files.ogg(2, 4, stream=b"next"),
    "counted.mp3": sound_files.mp3(counted=True),
    "tagged.mp3": sound_files.mp3(counted=True, tag=bytes(200)),
    "sound.flac": sound_files.flac(),
    "tagged.flac": b"ID3\x04\0\0\0\0\0\x05abcde" + sound_files.flac(),
}
PADDED = {"WEBP-2", "TIFF-moving"}
IN_PIECES = {"sound.ogg", "chain.ogg", "pieces.mp4"}
"""Where a cut between two pieces is not found."""
OPEN = {
    "stream.ogg": sound_files.ogg(2, 0, 0),
    "frames.mp3": sound_files.mp3(),
    "frames.aac": sound_files.aac(),
    "open.webm": sound_files.webm(known=False),
    "live.webm": sound_files.webm(known=False, cluster_known=False),
    "pieces.mp4": sound_files.film(b"moov", b"moof", b"mdat", b"moof", b"mdat"),
    "end.mp4": sound_files.film(b"moov") + b"\0\0\0\0mdat" + bytes(99),
    "live.wav": b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + bytes(16) + b"data\xff\xff\xff\xff12",
    "live.flac": sound_files.flac(samples=0),
}
"""Files that are whole and cannot prove it."""


def whole_files() -> Iterator[tuple[str, bytes]]:
    """Every file that has an end to be found."""
    return itertools.chain(drawn().items(), made().items(), WRITTEN.items())


def media_of(name: str, body: bytes) -> Media:
    """By the name, and else by the first bytes."""
    return BY_EXTENSION.get(name.rpartition(".")[2]) or sniff(body[:64]) or BY_EXTENSION[name]


def told(body: bytes, media: Media | None) -> bool | None:
    """What is said of these bytes."""
    return is_complete(io.BytesIO(body), media)


@pytest.mark.parametrize(
    ("name", "body"), list(whole_files()), ids=lambda one: one if isinstance(one, str) else ""
)
def test_a_whole_file_is_whole_whatever_is_behind_it(name: str, body: bytes) -> None:
    """A refusal would cost a paid result."""
    media = media_of(name, body)
    assert told(body, media) is True
    for more in TRAILING:
        assert told(body + more, media) is not False, more


@pytest.mark.parametrize(
    ("name", "body"),
    [(name, body) for name, body in whole_files() if name not in IN_PIECES],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_file_that_is_cut_anywhere_is_not_whole(name: str, body: bytes) -> None:
    """By one byte, by half, at any other place: behind the head by which its format is told."""
    media = media_of(name, body)
    ends = {len(body) - 1, len(body) - 2, len(body) // 2, len(body) * 9 // 10}
    ends |= {random.Random(name).randrange(16, len(body)) for _ in range(40)}  # noqa: S311 - places
    # The last bytes of some are none that their format needs: padding.
    needed = len(body) - 10 if name in PADDED else len(body)
    passed = [end for end in ends if end < needed and told(body[:end], media) is not False]
    assert passed == [], f"of {len(body)} bytes"


@pytest.mark.parametrize("name", OPEN)
def test_a_file_without_a_marked_end_cannot_be_told(name: str) -> None:
    """It is taken as it is: its writer could not come back to say how long it is."""
    assert told(OPEN[name], media_of(name, OPEN[name])) is None


@pytest.mark.parametrize(
    "name", ["stream.ogg", "frames.mp3", "frames.aac", "open.webm", "live.webm", "pieces.mp4"]
)
def test_even_then_a_cut_piece_is_found(name: str) -> None:
    """A page, a frame, an element or a box that is not all there."""
    media = media_of(name, OPEN[name])
    assert told(OPEN[name][:-1], media) is False
    assert told(OPEN[name][:-20], media) is False


def test_of_a_film_both_parts_are_needed() -> None:
    """It may be cut exactly between two boxes."""
    for kinds in ((), (b"moov",), (b"mdat",), (b"free", b"mdat"), (b"moov", b"free")):
        body = sound_files.film(*kinds)
        assert told(body, media_of("film.mp4", body)) is False
    assert told(sound_files.heic()[:-88], HEIC) is False


def test_a_last_chunk_without_its_padding_is_whole() -> None:
    """Some writers count the byte that makes it even, and do not write it."""
    body = b"RIFF" + (4 + 8 + 16 + 8 + 4).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0" + bytes(16)
    body += b"data\x03\0\0\0abc"
    assert told(body, sniff(body)) is True
    assert told(body[:-1], sniff(body)) is False


def test_a_sound_with_a_tag_behind_it_is_whole() -> None:
    """ID3v1 has 128 bytes, and every player knows it."""
    tag = b"TAG" + bytes(125)
    assert told(sound_files.flac() + tag, FLAC) is not False
    assert told(sound_files.mp3() + tag, MP3) is None


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ('{"a": [1, {"b": "]}"}], "c": "\\\\"}', True),
        ('[{"a": "\\"}"}]\n', True),
        ("12.5", None),
        ('"text"', None),
        ("", None),
    ],
)
def test_a_document_is_whole_when_its_first_bracket_is_closed(
    text: str, *, whole: bool | None
) -> None:
    """Brackets in texts do not count; a number may go on, so it cannot be told."""
    assert told(text.encode(), JSON) is whole


def test_a_document_is_looked_through_in_pieces() -> None:
    """An escape may lie where two of them meet."""
    for fill in range(65_526, 65_540):
        body = json.dumps({"a" * fill: '"}\\'}).encode()
        assert told(body, JSON) is True
        assert told(body[:-1], JSON) is False


def test_what_has_no_end_or_no_format_cannot_be_told() -> None:
    """It is for others to say whether it is what it should be."""
    assert told(b"Zwei Katzen", TEXT) is None
    assert told(b"<html>", None) is None
    assert told(b"", GLB) is False


def test_a_file_that_is_not_as_its_format_says_cannot_be_told() -> None:
    """Something is wrong with it, and fetching it again would change nothing."""
    png = drawn()["PNG-0"]
    assert told(png[:33] + bytes(500), media_of("", png)) is None
    assert told(b"glTF\2\0\0\0\1\0\0\0" + bytes(50), GLB) is None


def test_the_file_is_at_its_beginning_afterwards() -> None:
    """Whoever reads it next reads all of it."""
    for body in (drawn()["JPEG-0"], drawn()["JPEG-0"][:-1]):
        file = io.BytesIO(body)
        is_complete(file, sniff(body[:64]))
        assert file.tell() == 0


@pytest.mark.parametrize(
    "body",
    [
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0aaaa\0\0\0\0" * 150_000,
        b"\xff\xd8\xff" + b"\xe0\0\2\xff" * 300_000,
        b"\xff\xd8\xff\xe0\0\2" + b"\xff\0" * 3_000_000,
        b"GIF89a" + bytes(7) + b"\x21\xf9\0" * 300_000,
        b"II*\0\x08\0\0\0" + bytes(4_000_000),
        sound_files.film() + b"\0\0\0\x08free" * 200_000,
        b"OggS\0\2" + bytes(20) + b"\0" * 6_000_000,
    ],
    ids=["png", "jpeg-segments", "jpeg-data", "gif", "tiff", "mp4", "ogg"],
)
def test_a_file_made_to_be_counted_does_not_take_for_ever(body: bytes) -> None:
    """A few megabytes of the smallest parts that there are."""
    begun = time.process_time()
    assert told(body, sniff(body[:64])) is not True
    assert time.process_time() - begun < 10
