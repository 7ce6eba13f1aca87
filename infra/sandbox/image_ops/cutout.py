"""Separates a subject from its background."""

from dataclasses import dataclass

import cv2
import numpy as np

from infra.sandbox.image_ops.cache import CachedOperation
from infra.sandbox.image_ops.codec import Pixels, as_bytes

WORKING_EDGE = 224  # grabCut's time grows with the pixels; its matte is smooth enough from here
MARGIN = 0.06  # of each edge: the frame that counts as background
SOFT_EDGE = 0.004  # of the longer edge: the width of the matte's fade
BLANK = 2.0  # standard deviation below which an image is blank: grabCut takes seconds on it
PLAUSIBLE_SHARE = (0.02, 0.98)  # of the image; a matte outside this range has failed


@dataclass(frozen=True)
class Subject:
    """The matte of the subject (0 background, 255 subject) and its box x1, y1, x2, y2.

    `certain` is False where no subject was found and an ellipse took its place.
    """

    matte: Pixels
    box: tuple[int, int, int, int]
    certain: bool


def find_subject(rgb: Pixels) -> Subject:
    """Find the subject, or use an ellipse; the matte always has subject and background."""
    height, width = rgb.shape[:2]
    scale = min(1.0, WORKING_EDGE / max(height, width))
    small_size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = as_bytes(cv2.resize(rgb, small_size, interpolation=cv2.INTER_AREA))
    rough = grab_cut(small)
    share = float((rough > 0).mean())
    certain = PLAUSIBLE_SHARE[0] < share < PLAUSIBLE_SHARE[1]
    if not certain:
        rough = _ellipse(small.shape[0], small.shape[1])
    matte = as_bytes(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC))
    blur = max(1, round(max(height, width) * SOFT_EDGE)) * 2 + 1
    matte = as_bytes(cv2.GaussianBlur(matte, (blur, blur), 0))
    matte = _stretch_contrast(matte)
    return Subject(matte, bounding_box(matte), certain)


def bounding_box(mask: Pixels) -> tuple[int, int, int, int]:
    """Return the bounding box of a mask: x1, y1, x2, y2 with the far corner exclusive."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@CachedOperation
def grab_cut(small: Pixels) -> Pixels:
    """Run grabCut: 255 for the subject, 0 for the background; either may be missing."""
    height, width = small.shape[:2]
    if float(small.std(axis=(0, 1)).max()) < BLANK:
        return np.zeros((height, width), np.uint8)
    margin_x, margin_y = max(1, round(width * MARGIN)), max(1, round(height * MARGIN))
    frame = (margin_x, margin_y, width - 2 * margin_x, height - 2 * margin_y)
    labels = np.zeros((height, width), np.uint8)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(1)  # grabCut seeds its clusters at random; equal images get equal mattes
    try:
        cv2.grabCut(small, labels, frame, background, foreground, 3, cv2.GC_INIT_WITH_RECT)
    except cv2.error:
        # An image of one colour has no clusters.
        return np.zeros((height, width), np.uint8)
    found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8) * 255
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    return _largest_parts(as_bytes(cv2.morphologyEx(found, cv2.MORPH_OPEN, kernel)))


def _largest_parts(mask: Pixels) -> Pixels:
    """Keep the parts that are at least a tenth of the largest."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count <= 1:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(areas * 10 >= areas.max())
    return np.isin(labels, kept).astype(np.uint8) * 255


def _ellipse(height: int, width: int) -> Pixels:
    mask = np.zeros((height, width), np.uint8)
    centre = (width // 2, height // 2)
    cv2.ellipse(mask, centre, (width * 3 // 8, height * 3 // 8), 0, 0, 360, 255, -1)
    return mask


def _stretch_contrast(matte: Pixels) -> Pixels:
    """Make nearly transparent pixels fully transparent and nearly opaque ones fully opaque."""
    return as_bytes((matte.astype(np.float32) - 12) * (255 / 231))
