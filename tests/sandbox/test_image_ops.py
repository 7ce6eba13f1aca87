"""The image operations keep their promises on difficult images."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from infra.sandbox.image_ops.codec import BadImageError, decode, encode
from infra.sandbox.image_ops.cutout import find_subject, grab_cut
from infra.sandbox.image_ops.detect import find_objects, find_text, find_wires
from infra.sandbox.image_ops.fill import heal
from tests.sandbox.images import Array, as_png, difference, photo, read


def _noise(width: int, height: int) -> Array:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _plain(width: int, height: int) -> Array:
    return np.full((height, width, 3), 128, np.uint8)


@pytest.mark.parametrize(
    "image",
    [photo(), photo(600, 400), _plain(90, 60), _noise(90, 60), _plain(300, 7), _noise(5, 40)],
    ids=["small", "photo", "plain", "noise", "flat strip", "thin strip"],
)
def test_cutout_always_has_subject_and_background(image: Array) -> None:
    """There are transparent and opaque pixels, and the box is inside the image."""
    subject = find_subject(image)

    assert subject.matte.shape == image.shape[:2]
    assert (subject.matte == 0).any()
    assert (subject.matte == 255).any()
    x1, y1, x2, y2 = subject.box
    assert 0 <= x1 < x2 <= image.shape[1]
    assert 0 <= y1 < y2 <= image.shape[0]


def test_cutout_is_deterministic() -> None:
    """Equal images have equal cutouts."""
    first = find_subject(photo())
    find_subject(_noise(90, 60))
    grab_cut.clear()

    assert (find_subject(photo()).matte == first.matte).all()


def test_plain_image_has_no_detections() -> None:
    """No objects, no text, no wires."""
    image = _plain(120, 80)

    assert find_objects(image) == []
    assert find_text(image) is None
    assert find_wires(image) is None


def test_grey_photo_of_16_bits_keeps_its_tones() -> None:
    """Its values are scaled to 8 bits; clipped, all of it would be white."""
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    content = io.BytesIO()
    Image.fromarray(values).save(content, "PNG")
    rgb = decode(content.getvalue()).rgb
    assert rgb.shape == (64, 64, 3)
    assert np.abs(rgb[..., 0].astype(int) - values // 257).max() <= 1


def test_colour_profile_is_applied() -> None:
    """The results have none, so their colours are converted to sRGB; a broken one is ignored."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    at_red, at_blue = srgb.index(b"rXYZ"), srgb.index(b"bXYZ")
    swapped = bytearray(srgb)
    swapped[at_red : at_red + 4], swapped[at_blue : at_blue + 4] = b"bXYZ", b"rXYZ"
    image = Image.new("RGBA", (8, 8), (250, 10, 10, 128))

    def colour_of(profile: bytes) -> Array:
        content = io.BytesIO()
        image.save(content, "PNG", icc_profile=profile)
        decoded = decode(content.getvalue())
        assert decoded.alpha is not None
        assert (decoded.alpha == 128).all()
        return np.asarray(decoded.rgb[0, 0], dtype=np.uint8)

    assert colour_of(bytes(swapped))[2] > 200
    assert list(colour_of(srgb)) == [250, 10, 10]
    assert list(colour_of(b"\0" * 16 + b"RGB " + b"\0" * 200)) == [250, 10, 10]


def test_full_mask_can_be_healed() -> None:
    """There is a result even without surroundings to heal from."""
    image = photo()
    healed = heal(image, np.full(image.shape[:2], 255, np.uint8))

    assert healed.shape == image.shape


def test_large_image_is_healed_at_its_own_size() -> None:
    """Healing works on a small copy; pixels outside the mask stay untouched."""
    image = photo(900, 600)
    mask = np.zeros((600, 900), np.uint8)
    mask[80:180, 400:500] = 255
    healed = heal(image, mask)

    assert (healed[mask == 0] == image[mask == 0]).all()
    assert difference(healed[mask > 0], image[mask > 0]) > 3


@pytest.mark.parametrize("form", ["png", "jpg", "webp"])
def test_encoded_image_can_be_decoded(form: str) -> None:
    """Colours survive every format, within its compression."""
    decoded = decode(encode(photo(), form))

    assert difference(decoded.rgb, photo()) < 5
    assert decoded.size == (96, 64)


def test_transparency_becomes_white_in_a_jpeg() -> None:
    """JPEG has no alpha."""
    clear = np.zeros((8, 8, 4), np.uint8)

    assert (read(encode(clear, "jpg")) > 250).all()


@pytest.mark.parametrize("content", [b"", b"GIF89a", as_png(photo())[:200]])
def test_invalid_bytes_are_a_bad_image(content: bytes) -> None:
    """Empty, foreign and truncated bytes raise the same error."""
    with pytest.raises(BadImageError):
        decode(content)
