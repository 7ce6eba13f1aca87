"""What is put into words: captions and descriptions of pictures, lyrics from a prompt."""

import cv2
import numpy as np

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.image_ops.codec import Pixels
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.draw import seed_of

# Hue in OpenCV's half degrees -> its name, up to and including the figure.
NAMES = (
    (9, "red"),
    (22, "orange"),
    (33, "yellow"),
    (85, "green"),
    (130, "blue"),
    (160, "purple"),
    (180, "red"),
)
GREY = 45  # saturation below which a colour has no name
DARK, LIGHT = 85, 170
LINES = (
    "Oh {0}, the morning is calling",
    "We sing of {0} while rain is falling",
    "{0} in the light, {0} in the shade",
    "And every road that {0} has made",
)


def caption(bench: GenerationContext) -> Output:
    """Describe a picture, in one sentence or in several."""
    said = describe_picture(bench.photo(bench.input["image"]).rgb)
    style = bench.text("prompt_style")
    if "short" in bench.text("caption_length"):
        said = said.split(". ")[0]
    return {"text": f"{style}: {said}" if style not in ("", "Descriptive") else said}


def write_lyrics(bench: GenerationContext) -> Output:
    """Write a song in the form of Udio's lyrics."""
    title, text = _song(bench)
    return {"lyrics_pairs": [{"title": title, "text": text}]}


def write_song_text(bench: GenerationContext) -> Output:
    """Write a song in the form of Suno's lyrics; the vendor's pages do not show it."""
    title, text = _song(bench)
    return {"title": title, "text": text}


def describe_picture(rgb: Pixels) -> str:
    """Say what size and colours a picture has, and where its subject is."""
    height, width = rgb.shape[:2]
    shape = "landscape" if width > height else "portrait" if height > width else "square"
    subject = find_subject(rgb)
    inside = subject.matte > 127  # noqa: PLR2004 - the middle of a byte
    first = f"A {shape} image of {width} by {height} pixels"
    if not subject.certain or inside.all() or not inside.any():
        return f"{first} in {_name(rgb.reshape(-1, 3))}."
    colours = _name(rgb[inside]), _name(rgb[~inside])
    middle = (subject.box[0] + subject.box[2]) / 2 / width
    place = (
        "on the left" if middle < 1 / 3 else "on the right" if middle > 2 / 3 else "in the middle"
    )
    return f"{first}. It shows a {colours[0]} subject {place}, before a {colours[1]} background."


def _name(colours: Pixels) -> str:
    mean = np.median(colours, axis=0).astype(np.uint8).reshape(1, 1, 3)
    hue, saturation, value = (int(v) for v in cv2.cvtColor(mean, cv2.COLOR_RGB2HSV)[0, 0])
    tone = "dark " if value < DARK else "light " if value > LIGHT else ""
    if saturation < GREY:
        return f"{tone}grey"
    return tone + next(name for most, name in NAMES if hue <= most)


def _song(bench: GenerationContext) -> tuple[str, str]:
    words = (bench.text("prompt") or bench.text("gpt_description_prompt")).split() or ["silence"]
    start = seed_of(" ".join(words)) % len(words)
    verse = [line.format(words[(start + n) % len(words)]) for n, line in enumerate(LINES)]
    return " ".join(words[:4]).title(), "[Verse]\n" + "\n".join(verse) + "\n"
