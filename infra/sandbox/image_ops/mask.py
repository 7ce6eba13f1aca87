"""Reads and changes masks."""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Photo, Pixels

PAINTED = 10  # a channel above this counts as painted
WHITE = 127  # a grey value above this counts as white


def read_brush_mask(mask: Photo, size: tuple[int, int]) -> Pixels:
    """Read a brush mask: pixels painted in any colour on black or transparency are set."""
    meant = mask.rgb.max(axis=2) > PAINTED
    if mask.alpha is not None:
        meant &= mask.alpha > 0
    return _fit(meant.astype(np.uint8) * 255, size)


def read_white_mask(mask: Photo, size: tuple[int, int]) -> Pixels:
    """Read a black and white mask: white pixels that are not transparent are set."""
    meant = cv2.cvtColor(mask.rgb, cv2.COLOR_RGB2GRAY) > WHITE
    if mask.alpha is not None:
        meant &= mask.alpha > WHITE
    return _fit(meant.astype(np.uint8) * 255, size)


def dilate(mask: Pixels, pixels: int) -> Pixels:
    """Grow a mask by `pixels` on all sides."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return np.asarray(cv2.dilate(mask, kernel), dtype=np.uint8)


def mask_to_rgba(mask: Pixels) -> Pixels:
    """Draw a mask as the detections return it: red where it is set, transparent elsewhere."""
    red = np.zeros((*mask.shape, 4), np.uint8)
    red[mask > 0] = (255, 0, 0, 255)
    return red


def _fit(mask: Pixels, size: tuple[int, int]) -> Pixels:
    if (mask.shape[1], mask.shape[0]) == size:
        return mask
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
