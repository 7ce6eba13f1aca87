"""Small images for the sandbox tests, drawn and decoded without the sandbox's own code."""

import base64
import io
from typing import Literal, TypeAlias

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
    return encode_as(image, "PNG")


def as_jpeg(image: Array) -> bytes:
    """Encode as JPEG."""
    return encode_as(image, "JPEG")


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


def portrait(width: int = 120, height: int = 160) -> Array:
    """Draw a head with skin's colour and shoulders, before a grainy wall."""
    grain = np.random.default_rng(5).integers(-6, 7, (height, width, 3))
    wall = np.clip(np.array((92, 110, 128)) + grain, 0, 255).astype(np.uint8)
    image = Image.fromarray(wall)
    draw = ImageDraw.Draw(image)
    draw.rectangle((width * 0.2, height * 0.62, width * 0.8, height), fill=(40, 45, 120))
    draw.ellipse((width * 0.3, height * 0.15, width * 0.7, height * 0.68), fill=(214, 160, 132))
    return np.asarray(image, dtype=np.uint8)


def as_data(content: bytes, mime: str = "image/png") -> str:
    """Encode as a data URI."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def png_photo(width: int = 96, height: int = 64) -> bytes:
    """Encode a photo as PNG."""
    return as_png(photo(width, height))


def encode_as(image: Array, form: Literal["TIFF", "GIF", "WEBP", "JPEG", "PNG"]) -> bytes:
    """Encode in a format of Pillow."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, form)
    return content.getvalue()
