"""The image task types: input, price and generator of each.

Fields from the model pages of piapi.ai/docs. The prices of Z-Image and Seedream 5 Lite are
published; the others are guesses of the same order.
"""

from infra.sandbox.goapi.generators import images, midjourney, texts, toolkit
from infra.sandbox.goapi.task_types.fields import (
    Field,
    flag,
    number,
    optional,
    required,
    text,
    whole,
)
from infra.sandbox.goapi.task_types.task_type import Generator, TaskInput, TaskType, Usage

TOOLKIT = "Qubico/image-toolkit"
SCHNELL = "Qubico/flux1-schnell"
DEV = "Qubico/flux1-dev"
ADVANCED = "Qubico/flux1-dev-advanced"
FLUX_PIXELS = 1_048_576
FLUX_UNITS = 150_000
RATIOS = ("", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9", "4:5", "5:4", "auto")


def _no_more_pixels(task_input: TaskInput) -> str | None:
    sides = (task_input.get("width"), task_input.get("height"))
    pixels = 1
    for side in sides:
        pixels *= int(side) if isinstance(side, (int, float)) and side else images.DEFAULT_SIDE
    return None if pixels <= FLUX_PIXELS else f"width * height must be at most {FLUX_PIXELS}"


def _has_outpaint(task_input: TaskInput) -> str | None:
    settings = task_input.get("custom_settings")
    if isinstance(settings, list):
        for one in settings:
            if isinstance(one, dict) and one.get("setting_type") == "outpaint":
                sides = [one.get(f"outpaint_{side}", 0) for side in images.OUTPAINT_SIDES]
                matches = all(isinstance(side, int) and 0 <= side <= FLUX_PIXELS for side in sides)
                return None if matches else "invalid custom_settings"
    return "custom_settings: setting_type outpaint is required"


SIZE = (whole("width", 0, 0), whole("height", 0, 0))
STEPS = (whole("steps"), number("guidance_scale", 0, 0, 5))
PROMPT = required("text", "prompt")
NEGATIVE = text("negative_prompt")
IMAGE = required("image", "image")
DENOISE = Field("denoise", "number", default=0.7, minimum=0.01, maximum=1)
LORAS = required("list", "lora_settings")


def _flux(model: str, task_type: str, fields: tuple[Field, ...], generate: Generator) -> TaskType:
    return TaskType(
        model,
        task_type,
        (*PROMPT, NEGATIVE, *fields, *SIZE, *STEPS, whole("seed", -1)),
        generate,
        price=FLUX_UNITS,
        rules=(_no_more_pixels,),
    )


def _flux_types() -> tuple[TaskType, ...]:
    types = [_flux(SCHNELL, "txt2img", (whole("batch_size", 1, 1, 4),), images.text_to_image)]
    larger = (*IMAGE, DENOISE, whole("scale", 2, 2, 4))
    controls = required("list", "control_net_settings")
    types += [
        *(_flux(model, "txt2img", (), images.text_to_image) for model in (DEV, ADVANCED)),
        *(
            _flux(model, "img2img", (*IMAGE, DENOISE), images.image_to_image)
            for model in (SCHNELL, DEV, ADVANCED)
        ),
        *(
            _flux(model, "txt2img-sr", (whole("scale", 2, 2, 4),), images.text_to_image)
            for model in (SCHNELL, ADVANCED)
        ),
        _flux(ADVANCED, "img2img-sr", larger, images.image_to_image),
        _flux(ADVANCED, "txt2img-lora", LORAS, images.text_to_image),
        _flux(ADVANCED, "img2img-lora", (*IMAGE, DENOISE, *LORAS), images.image_to_image),
        _flux(
            ADVANCED,
            "controlnet-lora",
            (*controls, *optional("list", "lora_settings"), *optional("image", "image"), DENOISE),
            images.controlnet,
        ),
        _flux(ADVANCED, "fill-inpaint", IMAGE, images.inpaint),
        TaskType(
            ADVANCED,
            "fill-outpaint",
            (*PROMPT, NEGATIVE, *IMAGE, *required("list", "custom_settings"), *STEPS),
            images.outpaint,
            price=FLUX_UNITS,
            rules=(_has_outpaint,),
        ),
        _flux(ADVANCED, "redux-variation", IMAGE, images.variation),
        _flux(ADVANCED, "kontext", IMAGE, images.image_to_image),
    ]
    return tuple(types)


SOURCES = optional("images", "image_urls")
RATIO = text("aspect_ratio", "", *RATIOS)
FORM = text("output_format", "", "", "png", "jpeg")


def _nano(task_type: str, *more: Field) -> TaskType:
    fields = (*PROMPT, *SOURCES, RATIO, text("resolution", "1K", "1K", "2K", "4K"), FORM, *more)
    return TaskType(
        "gemini", task_type, fields, images.edit_or_generate, price=1_000_000, usage="llm"
    )


def _seedream(task_type: str, sizes: tuple[str, ...]) -> TaskType:
    sources = Field("image_urls", "images", max_length=10)
    fields = (*PROMPT, sources, RATIO, text("size", "2K", *sizes), FORM)
    return TaskType(
        "seedream", task_type, fields, images.edit_or_generate, price=280_000, usage="llm"
    )


PROXIED_TYPES: tuple[TaskType, ...] = (
    TaskType(
        "gemini",
        "gemini-2.5-flash-image",
        (*PROMPT, *SOURCES, whole("num_images", 1, 1, 4), RATIO, FORM),
        images.edit_or_generate,
        price=300_000,
        usage="llm",
    ),
    _nano("nano-banana-pro", text("safety_level", "", "", "low", "medium", "high")),
    _nano("nano-banana-2"),
    TaskType(
        "Qubico/qwen-image",
        "txt2img",
        (*PROMPT, NEGATIVE, *SIZE, whole("steps"), whole("seed", -1), number("flow_shift")),
        images.text_to_image,
        price=200_000,
    ),
    TaskType(
        "Qubico/qwen-image",
        "image-edit",
        (
            *PROMPT,
            *required("image", "image1"),
            *optional("image", "image2", "image3"),
            NEGATIVE,
            whole("steps"),
            whole("seed", -1),
            number("flow_shift"),
        ),
        images.image_to_image,
        price=300_000,
    ),
    TaskType(
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
        images.text_to_image,
        price=40_000,
        usage="llm",
    ),
    *(
        _seedream(f"seedream-5-{kind}{strictness}", sizes)
        for kind, sizes in (("lite", ("2K", "3K")), ("pro", ("1K", "2K")))
        for strictness in ("", "-less-restriction")
    ),
)

ORIGIN = required("task", "origin_task_id")
MODE = (text("process_mode", "", "", "relax", "fast", "turbo"), text("bot_id"))
SKIP = flag("skip_prompt_check")
MJ: Usage = "mj"


def _mj(task_type: str, generate: Generator, *fields: Field) -> TaskType:
    pending_output = {"description": ""} if task_type == "describe" else None
    price = 700_000 if task_type == "imagine" else 200_000
    return TaskType(
        "midjourney",
        task_type,
        fields,
        generate,
        price,
        MJ,
        pending_output=lambda _: pending_output,
    )


MIDJOURNEY_TYPES: tuple[TaskType, ...] = (
    _mj("imagine", midjourney.imagine, *PROMPT, text("aspect_ratio", "1:1"), *MODE, SKIP),
    _mj("upscale", midjourney.upscale, *ORIGIN, *required("text", "index")),
    _mj(
        "variation",
        midjourney.variation,
        *ORIGIN,
        *required("text", "index"),
        text("prompt"),
        text("aspect_ratio"),
        SKIP,
    ),
    _mj("reroll", midjourney.reroll, *ORIGIN, text("prompt"), text("aspect_ratio"), SKIP),
    _mj("describe", midjourney.describe, *required("image", "image_url"), *MODE),
    _mj("seed", midjourney.show_seed, *ORIGIN),
    _mj(
        "blend",
        midjourney.blend_images,
        Field("image_urls", "images", required=True, max_length=5),
        text("dimension", "", "", *midjourney.DIMENSIONS),
        *MODE,
    ),
    _mj("inpaint", midjourney.inpaint, *ORIGIN, *required("image", "mask"), text("prompt"), SKIP),
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
        Field("direction", "text", required=True, choices=tuple(midjourney.SHIFTS)),
        text("prompt"),
        SKIP,
    ),
)

FACES = required("image", "target_image", "swap_image")

TOOLKIT_TYPES: tuple[TaskType, ...] = (
    TaskType(TOOLKIT, "face-swap", FACES, toolkit.swap_one_face, price=100_000),
    TaskType(
        TOOLKIT,
        "multi-face-swap",
        (*FACES, text("swap_faces_index"), text("target_faces_index")),
        toolkit.swap_many_faces,
        price=200_000,
    ),
    TaskType(
        TOOLKIT,
        "background-remove",
        (*IMAGE, text("rmbg_model")),
        toolkit.remove_background,
        price=20_000,
    ),
    TaskType(
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
    TaskType(
        TOOLKIT,
        "upscale",
        (*IMAGE, whole("scale", 2, 2, 10), flag("face_enhance")),
        toolkit.upscale,
        price=40_000,
    ),
    TaskType(
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

TASK_TYPES: tuple[TaskType, ...] = (
    *_flux_types(),
    *PROXIED_TYPES,
    *MIDJOURNEY_TYPES,
    *TOOLKIT_TYPES,
)
