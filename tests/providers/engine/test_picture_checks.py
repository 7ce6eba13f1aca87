"""Pictures that no provider can use are refused before anything is paid, by every provider."""

import io
import struct
import zlib
from functools import cache
from typing import Any

import pytest
from PIL import Image

from darkroom.domain.errors import InputRefused
from darkroom.domain.media import AVIF, BMP, GIF, JPEG, PNG, TIFF, WEBP, Media
from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.quality import Look, Measured
from darkroom.domain.routes import Route
from darkroom.ports import NotMeasured
from darkroom.providers.engine.image_alpha import has_alpha
from darkroom.providers.engine.input_files import InputFileSet
from darkroom.providers.engine.picture_checks import MAX_PIXELS, check_pixels
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.pictures import ScriptedPictures
from tests.fakes.run_adapter import ADAPTERS

MASKED = [
    route
    for adapter in ADAPTERS
    for route in adapter.routes
    if {"image", "mask"} <= route.roles.keys()
]
WITH_IMAGE = [
    route
    for adapter in ADAPTERS
    for route in adapter.routes
    if "image" in route.roles and PNG in route.roles["image"].formats
]


def body_of(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


@cache
def photo(form: str = "PNG") -> bytes:
    """A picture of a size that every route takes."""
    return body_of(Image.effect_noise((512, 512), 60).convert("RGB"), form)


def check(
    route: Route, image: bytes, mask: bytes | None = None, pictures: ScriptedPictures | None = None
) -> None:
    """Check the files as before every paid call."""
    inputs = InMemoryInputs()
    files = {"image": (inputs.put("cat.png", image),)}
    if mask is not None:
        files["mask"] = (inputs.put("cat.mask.png", mask),)
    with InputFileSet(inputs, pictures=pictures) as opened:
        opened.check(JobRequest("ab" * 16, 1, route, None, files))


def refusal(
    route: Route, image: bytes, mask: bytes | None = None, pictures: ScriptedPictures | None = None
) -> InputRefused:
    """The refusal of these files."""
    with pytest.raises(InputRefused) as caught:
        check(route, image, mask, pictures)
    return caught.value


def mask_of(colour: str | tuple[int, ...], mode: str = "L", form: str = "PNG") -> bytes:
    """A mask of one colour."""
    return body_of(Image.new(mode, (512, 512), colour), form)


def name_of(route: Route) -> str:
    """For the test's name."""
    return f"{route.provider}-{route.operation}-{route.model}"


@pytest.mark.parametrize("route", MASKED, ids=name_of)
def test_every_provider_refuses_a_black_mask(route: Route) -> None:
    """The sentence names the file, and the next step is not to pay again."""
    error = refusal(route, photo(), mask_of((0,)))
    assert error.failure.code == "mask-empty"
    assert "cat.mask.png is black everywhere" in error.failure.sentence
    assert "white" in error.failure.next_step
    assert "pay" not in error.failure.next_step


@pytest.mark.parametrize("route", MASKED, ids=name_of)
def test_every_provider_refuses_a_mask_whose_selection_is_in_its_alpha(route: Route) -> None:
    """Providers read colours."""
    image = Image.new("RGBA", (512, 512), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (0, 0, 99, 99))
    error = refusal(route, photo(), body_of(image))
    assert error.failure.code == "mask-in-alpha"
    assert "without transparency" in error.failure.next_step


@pytest.mark.parametrize("route", MASKED, ids=name_of)
def test_mask_that_selects_something_is_taken(route: Route) -> None:
    """Grey with a white part."""
    mask = Image.new("L", (512, 512))
    mask.paste(255, (100, 100, 200, 200))
    check(route, photo(), body_of(mask))


@pytest.mark.parametrize("route", WITH_IMAGE, ids=name_of)
def test_every_provider_refuses_a_picture_that_is_cut_off(route: Route) -> None:
    """Nothing is paid for half a photo."""
    error = refusal(route, photo()[:-20])
    assert error.failure.code == "picture-cut-off"
    assert "cat.png is cut off" in error.failure.sentence
    assert "pay" not in error.failure.next_step
    if JPEG in route.roles["image"].formats:
        assert refusal(route, photo("JPEG")[:-20]).failure.code == "picture-cut-off"


@pytest.mark.parametrize("route", WITH_IMAGE, ids=name_of)
def test_every_provider_refuses_a_picture_that_claims_too_much(route: Route) -> None:
    """A file of a few bytes that says that it is gigapixels."""
    error = refusal(route, _with_size(photo(), 30_000, 30_000))
    assert error.failure.code == "picture-damaged"
    assert "30000 x 30000" in error.failure.sentence
    assert "pay" not in error.failure.next_step


@pytest.mark.parametrize("media", [JPEG, WEBP, TIFF, GIF, BMP, AVIF])
def test_picture_with_more_pixels_than_anybody_decodes_is_refused(media: Media) -> None:
    """Whatever its format: one colour takes little space in most of them."""
    body = io.BytesIO(bytes(1_000_000))
    side = int(MAX_PIXELS**0.5)
    check_pixels("cat", body, media, (side, side))
    with pytest.raises(InputRefused) as caught:
        check_pixels("cat", body, media, (side, side + 100))
    assert caught.value.failure.code == "picture-too-large"


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_best_compressed_picture_is_taken(form: str, mode: str) -> None:
    """What a real encoder makes of one colour is below the limit."""
    if (form, mode) == ("JPEG", "1"):
        return
    body = body_of(Image.new(mode, (8_000, 8_000)), form, optimize=True)
    check_pixels("cat", io.BytesIO(body), PNG if form == "PNG" else JPEG, (8_000, 8_000))


def test_mask_of_another_format_is_looked_at_where_that_is_possible() -> None:
    """Without an image library it is taken: only PNG masks are checked."""
    route = next(one for one in MASKED if JPEG in one.roles["mask"].formats)
    black = mask_of((0,), form="JPEG")
    check(route, photo("JPEG"), black)
    seen = ScriptedPictures()
    seen.script.append(Measured(Look(512, 512, flat=True, black=True)))
    error = refusal(route, photo("JPEG"), black, pictures=seen)
    assert error.failure.code == "mask-empty"
    check(route, photo("JPEG"), black, ScriptedPictures())  # it has seen something white


def test_mask_whose_look_fails_is_taken() -> None:
    """The provider decides."""
    route = next(one for one in MASKED if JPEG in one.roles["mask"].formats)
    seen = ScriptedPictures()
    seen.script.append(NotMeasured("It took too long."))
    check(route, photo("JPEG"), mask_of((0,), form="JPEG"), seen)


@pytest.mark.parametrize(
    ("mode", "form", "media", "transparent"),
    [
        ("RGBA", "PNG", PNG, True),
        ("LA", "PNG", PNG, True),
        ("RGB", "PNG", PNG, False),
        ("L", "PNG", PNG, False),
        ("RGBA", "WEBP", WEBP, True),
        ("RGB", "WEBP", WEBP, False),
        ("RGB", "JPEG", JPEG, False),
    ],
)
def test_transparency_is_told_by_the_header(
    mode: str, form: str, media: Media, *, transparent: bool
) -> None:
    """Of lossy and lossless files; nothing is decoded."""
    image = Image.new("RGBA", (60, 40), (9, 9, 9, 0)).convert(mode)
    bodies = [body_of(image, form)]
    if form == "WEBP":
        bodies.append(body_of(image, form, lossless=True))
    for body in bodies:
        assert has_alpha(io.BytesIO(body), media) is transparent
        for length in range(0, 40, 3):
            has_alpha(io.BytesIO(body[:length]), media)  # raises nothing


def test_transparent_colour_of_a_palette_is_transparency() -> None:
    """It stands in a chunk of its own."""
    body = body_of(Image.new("P", (60, 40)), transparency=0)
    assert has_alpha(io.BytesIO(body), PNG)


def _with_size(body: bytes, width: int, height: int) -> bytes:
    """A PNG with another size in its header."""
    head = body[12:16] + struct.pack(">II", width, height) + body[24:29]
    return body[:12] + head + struct.pack(">I", zlib.crc32(head)) + body[33:]
