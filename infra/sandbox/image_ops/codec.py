"""Bytes to pixels and back."""

import io
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

Pixels: TypeAlias = npt.NDArray[np.uint8]

READABLE = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MIMES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
MAX_PIXELS = 50_000_000
JPEG_QUALITY = 92

# The edits are small and the machine is shared; one thread also keeps their duration predictable.
cv2.setNumThreads(1)


class BadImageError(Exception):
    """The bytes are not an image that can be edited; the message gives the reason."""


@dataclass(frozen=True)
class Photo:
    """A decoded image: its colours, and its alpha channel if it has one."""

    rgb: Pixels
    alpha: Pixels | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return int(self.rgb.shape[1]), int(self.rgb.shape[0])


def decode(content: bytes) -> Photo:
    """Decode the first frame, upright, or raise `BadImageError`."""
    try:
        with Image.open(io.BytesIO(content), formats=READABLE) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise BadImageError(f"the image has more than {MAX_PIXELS} pixels")
            with_alpha = np.asarray(to_rgba(ImageOps.exif_transpose(image)), dtype=np.uint8)
    except UnidentifiedImageError as exc:
        raise BadImageError("the file is not an image of a known format") from exc
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        raise BadImageError("the image is damaged") from exc
    alpha = with_alpha[:, :, 3]
    opaque = bool((alpha == 255).all())  # noqa: PLR2004 - the top of a byte
    rgb = np.ascontiguousarray(with_alpha[:, :, :3])
    return Photo(rgb, None if opaque else np.ascontiguousarray(alpha))


def to_rgba(image: Image.Image) -> Image.Image:
    """The image as RGBA in sRGB, 8 bits a channel.

    More bits are scaled: Pillow's own conversion clips them, and makes a grey photo of 16 bits
    white. A colour profile is applied: the results have none.
    """
    profile = image.info.get("icc_profile")
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image, dtype=np.float64)
        low, high = (float(values.min()), float(values.max())) if image.mode == "F" else (0, 65535)
        scaled = (values - low) / max(high - low, 1e-9) * 255
        return Image.fromarray(as_bytes(scaled)).convert("RGBA")
    if isinstance(profile, bytes) and image.mode in _MODES_OF.get(profile[16:20], ()):
        image = _in_srgb(image, profile)
    return image.convert("RGBA")


_MODES_OF = {b"RGB ": ("RGB", "RGBA", "RGBX"), b"CMYK": ("CMYK",)}
"""A profile's colour space, from its header -> the modes that it can be applied to."""


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The image converted from its profile; as it is if the profile cannot be read."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        colours = "RGB" if image.mode.startswith("RGB") else image.mode
        converted = ImageCms.profileToProfile(
            image.convert(colours), source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if converted is None:
        return image
    if image.mode == "RGBA":
        converted.putalpha(image.getchannel("A"))
    return converted


def encode(pixels: Pixels, form: str = "png") -> bytes:
    """Encode grey, RGB or RGBA pixels as `png`, `jpg` or `webp`; JPEG gets a white background."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004 - a plane has two axes
    if channels == 4 and form == "jpg":  # noqa: PLR2004 - four channels are RGBA
        pixels, channels = flatten_on_white(pixels), 3
    order = {1: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[channels]
    ordered = pixels if order is None else cv2.cvtColor(pixels, order)
    options = {
        "png": [],  # OpenCV's own choice is quick; every explicit level is slow
        "jpg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, JPEG_QUALITY],
    }[form]
    done, content = cv2.imencode(f".{form}", ordered, options)
    if not done:
        raise BadImageError(f"the image cannot be written as {form}")
    return content.tobytes()


def with_alpha(rgb: Pixels, alpha: Pixels) -> Pixels:
    """Combine colours and alpha; fully transparent pixels become black."""
    visible = rgb * (alpha > 0)[:, :, None].astype(np.uint8)
    return np.dstack([visible, alpha])


def flatten_on_white(rgba: Pixels) -> Pixels:
    """Flatten RGBA onto white."""
    share = rgba[:, :, 3:].astype(np.float32) / 255
    return as_bytes(rgba[:, :, :3] * share + 255 * (1 - share))


def as_bytes(values: npt.ArrayLike) -> Pixels:
    """Round and clip to bytes; an array of bytes is returned as it is."""
    if isinstance(values, np.ndarray) and values.dtype == np.uint8:
        return values
    return np.clip(np.rint(np.asarray(values, dtype=np.float32)), 0, 255).astype(np.uint8)
