"""Finds faces, and puts one image's face into another.

Regions in the colour of skin count as faces; without any, the top of the subject does.
"""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.filters import SKIN_HIGH, SKIN_LOW

MIN_SHARE = 0.005  # of the image: a smaller region of skin is not a face
MAX_SHARE = 0.6  # of the image: a larger one is a wall in the colour of skin
MAX_ASPECT_RATIO = 1.4  # height by width of a face; below it are neck and body
MIN_CONTRAST = 8  # levels between darkest and lightest: an image with fewer is plain

Box = tuple[int, int, int, int]


def find_faces(rgb: Pixels) -> list[Box]:
    """Return the boxes x1, y1, x2, y2 of faces from left to right; none in a plain image."""
    if int(np.ptp(rgb.reshape(-1, 3), axis=0).max()) < MIN_CONTRAST:
        return []
    skin = _skin_boxes(rgb)
    return skin or [_top_of_subject(rgb)]


def swap_face(target: Pixels, target_box: Box, source: Pixels, source_box: Box) -> Pixels:
    """Put the source's face over the target's, as an ellipse with a soft edge."""
    x1, y1, x2, y2 = target_box
    size = (x2 - x1, y2 - y1)
    left, top, right, bottom = source_box
    face = as_bytes(
        cv2.resize(source[top:bottom, left:right], size, interpolation=cv2.INTER_LINEAR)
    )
    oval = np.zeros((size[1], size[0]), np.uint8)
    centre, radii = (size[0] // 2, size[1] // 2), (max(1, size[0] // 2), max(1, size[1] // 2))
    cv2.ellipse(oval, centre, radii, 0, 0, 360, 255, -1)
    edge = max(1.0, min(size) / 24)
    share = cv2.GaussianBlur(oval, (0, 0), edge)[:, :, None].astype(np.float32) / 255
    swapped = target.copy()
    swapped[y1:y2, x1:x2] = as_bytes(face * share + target[y1:y2, x1:x2] * (1 - share))
    return swapped


def _skin_boxes(rgb: Pixels) -> list[Box]:
    tones = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    mask = as_bytes(cv2.medianBlur(as_bytes(cv2.inRange(tones, SKIN_LOW, SKIN_HIGH)), 5))
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    found: list[Box] = []
    for part in range(1, count):
        x, y, w, h, area = (int(value) for value in stats[part])
        if MIN_SHARE * mask.size <= area <= MAX_SHARE * mask.size:
            found.append((x, y, x + w, y + max(1, min(h, round(w * MAX_ASPECT_RATIO)))))
    return sorted(found)


def _top_of_subject(rgb: Pixels) -> Box:
    x1, y1, x2, y2 = find_subject(rgb).box
    wide = max(2, round((x2 - x1) * 0.6))
    tall = max(2, min(round((y2 - y1) * 0.6), round(wide * MAX_ASPECT_RATIO)))
    left = (x1 + x2 - wide) // 2
    return left, y1, left + wide, y1 + tall
