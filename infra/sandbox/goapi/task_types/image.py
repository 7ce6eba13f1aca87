"""The image tasks: what each asks for, what it costs, and who makes it.

Fields after the model pages of piapi.ai/docs. Published prices are Z-Image's and Seedream 5 Lite's;
the others are guesses in their neighbourhood.
"""

from infra.sandbox.goapi.generators import images, midjourney, texts, toolkit
from infra.sandbox.goapi.task_types.fields import Field, flag, need, number, some, text, whole
from infra.sandbox.goapi.task_types.task_type import Asked, Maker, Row, Usage

TOOLKIT = "Qubico/image-toolkit"
SCHNELL = "Qubico/flux1-schnell"
DEV = "Qubico/flux1-dev"
ADVANCED = "Qubico/flux1-dev-advanced"
FLUX_PIXELS = 1_048_576
FLUX_UNITS = 150_000
RATIOS = ("", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9", "4:5", "5:4", "auto")


def _no_more_pixels(asked: Asked) -> str | None:
    sides = (asked.get("width"), asked.get("height"))
    pixels = 1
    for side in sides:
        pixels *= int(side) if isinstance(side, (int, float)) and side else images.SIDE
    return None if pixels <= FLUX_PIXELS else f"width * height must be at most {FLUX_PIXELS}"


def _has_outpaint(asked: Asked) -> str | None:
    settings = asked.get("custom_settings")
    if isinstance(settings, list):
        for one in settings:
            if isinstance(one, dict) and one.get("setting_type") == "outpaint":
                sides = [one.get(f"outpaint_{side}", 0) for side in images.SIDES]
                fits = all(isinstance(side, int) and 0 <= side <= FLUX_PIXELS for side in sides)
                return None if fits else "invalid custom_settings"
    return "custom_settings: setting_type outpaint is required"


SIZE = (whole("width", 0, 0), whole("height", 0, 0))
STEPS = (whole("steps"), number("guidance_scale", 0, 0, 5))
PROMPT = need("text", "prompt")
NEGATIVE = text("negative_prompt")
IMAGE = need("image", "image")
DENOISE = Field("denoise", "number", start=0.7, low=0.01, high=1)
LORAS = need("list", "lora_settings")


def _flux(model: str, task_type: str, fields: tuple[Field, ...], make: Maker) -> Row:
    return Row(
        model,
        task_type,
        (*PROMPT, NEGATIVE, *fields, *SIZE, *STEPS, whole("seed", -1)),
        make,
        price=FLUX_UNITS,
        rules=(_no_more_pixels,),
    )


def _flux_rows() -> tuple[Row, ...]:
    rows = [_flux(SCHNELL, "txt2img", (whole("batch_size", 1, 1, 4),), images.draw)]
    larger = (*IMAGE, DENOISE, whole("scale", 2, 2, 4))
    controls = need("list", "control_net_settings")
    rows += [
        *(_flux(model, "txt2img", (), images.draw) for model in (DEV, ADVANCED)),
        *(
            _flux(model, "img2img", (*IMAGE, DENOISE), images.redraw)
            for model in (SCHNELL, DEV, ADVANCED)
        ),
        *(
            _flux(model, "txt2img-sr", (whole("scale", 2, 2, 4),), images.draw)
            for model in (SCHNELL, ADVANCED)
        ),
        _flux(ADVANCED, "img2img-sr", larger, images.redraw),
        _flux(ADVANCED, "txt2img-lora", LORAS, images.draw),
        _flux(ADVANCED, "img2img-lora", (*IMAGE, DENOISE, *LORAS), images.redraw),
        _flux(
            ADVANCED,
            "controlnet-lora",
            (*controls, *some("list", "lora_settings"), *some("image", "image"), DENOISE),
            images.follow_control,
        ),
        _flux(ADVANCED, "fill-inpaint", IMAGE, images.fill),
        Row(
            ADVANCED,
            "fill-outpaint",
            (*PROMPT, NEGATIVE, *IMAGE, *need("list", "custom_settings"), *STEPS),
            images.enlarge_canvas,
            price=FLUX_UNITS,
            rules=(_has_outpaint,),
        ),
        _flux(ADVANCED, "redux-variation", IMAGE, images.vary),
        _flux(ADVANCED, "kontext", IMAGE, images.redraw),
    ]
    return tuple(rows)


SOURCES = some("images", "image_urls")
RATIO = text("aspect_ratio", "", *RATIOS)
FORM = text("output_format", "", "", "png", "jpeg")


def _nano(task_type: str, *more: Field) -> Row:
    fields = (*PROMPT, *SOURCES, RATIO, text("resolution", "1K", "1K", "2K", "4K"), FORM, *more)
    return Row("gemini", task_type, fields, images.edit_or_draw, price=1_000_000, usage="llm")


def _seedream(task_type: str, sizes: tuple[str, ...]) -> Row:
    sources = Field("image_urls", "images", most=10)
    fields = (*PROMPT, sources, RATIO, text("size", "2K", *sizes), FORM)
    return Row("seedream", task_type, fields, images.edit_or_draw, price=280_000, usage="llm")


PROXIED_ROWS: tuple[Row, ...] = (
    Row(
        "gemini",
        "gemini-2.5-flash-image",
        (*PROMPT, *SOURCES, whole("num_images", 1, 1, 4), RATIO, FORM),
        images.edit_or_draw,
        price=300_000,
        usage="llm",
    ),
    _nano("nano-banana-pro", text("safety_level", "", "", "low", "medium", "high")),
    _nano("nano-banana-2"),
    Row(
        "Qubico/qwen-image",
        "txt2img",
        (*PROMPT, NEGATIVE, *SIZE, whole("steps"), whole("seed", -1), number("flow_shift")),
        images.draw,
        price=200_000,
    ),
    Row(
        "Qubico/qwen-image",
        "image-edit",
        (
            *PROMPT,
            *need("image", "image1"),
            *some("image", "image2", "image3"),
            NEGATIVE,
            whole("steps"),
            whole("seed", -1),
            number("flow_shift"),
        ),
        images.redraw,
        price=300_000,
    ),
    Row(
        "Qubico/z-image",
        "txt2img",
        (
            *PROMPT,
            NEGATIVE,
            *SIZE,
            whole("batch_size", 1, 1, 4),
            whole("seed", -1),
            number("flow_shift"),
        ),
        images.draw,
        price=40_000,
        usage="llm",
    ),
    *(
        _seedream(f"seedream-5-{kind}{strictness}", sizes)
        for kind, sizes in (("lite", ("2K", "3K")), ("pro", ("1K", "2K")))
        for strictness in ("", "-less-restriction")
    ),
)

ORIGIN = need("task", "origin_task_id")
MODE = (text("process_mode", "", "", "relax", "fast", "turbo"), text("bot_id"))
SKIP = flag("skip_prompt_check")
MJ: Usage = "mj"


def _mj(task_type: str, make: Maker, *fields: Field) -> Row:
    skeleton = {"description": ""} if task_type == "describe" else None
    price = 700_000 if task_type == "imagine" else 200_000
    return Row("midjourney", task_type, fields, make, price, MJ, skeleton=lambda _: skeleton)


MIDJOURNEY_ROWS: tuple[Row, ...] = (
    _mj("imagine", midjourney.imagine_four, *PROMPT, text("aspect_ratio", "1:1"), *MODE, SKIP),
    _mj("upscale", midjourney.upscale, *ORIGIN, *need("text", "index")),
    _mj(
        "variation",
        midjourney.vary,
        *ORIGIN,
        *need("text", "index"),
        text("prompt"),
        text("aspect_ratio"),
        SKIP,
    ),
    _mj("reroll", midjourney.reroll, *ORIGIN, text("prompt"), text("aspect_ratio"), SKIP),
    _mj("describe", midjourney.describe, *need("image", "image_url"), *MODE),
    _mj("seed", midjourney.tell_seed, *ORIGIN),
    _mj(
        "blend",
        midjourney.blend_pictures,
        Field("image_urls", "images", need=True, most=5),
        text("dimension", "", "", *midjourney.DIMENSIONS),
        *MODE,
    ),
    _mj("inpaint", midjourney.inpaint, *ORIGIN, *need("image", "mask"), text("prompt"), SKIP),
    _mj(
        "outpaint",
        midjourney.outpaint,
        *ORIGIN,
        text("zoom_ratio", "", "", "1", "1.5", "2"),
        text("prompt"),
        text("aspect_ratio"),
        SKIP,
    ),
    _mj(
        "pan",
        midjourney.pan,
        *ORIGIN,
        Field("direction", "text", need=True, among=tuple(midjourney.SHIFTS)),
        text("prompt"),
        SKIP,
    ),
)

FACES = need("image", "target_image", "swap_image")

TOOLKIT_ROWS: tuple[Row, ...] = (
    Row(TOOLKIT, "face-swap", FACES, toolkit.swap_one_face, price=100_000),
    Row(
        TOOLKIT,
        "multi-face-swap",
        (*FACES, text("swap_faces_index"), text("target_faces_index")),
        toolkit.swap_many_faces,
        price=200_000,
    ),
    Row(
        TOOLKIT,
        "background-remove",
        (*IMAGE, text("rmbg_model")),
        toolkit.remove_background,
        price=20_000,
    ),
    Row(
        TOOLKIT,
        "segment",
        (
            *IMAGE,
            *PROMPT,
            NEGATIVE,
            whole("segment_factor", toolkit.SAMPLE_FACTOR, -500, 500),
        ),
        toolkit.segment,
        price=20_000,
    ),
    Row(
        TOOLKIT,
        "upscale",
        (*IMAGE, whole("scale", 2, 2, 10), flag("face_enhance")),
        toolkit.upscale,
        price=40_000,
    ),
    Row(
        "Qubico/joycaption",
        "joycaption-beta-one",
        (
            *IMAGE,
            text("prompt_style", "Descriptive"),
            text("caption_length", "any"),
            text("workflow_type"),
        ),
        texts.caption,
        price=20_000,
        usage="llm",
    ),
)

ROWS: tuple[Row, ...] = (*_flux_rows(), *PROXIED_ROWS, *MIDJOURNEY_ROWS, *TOOLKIT_ROWS)
