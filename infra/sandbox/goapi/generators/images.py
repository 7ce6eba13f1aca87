"""The generators of Flux, Gemini, Qwen, Z-Image and Seedream: images from prompts, edited images.

The image toolkit and Midjourney have their own files.
"""

import cv2
import numpy as np

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.generators.toolkit import enlarge_photo
from infra.sandbox.image_ops.codec import Photo, Pixels, as_bytes
from infra.sandbox.image_ops.compose import paste_subjects
from infra.sandbox.image_ops.draw import draw_poster
from infra.sandbox.image_ops.fill import extend_canvas, fill_from_prompt
from infra.sandbox.image_ops.filters import apply_art_style, tint_by_prompt
from infra.sandbox.image_ops.tone import blend

DEFAULT_SIDE = 1024
MIN_SIDE = 64
SIZES = {"": 1, "1K": 1, "2K": 2, "3K": 3, "4K": 4}  # resolution -> multiple of the default side
EXTENSIONS = {"": "png", "png": "png", "jpeg": "jpg", "jpg": "jpg", "webp": "webp"}
MIDDLE = 127
OUTPAINT_SIDES = ("left", "top", "right", "bottom")


def text_to_image(ctx: GenerationContext) -> Output:
    """Generate images from the prompt: one as `image_url`, several as `image_urls`."""
    count = ctx.whole("batch_size", 1)
    images = [_generate(ctx, number) for number in range(count)]
    if ctx.task_type.endswith("-sr"):
        images = [_enlarge_by_scale(ctx, image) for image in images]
    links = [ctx.store_image(image) for image in images]
    if count > 1:
        return {"image_url": "", "image_base64": "", "image_urls": links}
    return {"image_url": links[0], "image_base64": ""}


def image_to_image(ctx: GenerationContext) -> Output:
    """Change an image by the prompt; the larger `denoise`, the more."""
    photo = ctx.photo(ctx.input.get("image") or ctx.input.get("image1"))
    image = tint_by_prompt(photo.rgb, _prompt_text(ctx))
    strength = ctx.number("denoise", 0.7)
    image = blend(photo.rgb, image, strength)
    others = [ctx.photo(ctx.input[n]) for n in ("image2", "image3") if ctx.input.get(n)]
    if others:
        image = paste_subjects(image, others)
    if ctx.task_type.endswith("-sr"):
        image = _enlarge_by_scale(ctx, image)
    return _image_output(ctx, image)


def variation(ctx: GenerationContext) -> Output:
    """Make a variation of an image, at the requested size."""
    photo = ctx.photo(ctx.input["image"])
    image = apply_art_style(photo.rgb, _prompt_text(ctx))
    if ctx.input.get("width") and ctx.input.get("height"):
        size = (ctx.whole("width"), ctx.whole("height"))
        image = as_bytes(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    return _image_output(ctx, image)


def controlnet(ctx: GenerationContext) -> Output:
    """Generate an image from the prompt with the outlines of the control images."""
    image = _generate(ctx, 0)
    for setting in ctx.list("control_net_settings"):
        source = setting.get("control_image") if isinstance(setting, dict) else None
        if source:
            grey = cv2.cvtColor(ctx.photo(source).rgb, cv2.COLOR_RGB2GRAY)
            size = (image.shape[1], image.shape[0])
            lines = cv2.Canny(as_bytes(cv2.resize(grey, size)), 60, 160)
            image = np.where(lines[:, :, None] > 0, as_bytes(image * 0.15), image)
    return _image_output(ctx, image)


def inpaint(ctx: GenerationContext) -> Output:
    """Fill the transparent region from the prompt; an opaque image stays as it is."""
    photo = ctx.photo(ctx.input["image"])
    return _image_output(ctx, _fill(photo, _prompt_text(ctx)))


def outpaint(ctx: GenerationContext) -> Output:
    """Extend the image by `outpaint_left`, `outpaint_top` and so on, in pixels."""
    photo = ctx.photo(ctx.input["image"])
    border = dict.fromkeys(OUTPAINT_SIDES, 0)
    for setting in ctx.list("custom_settings"):
        if isinstance(setting, dict) and setting.get("setting_type") == "outpaint":
            border = {side: int(setting.get(f"outpaint_{side}") or 0) for side in OUTPAINT_SIDES}
    return _image_output(ctx, extend_canvas(photo.rgb, **border, prompt=_prompt_text(ctx)))


def edit_or_generate(ctx: GenerationContext) -> Output:
    """Edit and combine the given images, or generate from the prompt when there are none."""
    photos = [ctx.photo(source) for source in ctx.list("image_urls")]
    count = ctx.whole("num_images", 1)
    extension = EXTENSIONS.get(ctx.text("output_format"), "png")
    links = []
    for number in range(count):
        if photos:
            image = tint_by_prompt(photos[0].rgb, _prompt_text(ctx) + "+" * number)
            image = paste_subjects(image, photos[1:]) if photos[1:] else image
        else:
            image = _generate_at_size(ctx, number)
        links.append(ctx.store_image(image, extension))
    return {"image_url": "", "image_urls": links}


def parse_ratio(text: str, default: float = 1.0) -> float:
    """Read "16:9" as width by height."""
    wide, _, tall = text.partition(":")
    if wide.isdecimal() and tall.isdecimal() and int(wide) and int(tall):
        return int(wide) / int(tall)
    return default


def size_for_ratio(ratio: float, long_side: int) -> tuple[int, int]:
    """Return width and height in pixels for a ratio of width to height."""
    if ratio >= 1:
        return long_side, max(MIN_SIDE, round(long_side / ratio))
    return max(MIN_SIDE, round(long_side * ratio)), long_side


def _generate(ctx: GenerationContext, number: int) -> Pixels:
    width = max(MIN_SIDE, ctx.whole("width", DEFAULT_SIDE))
    height = max(MIN_SIDE, ctx.whole("height", DEFAULT_SIDE))
    return draw_poster(_prompt_text(ctx), width, height, variant=_variant(ctx, number))


def _enlarge_by_scale(ctx: GenerationContext, image: Pixels) -> Pixels:
    return enlarge_photo(Photo(image), ctx.number("scale", 2))


def _fill(photo: Photo, words: str) -> Pixels:
    if photo.alpha is None:
        return photo.rgb
    return fill_from_prompt(photo.rgb, as_bytes((photo.alpha <= MIDDLE) * 255), words)


def _generate_at_size(ctx: GenerationContext, number: int) -> Pixels:
    """Generate at the requested ratio, then enlarge to the resolution: that is quicker."""
    width, height = size_for_ratio(parse_ratio(ctx.text("aspect_ratio")), DEFAULT_SIDE)
    image = draw_poster(_prompt_text(ctx), width, height, variant=_variant(ctx, number))
    wanted = ctx.text("resolution") or ctx.text("size")
    factor = SIZES.get(wanted.upper(), 1)
    if factor == 1:
        return image
    size = (width * factor, height * factor)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _prompt_text(ctx: GenerationContext) -> str:
    loras = [one.get("lora_type", "") for one in ctx.list("lora_settings") if isinstance(one, dict)]
    return " ".join([ctx.text("prompt"), *map(str, loras)])


def _variant(ctx: GenerationContext, number: int) -> str:
    seed = ctx.whole("seed")
    return f"{seed if seed > 0 else ''}{'*' * number}"


def _image_output(ctx: GenerationContext, image: Pixels) -> Output:
    return {"image_url": ctx.store_image(image), "image_base64": ""}
