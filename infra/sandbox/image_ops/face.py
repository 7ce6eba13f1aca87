"""Edits faces: makes them older or younger, and transfers the colours of another face."""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.filters import skin_mask
from infra.sandbox.image_ops.head import Head, find_head

FULL_CHANGE_YEARS = 50.0
WRINKLES = 4  # on the forehead
STRENGTH = 0.7


def age_face(rgb: Pixels, years: float, head: Head) -> Pixels:
    """Add years: grey hair and wrinkles. Negative years make the face smoother and fresher."""
    share = min(1.0, abs(years) / FULL_CHANGE_YEARS)
    grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if years < 0:
        smooth = cv2.addWeighted(cv2.bilateralFilter(rgb, 5, 60, 5), share, rgb, 1 - share, 0)
        return as_bytes(cv2.addWeighted(smooth, 1 + 0.35 * share, grey, -0.35 * share, 0))
    faded = cv2.addWeighted(rgb, 1 - 0.75 * share, grey, 0.68 * share, 19 * share)
    return _draw_wrinkles(as_bytes(faded), share, head)


def transfer_makeup(rgb: Pixels, reference: Pixels) -> Pixels:
    """Shift the colours of the face's skin towards those of the reference's skin."""
    skin = _face_skin_mask(rgb)
    tones = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), np.float32)
    wanted = np.asarray(cv2.cvtColor(reference, cv2.COLOR_RGB2LAB), np.float32)
    here = np.average(tones.reshape(-1, 3), axis=0, weights=skin.reshape(-1))
    there = np.average(wanted.reshape(-1, 3), axis=0, weights=skin_mask(reference).reshape(-1))
    share = skin[:, :, None].astype(np.float32) / 255 * STRENGTH
    return as_bytes(cv2.cvtColor(as_bytes(tones + (there - here) * share), cv2.COLOR_LAB2RGB))


def _face_skin_mask(rgb: Pixels) -> Pixels:
    """Return a soft mask of the head's skin, or of all skin where the head has none."""
    head = find_head(rgb)
    oval = np.zeros(rgb.shape[:2], np.uint8)
    axes = (round(head.half_width * 0.95), round(head.half_height * 0.95))
    cv2.ellipse(oval, (head.x, head.y), axes, 0, 0, 360, 255, -1)
    skin = skin_mask(rgb)
    return skin & oval if (skin & oval).any() else skin


def _draw_wrinkles(rgb: Pixels, share: float, head: Head) -> Pixels:
    """Draw soft dark lines across the forehead and beside the mouth."""
    left, top = max(0, head.x - head.half_width), max(0, head.y - head.half_height)
    face = np.s_[top : head.y + head.half_height, left : head.x + head.half_width]
    x, y = head.x - left, head.y - top
    lines = np.zeros(rgb[face].shape[:2], np.uint8)
    stroke = max(1, round(head.half_width / 25))
    for number in range(WRINKLES):
        centre = (x, y - round(head.half_height * (0.3 + 0.12 * number)))
        reach = (round(head.half_width * 0.5), max(1, round(head.half_height * 0.06)))
        cv2.ellipse(lines, centre, reach, 0, 200, 340, 255, stroke, cv2.LINE_AA)
    for side in (-1, 1):
        nose = (x + side * round(head.half_width * 0.3), y + round(head.half_height * 0.25))
        chin = (x + side * round(head.half_width * 0.5), y + round(head.half_height * 0.6))
        cv2.line(lines, nose, chin, 255, stroke, cv2.LINE_AA)
    soft = cv2.GaussianBlur(lines, (0, 0), stroke).astype(np.float32)[:, :, None] / 255
    wrinkled = rgb.copy()
    wrinkled[face] = as_bytes(rgb[face] * (1 - 0.5 * share * soft))
    return wrinkled
