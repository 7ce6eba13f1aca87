"""The visible filters in place of styles, prompts, makeup and hairstyles."""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.draw import colours_from_text, seed_from_text
from infra.sandbox.image_ops.resize import unsharp

BACKDROP = ((214, 219, 226), (120, 130, 146))
SKIN_LOW = np.array([0, 133, 77], np.uint8)
SKIN_HIGH = np.array([255, 178, 132], np.uint8)


def apply_art_style(rgb: Pixels, style: str) -> Pixels:
    """Repaint in a style: a few tones between two colours of the style, and outlines."""
    dark, light = colours_from_text(f"art {style}", 2)
    levels = 4 + seed_from_text(style) % 4
    grey = np.asarray(cv2.cvtColor(_flatten(rgb), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    steps = np.floor(grey.astype(np.float32) / 256 * levels) / (levels - 1)
    share = np.clip(steps, 0, 1)[:, :, None]
    toned = np.array(dark) * 0.5 * (1 - share) + (0.4 * np.array(light) + 0.6 * 255) * share
    return _draw_outlines(as_bytes(0.75 * toned + 0.25 * rgb))


def cartoonize(rgb: Pixels) -> Pixels:
    """Flatten the colours and draw outlines."""
    flat = _flatten(rgb).astype(np.float32)
    return _draw_outlines(as_bytes(np.floor(flat / 36) * 36 + 18))


def tint_by_prompt(rgb: Pixels, prompt: str) -> Pixels:
    """Change the image visibly, in a way that depends on the prompt."""
    tint = np.array(colours_from_text(f"edit {prompt}", 1)[0], np.float32)
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.float32)[:, :, None] / 255
    tinted = as_bytes(0.5 * rgb + 0.5 * (tint * grey + 255 * grey**2) / 1.4)
    return unsharp(tinted, 0.8, radius=2)


def make_headshot(rgb: Pixels) -> Pixels:
    """Put the subject before a plain backdrop, cropped to a portrait of 3:4."""
    subject = find_subject(rgb)
    share = subject.matte[:, :, None].astype(np.float32) / 255
    rows = np.linspace(0, 1, rgb.shape[0], dtype=np.float32)[:, None, None]
    backdrop = np.array(BACKDROP[0]) * (1 - rows) + np.array(BACKDROP[1]) * rows
    portrait = as_bytes(rgb * share + backdrop * (1 - share))
    height, width = rgb.shape[:2]
    crop_width = max(1, min(width, height * 3 // 4))
    crop_height = max(1, min(height, crop_width * 4 // 3))
    middle = (subject.box[0] + subject.box[2]) // 2
    left = min(max(0, middle - crop_width // 2), width - crop_width)
    top = min(max(0, subject.box[1] - height // 20), height - crop_height)
    return np.ascontiguousarray(portrait[top : top + crop_height, left : left + crop_width])


def smooth_skin(rgb: Pixels) -> Pixels:
    """Smooth the skin, or the whole image where there is none."""
    smooth = as_bytes(cv2.bilateralFilter(rgb, 9, 45, 9))
    return _blend_by_mask(skin_mask(rgb), smooth, rgb)


def apply_makeup(rgb: Pixels, style: str) -> Pixels:
    """Tint the skin in the colour of a style."""
    colour = np.array(colours_from_text(f"makeup {style}", 1)[0], np.float32)
    tinted = as_bytes(0.72 * rgb + 0.28 * colour)
    return _blend_by_mask(skin_mask(rgb), tinted, rgb)


def colour_hair(rgb: Pixels, style: str) -> Pixels:
    """Colour the upper part of the subject, where the hair is, with strands of a style."""
    height, width = rgb.shape[:2]
    subject = find_subject(rgb)
    top, bottom = subject.box[1], subject.box[3]
    fade = np.clip(1.6 - 4.0 * (np.arange(height) - top) / max(1, bottom - top), 0, 1)
    mask = as_bytes(subject.matte * fade[:, None])
    strands = 0.75 + 0.25 * np.sin(np.arange(width) * (0.4 + seed_from_text(style) % 5 / 10))
    colour = np.array(colours_from_text(f"hair {style}", 1)[0], np.float32)
    coloured = as_bytes(0.35 * rgb + 0.65 * colour * strands[None, :, None])
    return _blend_by_mask(mask, coloured, rgb)


def skin_mask(rgb: Pixels) -> Pixels:
    """Return a soft mask of the pixels in the colour of skin, of all pixels without any."""
    tones = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    mask = as_bytes(cv2.inRange(tones, SKIN_LOW, SKIN_HIGH))
    if not mask.any():
        return np.full(rgb.shape[:2], 255, np.uint8)
    return as_bytes(cv2.GaussianBlur(mask, (0, 0), 1.5))


def _flatten(rgb: Pixels) -> Pixels:
    return as_bytes(cv2.bilateralFilter(rgb, 7, 60, 7))


def _draw_outlines(rgb: Pixels) -> Pixels:
    grey = cv2.medianBlur(as_bytes(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)), 5)
    lines = cv2.adaptiveThreshold(
        grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 9, 6
    )
    return np.where((lines > 0)[:, :, None], as_bytes(rgb * 0.25), rgb)


def _blend_by_mask(mask: Pixels, new: Pixels, old: Pixels) -> Pixels:
    share = mask[:, :, None].astype(np.float32) / 255
    return as_bytes(new * share + old * (1 - share))
