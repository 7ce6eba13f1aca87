"""Fills regions of an image: from their surroundings, from a prompt, or beyond the edges."""

import cv2
import numpy as np

from infra.sandbox.image_ops.cache import CachedOperation
from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.draw import draw_prompt
from infra.sandbox.image_ops.mask import dilate

WORKING_EDGE = 384  # healing takes time per pixel, and its result is smooth anyway
RADIUS = 4
GRAIN = 3.0  # noise in the filled region, so that it does not look like plastic


def heal(rgb: Pixels, mask: Pixels) -> Pixels:
    """Fill the mask from its surroundings; all other pixels stay as they are."""
    height, width = rgb.shape[:2]
    scale = min(1.0, WORKING_EDGE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = as_bytes(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    small_mask = as_bytes(cv2.resize(mask, size, interpolation=cv2.INTER_AREA))
    # Pixels that the mask covers only partly must not bleed into the filled region.
    small_mask = dilate(as_bytes((small_mask > 0) * 255), 1)
    if small_mask.all():
        small_mask[0, :] = 0
    large = as_bytes(
        cv2.resize(inpaint(small, small_mask), (width, height), interpolation=cv2.INTER_CUBIC)
    )
    grain = np.random.default_rng(width * height).normal(0, GRAIN, (height, width, 1))
    return _replace_masked(mask, as_bytes(large + grain), rgb)


def fill_from_prompt(rgb: Pixels, mask: Pixels, prompt: str) -> Pixels:
    """Fill the mask with a drawing of the prompt, blended with the surroundings."""
    height, width = rgb.shape[:2]
    drawn = draw_prompt(prompt, width, height)
    mixed = as_bytes(cv2.addWeighted(heal(rgb, mask), 0.45, drawn, 0.55, 0))
    return _replace_masked(mask, mixed, rgb)


def extend_canvas(
    rgb: Pixels, *, left: int = 0, top: int = 0, right: int = 0, bottom: int = 0, prompt: str = ""
) -> Pixels:
    """Extend the canvas by pixels per side; fill the border from the image and the prompt."""
    canvas = as_bytes(
        cv2.copyMakeBorder(rgb, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(255,) * 3)
    )
    border = np.full(canvas.shape[:2], 255, np.uint8)
    border[top : top + rgb.shape[0], left : left + rgb.shape[1]] = 0
    filled = heal(canvas, border)
    if not prompt:
        return filled
    drawn = draw_prompt(prompt, canvas.shape[1], canvas.shape[0])
    return _replace_masked(border, as_bytes(cv2.addWeighted(filled, 0.8, drawn, 0.2, 0)), canvas)


@CachedOperation
def inpaint(small: Pixels, mask: Pixels) -> Pixels:
    """Fill the mask with OpenCV's inpainting."""
    return as_bytes(cv2.inpaint(small, mask, RADIUS, cv2.INPAINT_TELEA))


def _replace_masked(mask: Pixels, new: Pixels, old: Pixels) -> Pixels:
    return np.where(mask[:, :, None] > 0, new, old)
