"""Pictures are really decoded, in a process of their own, and the figures are true."""

import contextlib
import io
import os
import resource
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from darkroom.domain.quality import Look, Measured
from darkroom.pictures import measure
from darkroom.pictures.measure import DecodedPictures
from darkroom.ports import NotMeasured

PHOTO = Path(__file__).parents[2] / "events" / "photos" / "coffee.jpg"
MAX_S = 20.0
"""This machine may be busy."""


def picture(image: Image.Image, form: str = "PNG", **options: Any) -> io.BytesIO:
    """The picture as a file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out


@cache
def photo() -> Image.Image:
    """A photo of 600 x 400 pixels."""
    with Image.open(PHOTO) as image:
        return image.convert("RGB")


def look(image: Image.Image, form: str = "PNG", **options: Any) -> Look:
    """What is seen in a picture."""
    return DecodedPictures().look(picture(image, form, **options), MAX_S)


def compare(result: io.BytesIO, source: io.BytesIO) -> Measured:
    """A result beside its source."""
    return DecodedPictures().measure(result, source, MAX_S)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_format_of_results_is_decoded(form: str) -> None:
    """Its size, and that it is a picture."""
    assert look(photo(), form) == Look(600, 400)


def test_photo_of_16_bits_is_not_white() -> None:
    """Its values are scaled, not clipped."""
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    seen = look(Image.fromarray(values))
    assert not seen.flat
    assert look(Image.fromarray(np.full((64, 64), 65535, np.uint16))).flat


@pytest.mark.parametrize(
    ("colour", "black"), [((255, 255, 255), False), ((0, 0, 0), True), ((10, 200, 30), False)]
)
def test_picture_of_one_colour_is_flat(
    colour: tuple[int, int, int],
    black: bool,  # noqa: FBT001 - of the table
) -> None:
    """In every format, the noise of its coding included."""
    for form in ("PNG", "JPEG"):
        seen = look(Image.new("RGB", (700, 300), colour), form)
        assert (seen.flat, seen.black) == (True, black)


def test_foreground_is_what_is_visible() -> None:
    """A quarter of the picture; a transparent picture is flat whatever colours it hides."""
    image = photo().copy()
    alpha = Image.new("L", image.size)
    alpha.paste(255, (0, 0, 300, 200))
    image.putalpha(alpha)
    seen = look(image)
    assert seen.transparent
    assert seen.visible_share == pytest.approx(0.25, abs=0.01)
    image.putalpha(Image.new("L", image.size))
    hidden = look(image)
    assert (hidden.visible_share, hidden.flat) == (0, True)


def test_size_is_that_of_the_picture_as_displayed() -> None:
    """A photo of a phone that was held upright is turned by its Exif."""
    exif = Image.Exif()
    exif[0x0112] = 6
    seen = compare(
        picture(photo().transpose(Image.Transpose.ROTATE_270)), picture(photo(), "JPEG", exif=exif)
    )
    assert seen.source == Look(400, 600)
    assert seen.result == Look(400, 600)
    assert seen.changed_share == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_animation_is_seen(form: str) -> None:
    """A still picture of the same format is none."""
    assert look(photo(), form, save_all=True, append_images=[photo().rotate(90)]).animated
    assert not look(photo(), form).animated


def test_change_is_measured_where_the_pictures_can_be_compared() -> None:
    """The same picture saved again has none; another shape has no figure."""
    source = picture(photo(), "JPEG", quality=95)
    same = compare(picture(photo(), "JPEG", quality=80), source)
    assert same.changed_share == pytest.approx(0, abs=0.02)
    edited = photo().copy()
    edited.paste((255, 0, 255), (0, 0, 300, 200))
    changed = compare(picture(edited), source)
    assert changed.changed_share == pytest.approx(0.25, abs=0.03)
    assert changed.largest_change is not None
    assert changed.largest_change > 100
    cropped = compare(picture(photo().crop((0, 0, 300, 400))), source)
    assert (cropped.changed_share, cropped.largest_change) == (None, None)


def test_thin_wire_that_was_removed_is_a_change() -> None:
    """Of a large photo, though it is scaled down."""
    large = photo().resize((3000, 2000))
    wire = large.copy()
    for at in range(3000):
        wire.paste((0, 0, 0), (at, 900, at + 1, 904))
    seen = compare(picture(large, "JPEG"), picture(wire, "JPEG"))
    assert seen.changed_share is not None
    assert seen.changed_share > 0.0001
    assert seen.largest_change is not None
    assert seen.largest_change > 2


def test_profile_is_told_from_srgb_and_its_loss_from_a_conversion() -> None:
    """The numbers without their profile look wrong; converted ones do not."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    assert look(photo(), icc_profile=srgb.tobytes()).profile == "srgb"
    other = bytearray(srgb.tobytes())
    # Red and blue swap their places: a profile that nobody would miss to see.
    at_red, at_blue = other.index(b"rXYZ"), other.index(b"bXYZ")
    other[at_red : at_red + 4], other[at_blue : at_blue + 4] = b"bXYZ", b"rXYZ"
    other = bytearray(
        bytes(other)
        .replace(b"sRGB", b"wide")
        .replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
    )
    source = picture(photo(), "PNG", icc_profile=bytes(other))
    dropped = compare(picture(photo()), source)
    assert dropped.source is not None
    assert dropped.source.profile == "other"
    assert dropped.converted is False
    converted = ImageCms.profileToProfile(
        photo(), ImageCms.ImageCmsProfile(io.BytesIO(bytes(other))), ImageCms.createProfile("sRGB")
    )
    assert converted is not None
    converted.info.clear()
    assert compare(picture(converted), source).converted is True
    assert look(photo(), icc_profile=b"no profile at all").profile == "none"


