"""The demo's checks accept right results and refuse wrong ones."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from infra.cli.demo import image_checks as checks
from tests.cli.factories import make_mask, make_photo

PHOTO = make_photo()
MASK = make_mask()


def cut() -> Image.Image:
    """The photo with a transparent left half."""
    image = PHOTO.convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 48))
    return image


def filled() -> Image.Image:
    """The photo with the masked region painted green."""
    image = PHOTO.copy()
    image.paste((0, 255, 0), mask=MASK)
    return image


GOOD = [
    (checks.doubled, PHOTO, PHOTO.resize((128, 96), Image.Resampling.BICUBIC)),
    (checks.cut_out, PHOTO, cut()),
    (checks.mask_filled, PHOTO, filled()),
    (checks.coloured, PHOTO.convert("L"), PHOTO),
    (checks.edited, PHOTO, ImageOps.posterize(PHOTO, 2)),
    (checks.drawn(64 / 48), PHOTO, PHOTO),
]


@pytest.mark.parametrize(("check", "source", "result"), GOOD)
def test_a_check_accepts_a_right_result(
    check: checks.Check, source: Image.Image, result: Image.Image
) -> None:
    """A right result has no problem."""
    assert check(source, result, MASK) is None


@pytest.mark.parametrize(("check", "source", "_result"), GOOD[:-1])
def test_every_check_refuses_the_unchanged_source(
    check: checks.Check, source: Image.Image, _result: Image.Image
) -> None:
    """A provider that returns the photo unchanged has done nothing."""
    assert check(source, source.copy(), MASK)


@pytest.mark.parametrize(
    ("check", "result", "part"),
    [
        (checks.doubled, PHOTO.resize((127, 96)), "127 x 96"),
        (checks.doubled, Image.new("RGB", (128, 96), "black"), "different image"),
        (checks.cut_out, cut().resize((32, 24)), "32 x 24"),
        (checks.cut_out, PHOTO.convert("RGBA"), "transparent"),
        (checks.cut_out, Image.new("RGBA", PHOTO.size), "opaque"),
        (checks.mask_filled, filled().resize((128, 96)), "128 x 96"),
        (checks.mask_filled, ImageOps.invert(PHOTO), "outside"),
        (checks.coloured, PHOTO.resize((32, 24)), "32 x 24"),
        (checks.coloured, PHOTO.convert("L").convert("RGB"), "grey"),
        (checks.drawn(3 / 2), PHOTO, "times as wide"),
        (checks.drawn(1), Image.new("RGB", (64, 64), "red"), "blank"),
    ],
)
def test_a_check_says_what_is_wrong(check: checks.Check, result: Image.Image, part: str) -> None:
    """The sentence names the fault."""
    assert part in (check(PHOTO, result, MASK) or "")


def test_a_missing_mask_is_a_problem() -> None:
    """Without a mask nothing can be compared."""
    assert checks.mask_filled(PHOTO, filled(), None)


def test_the_edge_of_a_mask_may_blend() -> None:
    """A soft transition around the mask is allowed."""
    soft = PHOTO.copy()
    ImageDraw.Draw(soft).rectangle((14, 10, 49, 37), fill=(0, 255, 0))
    assert checks.mask_filled(PHOTO, soft, MASK) is None


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n broken"])
def test_a_file_that_is_not_an_image_is_refused(tmp_path: Path, content: bytes) -> None:
    """The message names the file."""
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.png"):
        checks.open_image(path)


def test_a_truncated_image_is_refused(tmp_path: Path) -> None:
    """Half a download is not an image."""
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    path = tmp_path / "x.png"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(ValueError, match=r"x\.png"):
        checks.open_image(path)
