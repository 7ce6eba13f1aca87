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


def test_a_check_accepts_a_right_result_and_refuses_the_unchanged_source() -> None:
    """A provider that returns the photo unchanged has done nothing."""
    for check, source, result in GOOD:
        assert check(source, result, MASK) is None, check
    for check, source, _ in GOOD[:-1]:
        assert check(source, source.copy(), MASK), check


def test_a_check_says_what_is_wrong() -> None:
    """The sentence names the fault."""
    wrong = [
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
    ]
    for check, result, part in wrong:
        assert part in (check(PHOTO, result, MASK) or ""), (check, part)


def test_a_missing_mask_is_a_problem() -> None:
    """Without a mask nothing can be compared."""
    assert checks.mask_filled(PHOTO, filled(), None)


def test_the_edge_of_a_mask_may_blend() -> None:
    """A soft transition around the mask is allowed."""
    soft = PHOTO.copy()
    ImageDraw.Draw(soft).rectangle((14, 10, 49, 37), fill=(0, 255, 0))
    assert checks.mask_filled(PHOTO, soft, MASK) is None


def test_a_file_that_is_not_a_complete_image_is_refused(tmp_path: Path) -> None:
    """Half a download is not an image; the message names the file."""
    path = tmp_path / "x.png"
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    half = path.read_bytes()[:4000]
    for content in (b"", b"not an image", b"\x89PNG\r\n\x1a\n broken", half):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"x\.png"):
            checks.open_image(path)
