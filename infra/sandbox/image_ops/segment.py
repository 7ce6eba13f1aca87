"""Masks by prompt, such as "red car, sky".

A word for a colour selects the pixels of that colour, a word for surroundings the background, and
every other word the subject.
"""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.mask import dilate

AROUND = frozenset({"background", "sky", "wall", "floor", "ground", "water", "surroundings"})
# Hues in OpenCV's half degrees; red wraps around.
HUES = {
    "red": ((0, 9), (171, 180)),
    "orange": ((10, 22),),
    "yellow": ((23, 33),),
    "green": ((34, 85),),
    "blue": ((86, 130),),
    "purple": ((131, 160),),
    "pink": ((161, 170),),
}
VIVID = (70, 50)  # minimum saturation and value of a pixel with a colour
MIDDLE = 127


def mask_by_prompt(rgb: Pixels, prompt: str, negative: str = "", factor: int = 0) -> Pixels:
    """Return the mask of a prompt without the negative prompt's, grown or shrunk by `factor`."""
    subject = as_bytes((find_subject(rgb).matte > MIDDLE) * 255)
    meant = _union_mask(rgb, subject, prompt)
    if negative.strip():
        meant = np.where(_union_mask(rgb, subject, negative) > 0, np.uint8(0), meant)
    if factor > 0:
        return dilate(meant, factor)
    if factor < 0:
        # The border counts as outside, so that a mask of the whole image shrinks too.
        framed = cv2.copyMakeBorder(meant, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (1 - 2 * factor, 1 - 2 * factor))
        return as_bytes(cv2.erode(framed, kernel))[1:-1, 1:-1].copy()
    return meant


def _union_mask(rgb: Pixels, subject: Pixels, prompt: str) -> Pixels:
    meant = np.zeros(subject.shape, np.uint8)
    for part in prompt.lower().split(","):
        if part.strip():
            meant = np.maximum(meant, _part_mask(rgb, subject, set(part.split())))
    return meant


def _part_mask(rgb: Pixels, subject: Pixels, words: set[str]) -> Pixels:
    colours = [name for name in HUES if name in words]
    if colours:
        return _colour_mask(rgb, colours)
    return as_bytes(255 - subject) if words & AROUND else subject


def _colour_mask(rgb: Pixels, names: list[str]) -> Pixels:
    tones = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    for name in names:
        for low, high in HUES[name]:
            lower, upper = np.array([low, *VIVID], np.uint8), np.array([high, 255, 255], np.uint8)
            mask |= as_bytes(cv2.inRange(tones, lower, upper))
    return mask
