"""Colours a picture in several ways, to choose from."""

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.tone import colorize

# How strong the colours are, and how far they are turned towards warm (+) or cold (-).
VARIANTS = ((1.0, 0), (1.5, 0), (1.1, 9), (1.1, -9))
NEUTRAL = 128  # where a colour channel of CIELAB has no colour


def colour_variants(rgb: Pixels) -> list[Pixels]:
    """Return the picture coloured in four ways: plain, strong, warm, cold."""
    tones = np.asarray(cv2.cvtColor(colorize(rgb), cv2.COLOR_RGB2LAB), np.float32)
    coloured = []
    for strength, warmth in VARIANTS:
        shifted = tones.copy()
        shifted[:, :, 1:] = NEUTRAL + (tones[:, :, 1:] - NEUTRAL) * strength + warmth
        coloured.append(as_bytes(cv2.cvtColor(as_bytes(shifted), cv2.COLOR_LAB2RGB)))
    return coloured
