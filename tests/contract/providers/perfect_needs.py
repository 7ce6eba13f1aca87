"""What Perfect needs of a spec and of a picture at least, for the contract that all pass."""

from collections.abc import Mapping
from typing import Any

MIN_PARAMS: Mapping[str, Mapping[str, Any]] = {
    "hairstyle": {"style": "Long Waves"},
    "wig": {"style": "Brown Bob"},
    "hair-extension": {"style": "Rose Fade"},
    "hair-bangs": {"style": "Left Sweep"},
    "hair-volume": {"style": "Light Lift", "style_group": "Roots"},
    "generate": {"prompt": "a red bicycle", "style": "Ink Bold"},
}
"""Styles are told by title; the sandbox has these, in every position of its lists."""

PICTURES: Mapping[str, tuple[str, int, int]] = {
    "hairstyle": ("JPEG", 48, 32),
    "aging": ("JPEG", 400, 320),
}
"""Operation -> format and size of its picture, where a small PNG is refused."""

USUAL = "remove-background"
WITH_JOBS = ("remove-background", "sod")
STEP_S = 8.0
"""The clock moves on by no more between two questions: after 10 s without one a task is lost."""
