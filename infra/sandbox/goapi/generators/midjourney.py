"""Midjourney's generators: grids of four images, and edits of one of the four.

The output follows "Detailed Explanation on Midjourney Task Result" (piapi.ai/docs). Which of the
two lists of four URLs the vendor fills depends on the plan; the sandbox fills both.
"""

import re
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from infra.sandbox.goapi.generators.context import GenerationContext, Link, Output
from infra.sandbox.goapi.generators.images import parse_ratio, size_for_ratio
from infra.sandbox.goapi.generators.texts import describe_image
from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.draw import draw_poster, seed_from_text
from infra.sandbox.image_ops.fill import extend_canvas, fill_from_prompt
from infra.sandbox.image_ops.filters import apply_art_style
from infra.sandbox.image_ops.mask import read_brush_mask
from infra.sandbox.image_ops.resize import enlarge
from infra.sandbox.image_ops.tone import blend
from infra.sandbox.jobs import WorkError

LONG_SIDE = 256  # of one of the four images images
NO_ORIGIN = "origin task not found or not completed"
RATIO = re.compile(r"--ar\s+(\d+:\d+)")
DIMENSIONS = {"square": 1.0, "portrait": 2 / 3, "landscape": 3 / 2}
ACTIONS = ["reroll", *(f"{act}{n}" for act in ("upscale", "variation") for n in range(1, 5))]
SHIFTS = {"left": "left", "right": "right", "up": "top", "down": "bottom"}


def imagine(ctx: GenerationContext) -> Output:
    """Generate four images from the prompt."""
    prompt = ctx.text("prompt")
    found = RATIO.search(prompt)
    ratio = parse_ratio(found[1] if found else ctx.text("aspect_ratio"))
    return _grid_output(ctx, _generate(prompt, ratio, ctx.base_url))


def upscale(ctx: GenerationContext) -> Output:
    """Enlarge one of the four; an index other than 1 to 4 is for a single image."""
    image = _selected_image(ctx, ctx.text("index"))
    return _single_output(ctx, enlarge(image, 2))


def variation(ctx: GenerationContext) -> Output:
    """Make four variations of one of the four."""
    image = _selected_image(ctx, ctx.text("index"))
    words = ctx.text("prompt")
    strength = 0.8 if "high" in ctx.text("index") else 0.5
    four = [blend(image, apply_art_style(image, f"{words}{n}"), strength) for n in range(4)]
    return _grid_output(ctx, four)


def reroll(ctx: GenerationContext) -> Output:
    """Generate four new images of the same size."""
    first = _origin_images(ctx)[0]
    words = ctx.text("prompt") or ctx.text("origin_task_id")
    return _grid_output(ctx, _generate(words, first.shape[1] / first.shape[0], "again"))


def describe(ctx: GenerationContext) -> Output:
    """Describe an image in four ways."""
    text = describe_image(ctx.photo(ctx.input["image_url"]).rgb)
    ways = ("photograph", "painting", "sketch", "poster")
    return {"description": "\n\n".join(f"{n}. {way}: {text}" for n, way in enumerate(ways, 1))}


def show_seed(ctx: GenerationContext) -> Output:
    """Return the seed of a task."""
    _origin_images(ctx)
    return {"seed": str(seed_from_text(ctx.text("origin_task_id")) % 2**32)}


def blend_images(ctx: GenerationContext) -> Output:
    """Blend images into four new ones."""
    photos = [ctx.photo(source).rgb for source in ctx.list("image_urls")]
    size = size_for_ratio(DIMENSIONS.get(ctx.text("dimension"), 1.0), LONG_SIDE)
    fitted = [as_bytes(cv2.resize(one, size, interpolation=cv2.INTER_AREA)) for one in photos]
    mixed = as_bytes(np.mean(fitted, axis=0))
    return _grid_output(ctx, [blend(mixed, apply_art_style(mixed, str(n)), 0.3) for n in range(4)])


def inpaint(ctx: GenerationContext) -> Output:
    """Fill the mask from the prompt, in four ways."""
    image = _selected_image(ctx, "")
    mask = read_brush_mask(ctx.photo(ctx.input["mask"]), (image.shape[1], image.shape[0]))
    words = ctx.text("prompt")
    return _grid_output(ctx, [fill_from_prompt(image, mask, f"{words} {n}") for n in range(4)])


def outpaint(ctx: GenerationContext) -> Output:
    """Zoom out and fill the new border from the prompt, in four ways."""
    image = _selected_image(ctx, "")
    share = max(0.0, (float(ctx.text("zoom_ratio") or 2) - 1) / 2)
    x, y = round(image.shape[1] * share), round(image.shape[0] * share)
    words = ctx.text("prompt") or "around"
    return _grid_output(
        ctx,
        [
            extend_canvas(image, left=x, top=y, right=x, bottom=y, prompt=f"{words}{n}")
            for n in range(4)
        ],
    )


def pan(ctx: GenerationContext) -> Output:
    """Extend to one side by half, in four ways."""
    image = _selected_image(ctx, "")
    side = SHIFTS[ctx.text("direction")]
    length = image.shape[1 if side in ("left", "right") else 0] // 2
    words = ctx.text("prompt") or side
    four = [extend_canvas(image, **{side: length}, prompt=f"{words}{n}") for n in range(4)]
    return _grid_output(ctx, four)


def _generate(words: str, ratio: float, variant: str) -> list[Pixels]:
    size = size_for_ratio(ratio, LONG_SIDE)
    return [draw_poster(words, *size, variant=f"{variant}{number}") for number in range(4)]


def _selected_image(ctx: GenerationContext, index: str) -> Pixels:
    """Return the image of that index, the first where the index has no number."""
    images = _origin_images(ctx)
    digits = [int(char) for char in index if char in "1234"]
    number = digits[-1] if digits and not index.endswith("x") else 1
    return images[min(number, len(images)) - 1]


def _origin_images(ctx: GenerationContext) -> list[Pixels]:
    output: Mapping[str, object] | None = ctx.find_output(ctx.text("origin_task_id"))
    if output is None:
        raise WorkError(NO_ORIGIN)
    links = output.get("image_urls") or [output.get("image_url")]
    if not isinstance(links, list):
        raise WorkError(NO_ORIGIN)
    return [ctx.photo(link).rgb for link in links]


def _grid_output(ctx: GenerationContext, four: Sequence[Pixels]) -> Output:
    rows = [np.hstack(four[:2]), np.hstack(four[2:])]
    links = [ctx.store_image(one) for one in four]
    return _output(ctx.store_image(np.vstack(rows)), links, ACTIONS)


def _single_output(ctx: GenerationContext, image: Pixels) -> Output:
    return _output(ctx.store_image(image), None, ["variation_low", "variation_high", "upscale2x"])


def _output(link: Link, four: list[Link] | None, actions: list[str]) -> Output:
    return {
        "image_url": link,
        "image_urls": four,
        "temporary_image_urls": four,
        "discord_image_url": "",
        "intermediate_image_urls": None,
        "actions": actions,
        "progress": 100,
    }
