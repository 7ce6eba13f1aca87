"""Changes light and colour: restores, colorizes, evens out."""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes

# Brightness -> the two colour channels of CIELAB: cool shadows, warm midtones, pale highlights.
SHADES = np.array([0, 64, 128, 192, 255])
GREEN_RED = np.array([126, 132, 144, 138, 128])
BLUE_YELLOW = np.array([112, 122, 150, 148, 134])
NEUTRAL = 128  # the value of a colour channel of CIELAB without colour
# Of `colour_variants`: the strength of the colours, and their shift to warm (+) or cold (-).
VARIANTS = ((1.0, 0), (1.5, 0), (1.1, 9), (1.1, -9))


def denoise(rgb: Pixels) -> Pixels:
    """Remove scratches and noise, and keep edges."""
    smooth = cv2.bilateralFilter(cv2.medianBlur(rgb, 3), 7, 35, 7)
    return even_light(as_bytes(smooth), 1.2)


def colorize(rgb: Pixels) -> Pixels:
    """Colour the image by its brightness, in place of its own colours."""
    light = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    tones = np.arange(256)
    green_red = as_bytes(np.interp(tones, SHADES, GREEN_RED))[light]
    blue_yellow = as_bytes(np.interp(tones, SHADES, BLUE_YELLOW))[light]
    return as_bytes(cv2.cvtColor(np.dstack([light, green_red, blue_yellow]), cv2.COLOR_LAB2RGB))


def colour_variants(rgb: Pixels) -> list[Pixels]:
    """Return the image colorized in four ways: plain, strong, warm, cold."""
    tones = np.asarray(cv2.cvtColor(colorize(rgb), cv2.COLOR_RGB2LAB), np.float32)
    variants = []
    for strength, warmth in VARIANTS:
        shifted = tones.copy()
        shifted[:, :, 1:] = NEUTRAL + (tones[:, :, 1:] - NEUTRAL) * strength + warmth
        variants.append(as_bytes(cv2.cvtColor(as_bytes(shifted), cv2.COLOR_LAB2RGB)))
    return variants


def even_light(rgb: Pixels, strength: float = 2.5) -> Pixels:
    """Even out the light by local contrast."""
    lab = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), dtype=np.uint8).copy()
    equal = cv2.createCLAHE(clipLimit=strength, tileGridSize=(4, 4))
    lab[:, :, 0] = equal.apply(lab[:, :, 0])
    return as_bytes(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def tame_highlights(rgb: Pixels) -> Pixels:
    """Darken overexposed parts and even out the rest."""
    curve = as_bytes(255 * (np.arange(256) / 255) ** 1.5)
    return even_light(curve[rgb], 2.0)


def blend(old: Pixels, new: Pixels, strength: float) -> Pixels:
    """Mix two images of one size; strength 0 is the old one, 1 the new one."""
    return as_bytes(cv2.addWeighted(new, strength, old, 1 - strength, 0))
