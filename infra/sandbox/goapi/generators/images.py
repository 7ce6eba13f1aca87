"""What the image models make: pictures from words, pictures changed by words.

Flux, Gemini, Qwen, Z-Image and Seedream; the toolkit and Midjourney have files of their own.
"""

import cv2
import numpy as np

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.generators.toolkit import upscaled
from infra.sandbox.image_ops.codec import Photo, Pixels, as_bytes
from infra.sandbox.image_ops.compose import gather
from infra.sandbox.image_ops.draw import poster
from infra.sandbox.image_ops.fill import extend, imagine
from infra.sandbox.image_ops.look import artistic, prompted
from infra.sandbox.image_ops.tone import blend

SIDE = 1024  # of a picture whose size nobody asked for
MIN_SIDE = 64
SIZES = {"": 1, "1K": 1, "2K": 2, "3K": 3, "4K": 4}  # resolution -> how often the usual side
FORMS = {"": "png", "png": "png", "jpeg": "jpg", "jpg": "jpg", "webp": "webp"}
MIDDLE = 127
SIDES = ("left", "top", "right", "bottom")


def draw(bench: GenerationContext) -> Output:
    """Draw the prompt: one picture as `image_url`, several as `image_urls`."""
    count = bench.whole("batch_size", 1)
    pictures = [_drawn(bench, number) for number in range(count)]
    if bench.task_type.endswith("-sr"):
        pictures = [_larger(bench, picture) for picture in pictures]
    links = [bench.keep_image(picture) for picture in pictures]
    if count > 1:
        return {"image_url": "", "image_base64": "", "image_urls": links}
    return {"image_url": links[0], "image_base64": ""}


def redraw(bench: GenerationContext) -> Output:
    """Change a picture by the prompt, the more the stronger `denoise` is."""
    photo = bench.photo(bench.input.get("image") or bench.input.get("image1"))
    picture = prompted(photo.rgb, _words(bench))
    strength = bench.number("denoise", 0.7)
    picture = blend(photo.rgb, picture, strength)
    others = [bench.photo(bench.input[n]) for n in ("image2", "image3") if bench.input.get(n)]
    if others:
        picture = gather(picture, others)
    if bench.task_type.endswith("-sr"):
        picture = _larger(bench, picture)
    return _one(bench, picture)


def vary(bench: GenerationContext) -> Output:
    """Give a picture another look, at the size asked for."""
    photo = bench.photo(bench.input["image"])
    picture = artistic(photo.rgb, _words(bench))
    if bench.input.get("width") and bench.input.get("height"):
        size = (bench.whole("width"), bench.whole("height"))
        picture = as_bytes(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    return _one(bench, picture)


def follow_control(bench: GenerationContext) -> Output:
    """Draw the prompt along the outlines of the control pictures."""
    picture = _drawn(bench, 0)
    for setting in bench.list("control_net_settings"):
        source = setting.get("control_image") if isinstance(setting, dict) else None
        if source:
            grey = cv2.cvtColor(bench.photo(source).rgb, cv2.COLOR_RGB2GRAY)
            size = (picture.shape[1], picture.shape[0])
            lines = cv2.Canny(as_bytes(cv2.resize(grey, size)), 60, 160)
            picture = np.where(lines[:, :, None] > 0, as_bytes(picture * 0.15), picture)
    return _one(bench, picture)


def fill(bench: GenerationContext) -> Output:
    """Draw the prompt where the picture is transparent; an opaque one stays as it is."""
    photo = bench.photo(bench.input["image"])
    return _one(bench, _filled(photo, _words(bench)))


def enlarge_canvas(bench: GenerationContext) -> Output:
    """Extend the picture by the pixels that `outpaint_left` and its like name."""
    photo = bench.photo(bench.input["image"])
    border = dict.fromkeys(SIDES, 0)
    for setting in bench.list("custom_settings"):
        if isinstance(setting, dict) and setting.get("setting_type") == "outpaint":
            border = {side: int(setting.get(f"outpaint_{side}") or 0) for side in SIDES}
    return _one(bench, extend(photo.rgb, **border, prompt=_words(bench)))


def edit_or_draw(bench: GenerationContext) -> Output:
    """Change and join the pictures given, or draw the prompt when there are none."""
    photos = [bench.photo(source) for source in bench.list("image_urls")]
    count = bench.whole("num_images", 1)
    form = FORMS.get(bench.text("output_format"), "png")
    links = []
    for number in range(count):
        if photos:
            picture = prompted(photos[0].rgb, _words(bench) + "+" * number)
            picture = gather(picture, photos[1:]) if photos[1:] else picture
        else:
            picture = _sized(bench, number)
        links.append(bench.keep_image(picture, form))
    return {"image_url": "", "image_urls": links}


def edit_or_draw_one(bench: GenerationContext) -> Output:
    """Do the same for a model that makes one picture."""
    links = edit_or_draw(bench)["image_urls"]
    return {"image_url": links[0] if isinstance(links, list) else "", "image_urls": None}


def proportion(text: str, default: float = 1.0) -> float:
    """Read "16:9" as width by height."""
    wide, _, tall = text.partition(":")
    if wide.isdecimal() and tall.isdecimal() and int(wide) and int(tall):
        return int(wide) / int(tall)
    return default


def sides(ratio: float, long_side: int) -> tuple[int, int]:
    """Return width and height in a proportion, the longer side as given."""
    if ratio >= 1:
        return long_side, max(MIN_SIDE, round(long_side / ratio))
    return max(MIN_SIDE, round(long_side * ratio)), long_side


def _drawn(bench: GenerationContext, number: int) -> Pixels:
    width = max(MIN_SIDE, bench.whole("width", SIDE))
    height = max(MIN_SIDE, bench.whole("height", SIDE))
    return poster(_words(bench), width, height, artist=_artist(bench, number))


def _larger(bench: GenerationContext, picture: Pixels) -> Pixels:
    return upscaled(Photo(picture), bench.number("scale", 2))


def _filled(photo: Photo, words: str) -> Pixels:
    if photo.alpha is None:
        return photo.rgb
    return imagine(photo.rgb, as_bytes((photo.alpha <= MIDDLE) * 255), words)


def _sized(bench: GenerationContext, number: int) -> Pixels:
    """Draw in the proportions asked for, and enlarge to the resolution: that is quicker."""
    width, height = sides(proportion(bench.text("aspect_ratio")), SIDE)
    picture = poster(_words(bench), width, height, artist=_artist(bench, number))
    wanted = bench.text("resolution") or bench.text("size")
    factor = SIZES.get(wanted.upper(), 1)
    if factor == 1:
        return picture
    size = (width * factor, height * factor)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _words(bench: GenerationContext) -> str:
    loras = [
        one.get("lora_type", "") for one in bench.list("lora_settings") if isinstance(one, dict)
    ]
    return " ".join([bench.text("prompt"), *map(str, loras)])


def _artist(bench: GenerationContext, number: int) -> str:
    seed = bench.whole("seed")
    return f"{seed if seed > 0 else ''}{'*' * number}"


def _one(bench: GenerationContext, picture: Pixels) -> Output:
    return {"image_url": bench.keep_image(picture), "image_base64": ""}
