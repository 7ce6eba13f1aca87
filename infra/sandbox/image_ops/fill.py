"""Fills regions of a picture: heals them from around, invents something in them, extends edges."""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.draw import paint_prompt
from infra.sandbox.image_ops.mask import grown
from infra.sandbox.image_ops.memory import Remembered

WORKING_EDGE = 384  # healing takes time per pixel, and what it fills is smooth anyway
RADIUS = 4
GRAIN = 3.0  # noise in the filled region, so that it does not look like plastic


def heal(rgb: Pixels, mask: Pixels) -> Pixels:
    """Replace what the mask covers by what surrounds it; all other pixels stay as they are."""
    height, width = rgb.shape[:2]
    scale = min(1.0, WORKING_EDGE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = as_bytes(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    small_mask = as_bytes(cv2.resize(mask, size, interpolation=cv2.INTER_AREA))
    # Pixels that the mask touches only partly must not bleed into what fills it.
    small_mask = grown(as_bytes((small_mask > 0) * 255), 1)
    if small_mask.all():
        small_mask[0, :] = 0
    large = as_bytes(
        cv2.resize(inpaint(small, small_mask), (width, height), interpolation=cv2.INTER_CUBIC)
    )
    grain = np.random.default_rng(width * height).normal(0, GRAIN, (height, width, 1))
    return _inside(mask, as_bytes(large + grain), rgb)


def imagine(rgb: Pixels, mask: Pixels, prompt: str) -> Pixels:
    """Put something drawn from the prompt where the mask is, set into healed surroundings."""
    height, width = rgb.shape[:2]
    drawn = paint_prompt(prompt, width, height)
    mixed = as_bytes(cv2.addWeighted(heal(rgb, mask), 0.45, drawn, 0.55, 0))
    return _inside(mask, mixed, rgb)


def extend(
    rgb: Pixels, *, left: int = 0, top: int = 0, right: int = 0, bottom: int = 0, prompt: str = ""
) -> Pixels:
    """Make the canvas larger and fill the new border from the picture's edge and the prompt."""
    canvas = as_bytes(
        cv2.copyMakeBorder(rgb, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(255,) * 3)
    )
    border = np.full(canvas.shape[:2], 255, np.uint8)
    border[top : top + rgb.shape[0], left : left + rgb.shape[1]] = 0
    filled = heal(canvas, border)
    if not prompt:
        return filled
    drawn = paint_prompt(prompt, canvas.shape[1], canvas.shape[0])
    return _inside(border, as_bytes(cv2.addWeighted(filled, 0.8, drawn, 0.2, 0)), canvas)


@Remembered
def inpaint(small: Pixels, mask: Pixels) -> Pixels:
    """Let what surrounds the mask flow into it."""
    return as_bytes(cv2.inpaint(small, mask, RADIUS, cv2.INPAINT_TELEA))


def _inside(mask: Pixels, new: Pixels, old: Pixels) -> Pixels:
    return np.where(mask[:, :, None] > 0, new, old)