def test_source_that_cannot_be_decoded_counts_as_none() -> None:
    """The result has its figures."""
    seen = compare(picture(photo()), io.BytesIO(b"no picture"))
    assert (seen.result, seen.source, seen.changed_share) == (Look(600, 400), None, None)


def test_files_on_disk_and_in_memory_are_read_from_any_position() -> None:
    """And are as usable afterwards as before."""
    body = picture(photo()).getvalue()
    with tempfile.SpooledTemporaryFile(max_size=10) as on_disk:
        on_disk.write(body)
        seen = DecodedPictures().look(on_disk, MAX_S)  # type: ignore[arg-type] # it is a file
        on_disk.seek(0)
        assert on_disk.read() == body
    assert seen == Look(600, 400)


def test_large_jpeg_is_scaled_down_while_it_is_decoded() -> None:
    """100 megapixels fit into less memory than their pixels take."""
    large = picture(photo().resize((10_000, 10_000)), "JPEG", quality=60)
    pictures = DecodedPictures(memory_bytes=_resident_bytes() + (48 + 64) * 1024 * 1024)
    assert pictures.look(large, MAX_S).width == 10_000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "format"),
        (b"GIF89a", "cannot be decoded"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "cannot be decoded"),
    ],
)
def test_nonsense_is_not_measured(body: bytes, words: str) -> None:
    """The sentence says why."""
    with pytest.raises(NotMeasured, match=words):
        DecodedPictures().look(io.BytesIO(body), MAX_S)


def test_bomb_is_not_decoded() -> None:
    """Neither one with too many pixels, nor one that needs more memory than is left."""
    with pytest.raises(NotMeasured, match="too many pixels"):
        look(Image.new("1", (20_000, 20_000)))
    tight = DecodedPictures(memory_bytes=_resident_bytes() + (48 + 30) * 1024 * 1024)
    with pytest.raises(NotMeasured, match="memory"):
        tight.look(picture(Image.new("RGB", (8_000, 8_000))), MAX_S)


def test_function_without_spare_memory_starts_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be killed with it."""
    monkeypatch.setattr(measure, "_run", lambda *_: pytest.fail("it was started"))
    with pytest.raises(NotMeasured, match="memory"):
        DecodedPictures(memory_bytes=_resident_bytes() + 50 * 1024 * 1024).look(
            picture(photo()), MAX_S
        )


def test_missing_library_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its layer is not deployed there are no figures, and a sentence says so."""
    monkeypatch.setattr(measure, "find_spec", lambda _name: None)
    with pytest.raises(NotMeasured, match="layer is not deployed"):
        DecodedPictures().look(picture(photo()), MAX_S)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import os; os.abort()", "without an answer"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "without an answer"),
        ("import time; time.sleep(60)", "took longer"),
        ("while True: pass", "took longer"),
        ("print('no JSON')", "cannot be read"),
        ("print('{' * 100_000)", "without an answer"),
    ],
)
def test_decoder_that_crashes_or_hangs_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, words: str
) -> None:
    """A crash in a process of its own is a figure that is missing."""
    decoder = tmp_path / "decoder.py"
    decoder.write_text(program)
    monkeypatch.setattr(measure, "DECODER", decoder)
    begun = time.monotonic()
    with pytest.raises(NotMeasured, match=words):
        DecodedPictures().look(picture(photo()), 1.0)
    assert time.monotonic() - begun < 10


def test_decoder_knows_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A picture that takes it over finds no credentials in its environment."""
    decoder = tmp_path / "decoder.py"
    decoder.write_text(
        "import os, json; print(json.dumps({'looks': [{'error': str(os.environ)}]}))"
    )
    monkeypatch.setattr(measure, "DECODER", decoder)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    with pytest.raises(NotMeasured) as caught:
        DecodedPictures(library_path="/var/lang/lib").look(picture(photo()), MAX_S)
    assert "very-secret" not in str(caught.value)
    assert "LD_LIBRARY_PATH" in str(caught.value)


def test_nothing_stays_open() -> None:
    """However it ends."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the same twice
    for body in (picture(photo()), io.BytesIO(b"none")):
        with contextlib.suppress(NotMeasured):
            DecodedPictures().look(body, MAX_S)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


if sys.platform != "linux":
    pytest.skip("memory is limited on Linux alone", allow_module_level=True)
