"""Finds objects, text and wires by plain image processing."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.cutout import bounding_box, find_subject
from infra.sandbox.image_ops.filters import skin_mask
from infra.sandbox.image_ops.mask import dilate

MIN_SHARE = 0.003  # of the image: a smaller region is not an object
PERSON_SKIN = (0.08, 0.95)  # the share of skin of an object that is a person
TEXT_EDGE = 640  # the longer edge of the image in which text is detected
MIN_TEXT_STROKES = 3  # in a line of text
MIN_TEXT_HEIGHT = 6
WIRE_LENGTH = 0.4  # of the longer edge: a shorter line is not a wire
WIRE_EDGE = 800


@dataclass(frozen=True)
class DetectedObject:
    """One object: its box, its mask within the box, its accuracy from 0 to 1, and its kind."""

    box: tuple[int, int, int, int]
    mask: Pixels
    accuracy: float
    kind: Literal["person", "object"]


def find_objects(rgb: Pixels) -> list[DetectedObject]:
    """Find the objects, the most certain first; none in a plain image."""
    subject = find_subject(rgb)
    if not subject.certain:
        return []
    mask = as_bytes((subject.matte > 127) * 255)  # noqa: PLR2004 - the middle of a byte
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    skin = skin_mask(rgb)
    found = []
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] < MIN_SHARE * mask.size:
            continue
        part = as_bytes((labels == label) * 255)
        x1, y1, x2, y2 = bounding_box(part)
        inside = part > 0
        around = (dilate(part, 8) > 0) & ~inside
        contrast = 0.0
        if around.any():
            contrast = float(np.abs(rgb[inside].mean(axis=0) - rgb[around].mean(axis=0)).mean())
        share = float((skin[inside] > 0).mean())
        kind: Literal["person", "object"] = (
            "person" if PERSON_SKIN[0] < share < PERSON_SKIN[1] else "object"
        )
        accuracy = round(min(0.99, 0.5 + contrast / 150), 2)
        found.append(DetectedObject((x1, y1, x2, y2), part[y1:y2, x1:x2], accuracy, kind))
    return sorted(found, key=lambda one: (-one.accuracy, one.box))


def find_text(rgb: Pixels) -> Pixels | None:
    """Return the mask of what looks like lines of text, None without any."""
    height, width = rgb.shape[:2]
    scale = min(1.0, TEXT_EDGE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    edges = as_bytes(cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, kernel))
    strokes = as_bytes((edges > max(60, int(edges.mean() + 2 * edges.std()))) * 255)
    wide = cv2.getStructuringElement(cv2.MORPH_RECT, (11, 1))
    lines = cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, wide)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lines)
    mask = np.zeros(strokes.shape, np.uint8)
    for label in range(1, count):
        x, y, w, h, _area = (int(v) for v in stats[label])
        if _is_text_line(strokes[y : y + h, x : x + w], labels[y : y + h, x : x + w] == label):
            mask[max(0, y - 2) : y + h + 2, max(0, x - 2) : x + w + 2] = 255
    if not mask.any():
        return None
    return as_bytes(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST))


def _is_text_line(
    strokes: Pixels, belongs: "np.ndarray[tuple[int, ...], np.dtype[np.bool]]"
) -> bool:
    height, width = strokes.shape
    if not (MIN_TEXT_HEIGHT <= height <= TEXT_EDGE // 6 and width >= 2 * height):
        return False
    inked = (strokes > 0) & belongs
    density = float(inked.mean())
    # Letters alternate with gaps along a line; a single edge or a filled shape does not.
    profile = inked[height // 4 : max(height // 4 + 1, height * 3 // 4)].any(axis=0)
    middle = inked[height // 2]
    changes = int(np.abs(np.diff(middle.astype(np.int8))).sum())
    return bool(0.15 < density < 0.85 and profile.any() and changes >= 2 * MIN_TEXT_STROKES)  # noqa: PLR2004


def find_wires(rgb: Pixels) -> Pixels | None:
    """Return the mask of long thin straight lines, None without any."""
    height, width = rgb.shape[:2]
    scale = min(1.0, WIRE_EDGE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    grey = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    # A wire is darker or lighter than both of its sides; an edge of a large shape is not.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, kernel)
    light = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, kernel)
    thin = as_bytes((np.maximum(as_bytes(dark), as_bytes(light)) > 40) * 255)  # noqa: PLR2004
    length = WIRE_LENGTH * max(size)
    lines = cv2.HoughLinesP(
        thin, 1, np.pi / 180, 60, minLineLength=length, maxLineGap=max(4, length / 30)
    )
    if lines is None:
        return None
    mask = np.zeros(thin.shape, np.uint8)
    for x1, y1, x2, y2 in lines.reshape(-1, 4):
        cv2.line(mask, (int(x1), int(y1)), (int(x2), int(y2)), 255, 5)
    return as_bytes(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST))
