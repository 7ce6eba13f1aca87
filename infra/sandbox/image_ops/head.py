"""Finds a head: skin in the upper part of the subject, else the top of the subject."""

from dataclasses import dataclass

import cv2

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.filters import SKIN_HIGH, SKIN_LOW

WORKING_EDGE = 224
MAX_FACE_Y = 0.6  # of the image's height: the middle of a face is above this
MIN_FACE_SHARE = 0.004  # of the image
MIN_FACE_FILL = 0.45  # of its box: a face is round, a wall or a flag is not
MAX_ASPECT_RATIO = 2.2


@dataclass(frozen=True)
class Head:
    """The ellipse of a head: its centre and half its width and height, in pixels."""

    x: int
    y: int
    half_width: int
    half_height: int


def find_head(rgb: Pixels) -> Head:
    """Find the head, or assume one at the top of the subject; its centre is in the image."""
    height, width = rgb.shape[:2]
    subject = find_subject(rgb)
    scale = min(1.0, WORKING_EDGE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = as_bytes(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    matte = as_bytes(cv2.resize(subject.matte, size, interpolation=cv2.INTER_AREA))
    face = _find_face(small, matte)
    if face is None:
        return _default_head(subject.box, width, height)
    x, y, half_width, half_height = (value / scale for value in face)
    # Skin ends at the hair; the head continues a little above it.
    top, bottom = y - 0.15 * half_height, y + half_height
    return Head(
        min(width - 1, round(x + half_width / 2)),
        min(height - 1, max(0, round((top + bottom) / 2))),
        max(2, round(half_width * 0.55)),
        max(2, round((bottom - top) / 2)),
    )


def _find_face(rgb: Pixels, matte: Pixels) -> tuple[int, int, int, int] | None:
    """Return the box (x, y, width, height) of the largest round patch of skin high enough."""
    tones = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    skin = as_bytes(cv2.inRange(tones, SKIN_LOW, SKIN_HIGH)) & as_bytes((matte > 0) * 255)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    skin = as_bytes(cv2.morphologyEx(skin, cv2.MORPH_OPEN, kernel))
    count, _, stats, centres = cv2.connectedComponentsWithStats(skin)
    best: tuple[int, tuple[int, int, int, int]] | None = None
    for number in range(1, count):
        x, y, half_width, half_height, area = (int(value) for value in stats[number])
        matches = (
            centres[number][1] < MAX_FACE_Y * rgb.shape[0]
            and area >= MIN_FACE_SHARE * rgb.shape[0] * rgb.shape[1]
            and area >= MIN_FACE_FILL * half_width * half_height
            and max(half_width, half_height) <= MAX_ASPECT_RATIO * min(half_width, half_height)
        )
        if matches and (best is None or area > best[0]):
            best = area, (x, y, half_width, half_height)
    return None if best is None else best[1]


def _default_head(box: tuple[int, int, int, int], width: int, height: int) -> Head:
    x1, y1, x2, y2 = box
    half_width = max(3, min(x2 - x1, y2 - y1, width, height) // 4)
    half_height = max(4, half_width * 4 // 3)
    x = min(max((x1 + x2) // 2, half_width), max(half_width, width - half_width))
    y = min(max(y1 + half_height, half_height), max(half_height, height - half_height))
    return Head(min(x, width - 1), min(y, height - 1), half_width, half_height)
