"""Draws images from text: the same text always gives the same image."""

import hashlib
import textwrap

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes

SHAPES = 9
EDGE = 3  # pixels around a shape, for its antialiased outline


def seed_from_text(text: str) -> int:
    """Return a number that depends only on the text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def colours_from_text(text: str, count: int) -> list[tuple[int, int, int]]:
    """Choose `count` vivid colours that depend only on the text."""
    random = np.random.default_rng(seed_from_text(text))
    hues = random.integers(0, 180, count)
    cells = np.array([[[hue, 170, 220] for hue in hues]], dtype=np.uint8)
    rgb = cv2.cvtColor(cells, cv2.COLOR_HSV2RGB)[0]
    return [(int(r), int(g), int(b)) for r, g, b in rgb]


def draw_prompt(prompt: str, width: int, height: int) -> Pixels:
    """Draw a gradient with translucent shapes, both chosen by the prompt."""
    random = np.random.default_rng(seed_from_text(prompt))
    first, second, *others = colours_from_text(prompt, 2 + SHAPES)
    slope = random.uniform(-0.6, 0.6)
    rows = np.linspace(0, 255, height, dtype=np.float32)[:, None]
    columns = np.linspace(-127.5, 127.5, width, dtype=np.float32)[None, :] * slope
    start, end = np.array([first, second], dtype=np.float32)
    shades = as_bytes(start + (end - start) * np.linspace(0, 1, 256)[:, None, None])
    canvas = as_bytes(cv2.applyColorMap(as_bytes(rows + columns), shades))
    for colour in others:
        x, y = int(random.uniform(0, width)), int(random.uniform(0, height))
        radius = max(2, int(random.uniform(0.05, 0.25) * min(width, height)))
        # Blend only around the shape: the canvas may be large.
        left, top = max(0, x - radius - EDGE), max(0, y - radius - EDGE)
        part = canvas[top : y + radius + EDGE, left : x + radius + EDGE]
        shape = part.copy()
        cv2.circle(shape, (x - left, y - top), radius, colour, -1, cv2.LINE_AA)
        part[:] = cv2.addWeighted(shape, 0.6, part, 0.4, 0)
    return canvas


def draw_poster(prompt: str, width: int, height: int, *, variant: str = "") -> Pixels:
    """Draw the prompt's image with its text on it; each `variant` is another image."""
    canvas = draw_prompt(variant + prompt, width, height)
    # The built-in font knows ASCII only; other letters would become question marks.
    words = prompt.encode("ascii", "ignore").decode().split()
    scale = min(width, height) / 900
    lines = textwrap.wrap(" ".join(words), 34)[:4]
    for number, line in enumerate(reversed(lines)):
        place = (round(40 * scale), height - round((50 + 60 * number) * scale))
        for colour, thickness in (((20, 20, 20), 6), ((255, 255, 255), 2)):
            cv2.putText(
                canvas,
                line,
                place,
                cv2.FONT_HERSHEY_SIMPLEX,
                1.3 * scale,
                colour,
                max(1, round(thickness * scale)),
                cv2.LINE_AA,
            )
    return canvas


def draw_pose_figures(rgb: Pixels, count: int, gender: str) -> Pixels:
    """Draw `count` stick figures side by side into an image."""
    canvas = rgb.copy()
    height, width = canvas.shape[:2]
    for number, colour in enumerate(colours_from_text(f"pose {gender}", count)):
        centre_x = round(width * (number + 1) / (count + 1))
        _draw_stick_figure(canvas, centre_x, height, colour, wide_hips=gender == "female")
    return canvas


def _draw_stick_figure(
    canvas: Pixels, centre_x: int, height: int, colour: tuple[int, int, int], *, wide_hips: bool
) -> None:
    unit = height / 16
    stroke = max(2, round(unit / 4))
    hips = 1.3 if wide_hips else 0.9
    joints = {
        "head": (0.0, 3.0),
        "neck": (0.0, 4.2),
        "hip": (0.0, 8.5),
        "left hand": (-2.2, 7.0),
        "right hand": (1.8, 3.2),
        "left foot": (-hips, 13.0),
        "right foot": (hips, 13.0),
    }
    at = {name: (round(centre_x + x * unit), round(y * unit)) for name, (x, y) in joints.items()}
    for start, end in (
        ("neck", "hip"),
        ("neck", "left hand"),
        ("neck", "right hand"),
        ("hip", "left foot"),
        ("hip", "right foot"),
    ):
        cv2.line(canvas, at[start], at[end], colour, stroke, cv2.LINE_AA)
    cv2.circle(canvas, at["head"], max(2, round(unit)), colour, -1, cv2.LINE_AA)
