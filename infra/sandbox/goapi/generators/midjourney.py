"""What Midjourney's tasks make: grids of four, and what is done with one of the four.

The output block follows "Detailed Explanation on Midjourney Task Result" (piapi.ai/docs). Which of
the two lists of four is filled depends on the plan over there; here both are.
"""

import re
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from infra.sandbox.goapi.generators.context import GenerationContext, Link, Output
from infra.sandbox.goapi.generators.images import proportion, sides
from infra.sandbox.goapi.generators.texts import describe_picture
from infra.sandbox.image_ops.codec import Pixels, as_bytes
from infra.sandbox.image_ops.draw import poster, seed_of
from infra.sandbox.image_ops.fill import extend, imagine
from infra.sandbox.image_ops.look import artistic
from infra.sandbox.image_ops.mask import painted
from infra.sandbox.image_ops.resize import enlarge
from infra.sandbox.image_ops.tone import blend
from infra.sandbox.jobs import WorkError

LONG_SIDE = 256  # of one of the four
NO_ORIGIN = "origin task not found or not completed"
RATIO = re.compile(r"--ar\s+(\d+:\d+)")
DIMENSIONS = {"square": 1.0, "portrait": 2 / 3, "landscape": 3 / 2}
ACTIONS = ["reroll", *(f"{act}{n}" for act in ("upscale", "variation") for n in range(1, 5))]
SHIFTS = {"left": "left", "right": "right", "up": "top", "down": "bottom"}


def imagine_four(bench: GenerationContext) -> Output:
    """Draw the prompt four times."""
    prompt = bench.text("prompt")
    found = RATIO.search(prompt)
    ratio = proportion(found[1] if found else bench.text("aspect_ratio"))
    return _block(bench, _drawn(prompt, ratio, bench.base))


def upscale(bench: GenerationContext) -> Output:
    """Give one of the four alone and larger; other words than 1 to 4 work on a single picture."""
    picture = _picked(bench, bench.text("index"))
    return _single(bench, enlarge(picture, 2))


def vary(bench: GenerationContext) -> Output:
    """Make four others of one of the four."""
    picture = _picked(bench, bench.text("index"))
    words = bench.text("prompt")
    strength = 0.8 if "high" in bench.text("index") else 0.5
    four = [blend(picture, artistic(picture, f"{words}{n}"), strength) for n in range(4)]
    return _block(bench, four)


def reroll(bench: GenerationContext) -> Output:
    """Draw four others in the size of the first four."""
    first = _pictures(bench)[0]
    words = bench.text("prompt") or bench.text("origin_task_id")
    return _block(bench, _drawn(words, first.shape[1] / first.shape[0], "again"))


def describe(bench: GenerationContext) -> Output:
    """Say in four ways what is in a picture."""
    said = describe_picture(bench.photo(bench.input["image_url"]).rgb)
    ways = ("photograph", "painting", "sketch", "poster")
    return {"description": "\n\n".join(f"{n}. {way}: {said}" for n, way in enumerate(ways, 1))}


def tell_seed(bench: GenerationContext) -> Output:
    """Tell the number that a task was drawn with."""
    _pictures(bench)
    return {"seed": str(seed_of(bench.text("origin_task_id")) % 2**32)}


def blend_pictures(bench: GenerationContext) -> Output:
    """Mix pictures into four."""
    photos = [bench.photo(source).rgb for source in bench.list("image_urls")]
    size = sides(DIMENSIONS.get(bench.text("dimension"), 1.0), LONG_SIDE)
    fitted = [as_bytes(cv2.resize(one, size, interpolation=cv2.INTER_AREA)) for one in photos]
    mixed = as_bytes(np.mean(fitted, axis=0))
    return _block(bench, [blend(mixed, artistic(mixed, str(n)), 0.3) for n in range(4)])


def inpaint(bench: GenerationContext) -> Output:
    """Draw the prompt where the mask is painted, in four ways."""
    picture = _picked(bench, "")
    mask = painted(bench.photo(bench.input["mask"]), (picture.shape[1], picture.shape[0]))
    words = bench.text("prompt")
    return _block(bench, [imagine(picture, mask, f"{words} {n}") for n in range(4)])


def outpaint(bench: GenerationContext) -> Output:
    """Zoom out, the new border drawn from the prompt, in four ways."""
    picture = _picked(bench, "")
    share = max(0.0, (float(bench.text("zoom_ratio") or 2) - 1) / 2)
    x, y = round(picture.shape[1] * share), round(picture.shape[0] * share)
    words = bench.text("prompt") or "around"
    return _block(
        bench,
        [extend(picture, left=x, top=y, right=x, bottom=y, prompt=f"{words}{n}") for n in range(4)],
    )


def pan(bench: GenerationContext) -> Output:
    """Extend to one side by half, in four ways."""
    picture = _picked(bench, "")
    side = SHIFTS[bench.text("direction")]
    length = picture.shape[1 if side in ("left", "right") else 0] // 2
    words = bench.text("prompt") or side
    four = [extend(picture, **{side: length}, prompt=f"{words}{n}") for n in range(4)]
    return _block(bench, four)


def _drawn(words: str, ratio: float, artist: str) -> list[Pixels]:
    size = sides(ratio, LONG_SIDE)
    return [poster(words, *size, artist=f"{artist}{number}") for number in range(4)]


def _picked(bench: GenerationContext, index: str) -> Pixels:
    """Return the picture of that number, the first where it is none."""
    pictures = _pictures(bench)
    digits = [int(letter) for letter in index if letter in "1234"]
    number = digits[-1] if digits and not index.endswith("x") else 1
    return pictures[min(number, len(pictures)) - 1]


def _pictures(bench: GenerationContext) -> list[Pixels]:
    output: Mapping[str, object] | None = bench.find_output(bench.text("origin_task_id"))
    if output is None:
        raise WorkError(NO_ORIGIN)
    links = output.get("image_urls") or [output.get("image_url")]
    if not isinstance(links, list):
        raise WorkError(NO_ORIGIN)
    return [bench.photo(link).rgb for link in links]


def _block(bench: GenerationContext, four: Sequence[Pixels]) -> Output:
    rows = [np.hstack(four[:2]), np.hstack(four[2:])]
    links = [bench.keep_image(one) for one in four]
    return _output(bench.keep_image(np.vstack(rows)), links, ACTIONS)


def _single(bench: GenerationContext, picture: Pixels) -> Output:
    return _output(
        bench.keep_image(picture), None, ["variation_low", "variation_high", "upscale2x"]
    )


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
