"""The generators of text: captions and descriptions of images, lyrics from a prompt."""

import cv2
import numpy as np

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.image_ops.codec import Pixels
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.draw import seed_from_text

# Hue in OpenCV's half degrees, up to and including this one -> its name.
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


def caption(ctx: GenerationContext) -> Output:
    """Describe an image in one sentence or several."""
    text = describe_image(ctx.photo(ctx.input["image"]).rgb)
    style = ctx.text("prompt_style")
    if "short" in ctx.text("caption_length"):
        text = text.split(". ")[0]
    return {"text": f"{style}: {text}" if style not in ("", "Descriptive") else text}


def write_udio_lyrics(ctx: GenerationContext) -> Output:
    """Write lyrics in Udio's output format."""
    title, text = _write_song(ctx)
    return {"lyrics_pairs": [{"title": title, "text": text}]}


def write_suno_lyrics(ctx: GenerationContext) -> Output:
    """Write lyrics in Suno's output format, which is a guess: the vendor does not document it."""
    title, text = _write_song(ctx)
    return {"title": title, "text": text}


def describe_image(rgb: Pixels) -> str:
    """Describe the size and colours of an image, and where its subject is."""
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


def _write_song(ctx: GenerationContext) -> tuple[str, str]:
    words = (ctx.text("prompt") or ctx.text("gpt_description_prompt")).split() or ["silence"]
    start = seed_from_text(" ".join(words)) % len(words)
    verse = [line.format(words[(start + n) % len(words)]) for n, line in enumerate(LINES)]
    return " ".join(words[:4]).title(), "[Verse]\n" + "\n".join(verse) + "\n"
