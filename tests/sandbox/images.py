"""Small images for the sandbox tests, drawn and decoded without the sandbox's own code."""

import base64
import io
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Array: TypeAlias = npt.NDArray[np.uint8]


def photo(width: int = 96, height: int = 64) -> Array:
    """Draw a red disc on a grainy blue and green background."""
    rows, columns = np.mgrid[:height, :width]
    background = np.dstack(
        [np.full((height, width), 40), 90 + 60 * rows // height, 150 + 60 * columns // width]
    )
    grain = np.random.default_rng(7).integers(-6, 7, background.shape)
    image = np.clip(background + grain, 0, 255).astype(np.uint8)
    inside = disc(width, height) > 0
    image[inside] = (205, 60, 45)
    return image


def disc(width: int = 96, height: int = 64) -> Array:
    """Return where the disc of `photo` is, as 0 and 255."""
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(columns - width / 2, rows - height / 2)
    return np.asarray((distance < height * 0.3) * 255, dtype=np.uint8)


def grey_photo(width: int = 96, height: int = 64) -> Array:
    """Return the photo without its colours."""
    grey = photo(width, height).mean(axis=2).astype(np.uint8)
    return np.dstack([grey, grey, grey])


def text_photo() -> Array:
    """Write bright words across a grey image."""
    image = Image.new("RGB", (220, 80), (90, 90, 90))
    ImageDraw.Draw(image).text((20, 25), "SAMPLE TEXT 42", fill=(255, 255, 255), font_size=24)
    return np.asarray(image, dtype=np.uint8)


def wire_photo() -> Array:
    """Draw a thin dark line across a bright sky."""
    image = Image.new("RGB", (160, 100), (140, 180, 225))
    ImageDraw.Draw(image).line((0, 30, 159, 60), fill=(20, 20, 25), width=2)
    return np.asarray(image, dtype=np.uint8)


def square_mask(width: int = 96, height: int = 64) -> Array:
    """Draw a red square on a transparent image, as a brush does."""
    mask = np.zeros((height, width, 4), np.uint8)
    mask[height // 4 : height // 2, width // 4 : width // 2] = (255, 0, 0, 255)
    return mask


def plane_mask(width: int = 96, height: int = 64) -> Array:
    """Draw the same square white on black."""
    return np.ascontiguousarray(square_mask(width, height)[:, :, 0])


def as_png(image: Array) -> bytes:
    """Encode as PNG."""
    return _encode(image, "PNG")


def as_jpeg(image: Array) -> bytes:
    """Encode as JPEG."""
    return _encode(image, "JPEG")


def read(content: bytes) -> Array:
    """Decode to an array with the image's own channels."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image, dtype=np.uint8)


def read_base64(text: str) -> Array:
    """Decode base64 to an array."""
    return read(base64.b64decode(text, validate=True))


def difference(one: Array, other: Array) -> float:
    """Return the mean absolute difference of two images of one size."""
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())


def _encode(image: Array, form: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, form)
    return content.getvalue()
