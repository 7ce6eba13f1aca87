"""Masks by words: what a prompt such as "red car, sky" would mean in a picture.

Words for colours mean what has that colour, words for surroundings what is not the subject, and
every other word means the subject.
"""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.mask import grown

AROUND = frozenset({"background", "sky", "wall", "floor", "ground", "water", "surroundings"})
# Hues in OpenCV's half degrees; red goes round the end.
HUES = {
    "red": ((0, 9), (171, 180)),
    "orange": ((10, 22),),
    "yellow": ((23, 33),),
    "green": ((34, 85),),
    "blue": ((86, 130),),
    "purple": ((131, 160),),
    "pink": ((161, 170),),
}
VIVID = (70, 50)  # saturation and value from which a pixel has a colour
MIDDLE = 127


def mask_of(rgb: Pixels, prompt: str, negative: str = "", factor: int = 0) -> Pixels:
    """Return what the prompt's parts mean, less the negative's, grown or shrunk by `factor`."""
    subject = as_bytes((find_subject(rgb).matte > MIDDLE) * 255)
    meant = _union(rgb, subject, prompt)
    if negative.strip():
        meant = np.where(_union(rgb, subject, negative) > 0, np.uint8(0), meant)
    if factor > 0:
        return grown(meant, factor)
    if factor < 0:
        # The border counts as outside, so that a mask of the whole picture shrinks too.
        framed = cv2.copyMakeBorder(meant, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (1 - 2 * factor, 1 - 2 * factor))
        return as_bytes(cv2.erode(framed, kernel))[1:-1, 1:-1].copy()
    return meant


def _union(rgb: Pixels, subject: Pixels, prompt: str) -> Pixels:
    meant = np.zeros(subject.shape, np.uint8)
    for part in prompt.lower().split(","):
        if part.strip():
            meant = np.maximum(meant, _one(rgb, subject, set(part.split())))
    return meant


def _one(rgb: Pixels, subject: Pixels, words: set[str]) -> Pixels:
    colours = [name for name in HUES if name in words]
    if colours:
        return _coloured(rgb, colours)
    return as_bytes(255 - subject) if words & AROUND else subject


def _coloured(rgb: Pixels, names: list[str]) -> Pixels:
    tones = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    for name in names:
        for low, high in HUES[name]:
            lower, upper = np.array([low, *VIVID], np.uint8), np.array([high, 255, 255], np.uint8)
            mask |= as_bytes(cv2.inRange(tones, lower, upper))
    return mask
