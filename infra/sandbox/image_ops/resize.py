"""Enlarges and sharpens images."""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Photo, Pixels, as_bytes, with_alpha


def enlarge(rgb: Pixels, factor: int, *, sharpen: float = 0.6) -> Pixels:
    """Return the image at exactly `factor` times its width and height."""
    height, width = rgb.shape[:2]
    size = (width * factor, height * factor)
    large = as_bytes(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC))
    return unsharp(large, sharpen, radius=max(1.0, factor * 0.6))


def keep_alpha(photo: Photo, large: Pixels) -> Pixels:
    """Return the enlarged colours of a photo with its transparency, if it has any."""
    if photo.alpha is None:
        return large
    size = (large.shape[1], large.shape[0])
    alpha = as_bytes(cv2.resize(photo.alpha, size, interpolation=cv2.INTER_CUBIC))
    return with_alpha(large, alpha)


def unsharp(rgb: Pixels, amount: float, *, radius: float = 1.0) -> Pixels:
    """Sharpen by an unsharp mask; `amount` 0 changes nothing."""
    blurred = cv2.GaussianBlur(rgb, (0, 0), radius)
    return np.asarray(cv2.addWeighted(rgb, 1 + amount, blurred, -amount, 0), dtype=np.uint8)
