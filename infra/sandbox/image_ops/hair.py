"""Draws hair on a head; the style decides its colour and strands."""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.draw import colours_from_text, seed_from_text
from infra.sandbox.image_ops.head import Head, find_head

OPACITY = 0.85


def restyle_hair(rgb: Pixels, style: str) -> Pixels:
    """Draw hair around the face; the style decides its length."""
    head = find_head(rgb)
    mask = _cap_mask(rgb, head, 1.2)
    _draw_locks(mask, head, reach=0.3 + seed_from_text(style) % 5 / 5, width=0.25)
    _clear_face(mask, head)
    return _draw_hair(rgb, mask, f"cut {style}")


def put_on_wig(rgb: Pixels, style: str) -> Pixels:
    """Draw a large round wig around the face."""
    head = find_head(rgb)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    _fill_oval(mask, head, 1.4, 255)
    _clear_face(mask, head)
    return _draw_hair(rgb, mask, f"wig {style}")


def extend_hair(rgb: Pixels, style: str) -> Pixels:
    """Draw long locks on both sides of the head."""
    head = find_head(rgb)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    _draw_locks(mask, head, reach=1.6 + seed_from_text(style) % 4 / 4, width=0.3)
    return _draw_hair(rgb, mask, f"extension {style}")


def add_bangs(rgb: Pixels, style: str) -> Pixels:
    """Draw a fringe across the forehead, straight or parted."""
    head = find_head(rgb)
    mask = _cap_mask(rgb, head, 1.0)
    mask[max(0, head.y - head.half_height // 4) :] = 0
    if seed_from_text(style) % 2:
        part = max(1, head.half_width // 8)
        mask[:, max(0, head.x - part) : head.x + part] = 0
    return _draw_hair(rgb, mask, f"bang {style}")


def add_volume(rgb: Pixels, style: str) -> Pixels:
    """Draw a ring of hair around the top of the head."""
    head = find_head(rgb)
    mask = _cap_mask(rgb, head, 1.3 + seed_from_text(style) % 4 / 10)
    _fill_oval(mask, head, 1.05, 0)
    return _draw_hair(rgb, mask, f"volume {style}")


def _cap_mask(rgb: Pixels, head: Head, scale: float) -> Pixels:
    """Return a mask of the upper half of the head, enlarged by `scale`."""
    mask = np.zeros(rgb.shape[:2], np.uint8)
    _fill_oval(mask, head, scale, 255)
    mask[head.y :] = 0
    return mask


def _clear_face(mask: Pixels, head: Head) -> None:
    _fill_oval(
        mask,
        Head(head.x, head.y + head.half_height // 4, head.half_width, head.half_height),
        0.75,
        0,
    )


def _fill_oval(mask: Pixels, head: Head, scale: float, value: int) -> None:
    axes = (round(head.half_width * scale), round(head.half_height * scale))
    cv2.ellipse(mask, (head.x, head.y), axes, 0, 0, 360, value, -1, cv2.LINE_AA)


def _draw_locks(mask: Pixels, head: Head, *, reach: float, width: float) -> None:
    """Draw a lock on each side, from the temple to `reach` half heads below the middle."""
    top, bottom = head.y - head.half_height // 2, head.y + round(head.half_height * reach)
    axes = (max(1, round(head.half_width * width)), max(1, (bottom - top) // 2))
    for side in (-1, 1):
        centre = (head.x + side * round(head.half_width), (top + bottom) // 2)
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)


def _draw_hair(rgb: Pixels, mask: Pixels, style: str) -> Pixels:
    """Colour the mask with strands that follow the image's light."""
    height, width = rgb.shape[:2]
    colour = np.array(colours_from_text(style, 1)[0], np.float32)
    finest = np.random.default_rng(seed_from_text(style)).normal(0.75, 0.2, (1, max(2, width // 2)))
    strands = cv2.resize(finest.astype(np.float32), (width, height))[:, :, None]
    light = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[:, :, None].astype(np.float32) / 255
    hair = colour * strands * (0.75 + 0.5 * light)
    share = mask[:, :, None].astype(np.float32) / 255 * OPACITY
    return as_bytes(hair * share + rgb * (1 - share))
