"""Puts the subject of one image into another: several images in one, garments on a person."""

from typing import Literal

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Photo, Pixels, as_bytes
from infra.sandbox.image_ops.cutout import find_subject

Garment = Literal["upper", "lower", "full"]

# Top and bottom of a garment, as shares of the person's height from the top of the head.
GARMENT_SPANS: dict[Garment, tuple[float, float]] = {
    "upper": (0.2, 0.58),
    "lower": (0.52, 0.97),
    "full": (0.2, 0.97),
}


def paste_subjects(first: Pixels, others: list[Photo]) -> Pixels:
    """Paste the subjects of the other images side by side into the lower half of the first."""
    canvas = first.copy()
    height, width = canvas.shape[:2]
    room = width // (len(others) + 1)
    for number, other in enumerate(others, start=1):
        right = width - (len(others) - number) * room
        box = (right - room, height // 2, right, height)
        canvas = _paste(canvas, other, box)
    return canvas


def put_on_garment(person: Pixels, garment: Photo, kind: Garment) -> Pixels:
    """Put a garment on the subject of an image."""
    x1, y1, x2, y2 = find_subject(person).box
    tall = y2 - y1
    start, end = GARMENT_SPANS[kind]
    box = (x1, y1 + round(start * tall), x2, y1 + round(end * tall))
    return _paste(person, garment, box)


def _paste(canvas: Pixels, other: Photo, box: tuple[int, int, int, int]) -> Pixels:
    """Fit the other image's subject into a box of the canvas, with its aspect ratio."""
    matte = other.alpha if other.alpha is not None and other.alpha.any() else None
    if matte is None:
        matte = find_subject(other.rgb).matte
    rows, columns = np.flatnonzero(matte.any(axis=1)), np.flatnonzero(matte.any(axis=0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    colours, shares = other.rgb[part], matte[part]
    x1, y1, x2, y2 = box
    scale = min((x2 - x1) / colours.shape[1], (y2 - y1) / colours.shape[0])
    size = (max(1, round(colours.shape[1] * scale)), max(1, round(colours.shape[0] * scale)))
    colours = as_bytes(cv2.resize(colours, size, interpolation=cv2.INTER_AREA))
    shares = as_bytes(cv2.resize(shares, size, interpolation=cv2.INTER_AREA))
    left = max(0, min((x1 + x2 - size[0]) // 2, canvas.shape[1] - size[0]))
    top = max(0, min(y1 + (y2 - y1 - size[1]) // 2, canvas.shape[0] - size[1]))
    place = np.s_[top : top + size[1], left : left + size[0]]
    under = canvas[place]
    weight = shares[: under.shape[0], : under.shape[1], None].astype(np.float32) / 255
    dressed = canvas.copy()
    dressed[place] = as_bytes(
        colours[: under.shape[0], : under.shape[1]] * weight + under * (1 - weight)
    )
    return dressed
