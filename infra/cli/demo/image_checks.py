"""Whether a result differs from its source as its operation says; every check can say no.

Each check gets the source, the result and the mask, and returns a sentence about what is wrong,
or None. They look at pixels only and know nothing of tasks.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter, UnidentifiedImageError

Check = Callable[[Image.Image, Image.Image, Image.Image | None], str | None]

CHANGED: Final = 4.0
"""Mean difference of a changed picture, of 255; far above what saving it again makes."""
SAME: Final = 3.0
"""Mean difference of an unchanged region: a JPEG saved again stays below."""
ALIKE: Final = 25.0
"""Mean difference of a picture and its enlargement made small again."""
COLOURFUL: Final = 3.0
"""Mean spread between a pixel's channels; a grey picture has 0."""
MIN_SHARE: Final = 0.05
RIM: Final = 9
"""Pixels around a mask that an edit may blend into."""


def open_image(path: Path) -> Image.Image:
    """The picture, decoded to its last pixel.

    Raises:
        ValueError: it is none, or broken.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return image.copy()
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{path.name} cannot be opened as an image") from error


def doubled(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """Twice as wide and as high, and still the same picture."""
    del mask
    wanted = (source.width * 2, source.height * 2)
    if result.size != wanted:
        return f"it is {_size(result)}, not twice {_size(source)}"
    apart = _difference(source, result.resize(source.size, Image.Resampling.BOX))
    return None if apart < ALIKE else f"it shows something else (differs by {apart:.0f} of 255)"


def cut_out(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """The same size, with pixels that are all transparent and others that are all opaque."""
    del mask
    if result.size != source.size:
        return f"it is {_size(result)}, and its source {_size(source)}"
    if "A" not in result.getbands():
        return "it has no transparency"
    alpha = np.asarray(result.getchannel("A"))
    for value, what in ((0, "transparent"), (255, "opaque")):
        if float(np.mean(alpha == value)) < MIN_SHARE:
            return f"hardly any of it is {what}"
    return None


def mask_filled(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """Changed where the mask is white, the same elsewhere."""
    if mask is None:
        return "there is no mask to compare with"
    if result.size != source.size:
        return f"it is {_size(result)}, and its source {_size(source)}"
    white = mask.convert("L").resize(source.size).point(lambda value: 255 * (value > 127))  # noqa: PLR2004 - half of white
    inside = np.asarray(white.filter(ImageFilter.MinFilter(RIM))) > 0
    outside = np.asarray(white.filter(ImageFilter.MaxFilter(RIM))) == 0
    apart = _differences(source, result)
    changed, kept = float(apart[inside].mean()), float(apart[outside].mean())
    if changed < CHANGED:
        return f"the masked region is as it was (differs by {changed:.1f} of 255)"
    return None if kept < SAME else f"it changed outside of the mask too (by {kept:.1f} of 255)"


def coloured(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """A grey picture that got colours."""
    del mask
    if result.size != source.size:
        return f"it is {_size(result)}, and its source {_size(source)}"
    before, after = _colour(source), _colour(result)
    if after < COLOURFUL or after < 2 * before:
        return f"it is as grey as before (colour {before:.1f}, then {after:.1f} of 255)"
    return None


def larger(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """More of the picture on at least one side, and none of it lost."""
    del mask
    grown = result.width > source.width or result.height > source.height
    kept = result.width >= source.width and result.height >= source.height
    return None if grown and kept else f"it is {_size(result)}, and its source {_size(source)}"


def edited(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
    """Visibly another picture than its source."""
    del mask
    apart = _difference(source, result.resize(source.size))
    return None if apart >= CHANGED else f"it is like its source (differs by {apart:.1f} of 255)"


def drawn(ratio: float) -> Check:
    """A check for a picture made from words: of this width to height, and not blank."""

    def check(source: Image.Image, result: Image.Image, mask: Image.Image | None) -> str | None:
        del source, mask
        if abs(result.width / result.height / ratio - 1) > 0.02:  # noqa: PLR2004 - whole pixels
            return f"it is {_size(result)}, not {ratio:.2f} times as wide as high"
        spread = float(np.asarray(result.convert("L")).std())
        return None if spread >= CHANGED else "it is blank"

    return check


def _differences(one: Image.Image, other: Image.Image) -> NDArray[np.float64]:
    """Per pixel, the mean difference of the three channels, of 255."""
    apart = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    channels: NDArray[np.float64] = np.asarray(apart, dtype=np.float64)
    means: NDArray[np.float64] = channels.mean(axis=2)
    return means


def _difference(one: Image.Image, other: Image.Image) -> float:
    return float(_differences(one, other).mean())


def _colour(image: Image.Image) -> float:
    pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
    return float((pixels.max(axis=2) - pixels.min(axis=2)).mean())


def _size(image: Image.Image) -> str:
    return f"{image.width} x {image.height}"
