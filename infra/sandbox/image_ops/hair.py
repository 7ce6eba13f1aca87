"""Draws hair on a head, in the colour and with the strands that a style decides."""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.draw import colours_of, seed_of
from infra.sandbox.image_ops.head import Head, find_head

OPACITY = 0.85


def styled(rgb: Pixels, style: str) -> Pixels:
    """Put a cap of hair onto the head, its face left free; how far it falls is the style's."""
    head = find_head(rgb)
    mask = _cap(rgb, head, 1.2)
    _locks(mask, head, reach=0.3 + seed_of(style) % 5 / 5, width=0.25)
    _free_face(mask, head)
    return _combed(rgb, mask, f"cut {style}")


def wigged(rgb: Pixels, style: str) -> Pixels:
    """Put a large round wig onto the head, its face left free."""
    head = find_head(rgb)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    _oval(mask, head, 1.4, 255)
    _free_face(mask, head)
    return _combed(rgb, mask, f"wig {style}")


def extended(rgb: Pixels, style: str) -> Pixels:
    """Let long locks fall on both sides of the head."""
    head = find_head(rgb)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    _locks(mask, head, reach=1.6 + seed_of(style) % 4 / 4, width=0.3)
    return _combed(rgb, mask, f"extension {style}")


def banged(rgb: Pixels, style: str) -> Pixels:
    """Draw a fringe across the forehead, straight or parted."""
    head = find_head(rgb)
    mask = _cap(rgb, head, 1.0)
    mask[max(0, head.y - head.down // 4) :] = 0
    if seed_of(style) % 2:
        part = max(1, head.across // 8)
        mask[:, max(0, head.x - part) : head.x + part] = 0
    return _combed(rgb, mask, f"bang {style}")


def fuller(rgb: Pixels, style: str) -> Pixels:
    """Put a ring of more hair around the top of the head."""
    head = find_head(rgb)
    mask = _cap(rgb, head, 1.3 + seed_of(style) % 4 / 10)
    _oval(mask, head, 1.05, 0)
    return _combed(rgb, mask, f"volume {style}")


def _cap(rgb: Pixels, head: Head, scale: float) -> Pixels:
    """Mask the upper half of the head, so much larger than it."""
    mask = np.zeros(rgb.shape[:2], np.uint8)
    _oval(mask, head, scale, 255)
    mask[head.y :] = 0
    return mask


def _free_face(mask: Pixels, head: Head) -> None:
    _oval(mask, Head(head.x, head.y + head.down // 4, head.across, head.down), 0.75, 0)


def _oval(mask: Pixels, head: Head, scale: float, value: int) -> None:
    axes = (round(head.across * scale), round(head.down * scale))
    cv2.ellipse(mask, (head.x, head.y), axes, 0, 0, 360, value, -1, cv2.LINE_AA)


def _locks(mask: Pixels, head: Head, *, reach: float, width: float) -> None:
    """Hang a lock on each side, from the temple so many half heads below the middle."""
    top, bottom = head.y - head.down // 2, head.y + round(head.down * reach)
    axes = (max(1, round(head.across * width)), max(1, (bottom - top) // 2))
    for side in (-1, 1):
        centre = (head.x + side * round(head.across), (top + bottom) // 2)
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)


def _combed(rgb: Pixels, mask: Pixels, style: str) -> Pixels:
    """Colour what is masked, with strands that follow the picture's light."""
    height, width = rgb.shape[:2]
    colour = np.array(colours_of(style, 1)[0], np.float32)
    finest = np.random.default_rng(seed_of(style)).normal(0.75, 0.2, (1, max(2, width // 2)))
    strands = cv2.resize(finest.astype(np.float32), (width, height))[:, :, None]
    light = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[:, :, None].astype(np.float32) / 255
    hair = colour * strands * (0.75 + 0.5 * light)
    share = mask[:, :, None].astype(np.float32) / 255 * OPACITY
    return as_bytes(hair * share + rgb * (1 - share))
