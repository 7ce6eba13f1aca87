"""Checks that a result differs from its source in the way its operation promises.

Each check gets the source, the result and the mask, and returns a sentence about the problem, or
None. Checks compare pixels only.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter, UnidentifiedImageError

Check = Callable[[Image.Image, Image.Image, Image.Image | None], str | None]

MIN_CHANGE: Final = 4.0
"""Least mean difference of an edited image, of 255; far above that of saving it again."""
MAX_NOISE: Final = 3.0
"""Mean difference of an unchanged region: a JPEG saved again stays below."""
MAX_SCALING_NOISE: Final = 25.0
"""Mean difference between an image and its enlargement scaled back."""
MIN_COLOUR: Final = 3.0
"""Least mean spread between a pixel's channels; a grey image has 0."""
MIN_SHARE: Final = 0.05
"""Least share of transparent pixels, and of opaque ones, in a cut-out."""
BLEND_WIDTH: Final = 9
"""Pixels around a mask that an edit may blend into."""


def open_image(path: Path) -> Image.Image:
    """The image, fully decoded.

    Raises:
        ValueError: it is not an image, or broken.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return image.copy()
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{path.name} cannot be opened as an image") from error


def doubled(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """Twice as wide and as high, and the same image."""
    del mask
    doubled_size = (source.width * 2, source.height * 2)
    if result.size != doubled_size:
        return f"it is {_size(result)}, not twice {_size(source)}"
    change = _difference(source, result.resize(source.size, Image.Resampling.BOX))
    if change < MAX_SCALING_NOISE:
        return None
    return f"it is a different image (differs by {change:.0f} of 255)"


def cut_out(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """The same size, with pixels that are all transparent and others that are all opaque."""
    del mask
    if result.size != source.size:
        return f"it is {_size(result)}, its source {_size(source)}"
    if "A" not in result.getbands():
        return "it has no transparency"
    alpha = np.asarray(result.getchannel("A"))
    for value, what in ((0, "transparent"), (255, "opaque")):
        if float(np.mean(alpha == value)) < MIN_SHARE:
            return f"hardly any of it is {what}"
    return None


def mask_filled(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """Changed where the mask is white, unchanged elsewhere."""
    if mask is None:
        return "there is no mask"
    if result.size != source.size:
        return f"it is {_size(result)}, its source {_size(source)}"
    white = mask.convert("L").resize(source.size).point(lambda value: 255 * (value > 127))  # noqa: PLR2004 - half of white
    inside = np.asarray(white.filter(ImageFilter.MinFilter(BLEND_WIDTH))) > 0
    outside = np.asarray(white.filter(ImageFilter.MaxFilter(BLEND_WIDTH))) == 0
    changes = _differences(source, result)
    change_inside, change_outside = changes[inside].mean(), changes[outside].mean()
    if change_inside < MIN_CHANGE:
        return f"the masked region is unchanged (differs by {change_inside:.1f} of 255)"
    if change_outside < MAX_NOISE:
        return None
    return f"it changed outside the mask too (by {change_outside:.1f} of 255)"


def coloured(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """In colour, where the source is grey."""
    del mask
    if result.size != source.size:
        return f"it is {_size(result)}, its source {_size(source)}"
    before, after = _colour(source), _colour(result)
    if after < MIN_COLOUR or after < 2 * before:
        return f"it is still grey (colour {before:.1f} before, {after:.1f} after, of 255)"
    return None


def larger(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """Larger on at least one side, and smaller on none."""
    del mask
    grown = result.width > source.width or result.height > source.height
    kept = result.width >= source.width and result.height >= source.height
    return None if grown and kept else f"it is {_size(result)}, its source {_size(source)}"


def edited(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """Visibly different from its source."""
    del mask
    change = _difference(source, result.resize(source.size))
    if change >= MIN_CHANGE:
        return None
    return f"it is the same as its source (differs by {change:.1f} of 255)"


def drawn(ratio: float) -> Check:
    """A check for a generated image: of this ratio of width to height, and not blank."""

    def check(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
        del source, mask
        if abs(result.width / result.height / ratio - 1) > 0.02:  # noqa: PLR2004 - whole pixels
            return f"it is {_size(result)}, not {ratio:.2f} times as wide as high"
        spread = float(np.asarray(result.convert("L")).std())
        return None if spread >= MIN_CHANGE else "it is blank"

    return check


def _differences(one: Image.Image, other: Image.Image) -> NDArray[np.float64]:
    """Per pixel, the mean difference of the three channels, of 255."""
    difference = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    channels: NDArray[np.float64] = np.asarray(difference, dtype=np.float64)
    means: NDArray[np.float64] = channels.mean(axis=2)
    return means


def _difference(one: Image.Image, other: Image.Image) -> float:
    return float(_differences(one, other).mean())


def _colour(image: Image.Image) -> float:
    pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
    return float((pixels.max(axis=2) - pixels.min(axis=2)).mean())


def _size(image: Image.Image) -> str:
    return f"{image.width} x {image.height}"
