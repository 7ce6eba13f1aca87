"""Finds where a head is, plainly: skin in the upper part of the subject, else its top."""

from dataclasses import dataclass

import cv2

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.look import SKIN_HIGH, SKIN_LOW

WORKING_EDGE = 224
LOWEST_FACE = 0.6  # of the picture's height: the middle of a face lies above this
MIN_FACE_SHARE = 0.004  # of the picture
FILLED = 0.45  # of its box: a face is round, a wall or a flag behind it is not
MAX_ASPECT_RATIO = 2.2


@dataclass(frozen=True)
class Head:
    """The ellipse of a head: its centre, and half of its width and height, in pixels."""

    x: int
    y: int
    across: int
    down: int


def find_head(rgb: Pixels) -> Head:
    """Find the head, or place one at the top of the subject; its middle is in the picture."""
    height, width = rgb.shape[:2]
    subject = find_subject(rgb)
    scale = min(1.0, WORKING_EDGE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = as_bytes(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    matte = as_bytes(cv2.resize(subject.matte, size, interpolation=cv2.INTER_AREA))
    face = _find_face(small, matte)
    if face is None:
        return _top_of(subject.box, width, height)
    x, y, across, down = (value / scale for value in face)
    # Skin ends at the hair; the head goes on a little above it.
    top, bottom = y - 0.15 * down, y + down
    return Head(
        min(width - 1, round(x + across / 2)),
        min(height - 1, max(0, round((top + bottom) / 2))),
        max(2, round(across * 0.55)),
        max(2, round((bottom - top) / 2)),
    )


def _find_face(rgb: Pixels, matte: Pixels) -> tuple[int, int, int, int] | None:
    """Return the box of the largest round patch of skin high enough: x, y, width, height."""
    tones = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    skin = as_bytes(cv2.inRange(tones, SKIN_LOW, SKIN_HIGH)) & as_bytes((matte > 0) * 255)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    skin = as_bytes(cv2.morphologyEx(skin, cv2.MORPH_OPEN, kernel))
    count, _, stats, centres = cv2.connectedComponentsWithStats(skin)
    best: tuple[int, tuple[int, int, int, int]] | None = None
    for number in range(1, count):
        x, y, across, down, area = (int(value) for value in stats[number])
        fits = (
            centres[number][1] < LOWEST_FACE * rgb.shape[0]
            and area >= MIN_FACE_SHARE * rgb.shape[0] * rgb.shape[1]
            and area >= FILLED * across * down
            and max(across, down) <= MAX_ASPECT_RATIO * min(across, down)
        )
        if fits and (best is None or area > best[0]):
            best = area, (x, y, across, down)
    return None if best is None else best[1]


def _top_of(box: tuple[int, int, int, int], width: int, height: int) -> Head:
    x1, y1, x2, y2 = box
    across = max(3, min(x2 - x1, y2 - y1, width, height) // 4)
    down = max(4, across * 4 // 3)
    x = min(max((x1 + x2) // 2, across), max(across, width - across))
    y = min(max(y1 + down, down), max(down, height - down))
    return Head(min(x, width - 1), min(y, height - 1), across, down)
