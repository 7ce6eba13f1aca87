"""The video task types: input, price and generator of each.

Fields from the model pages of piapi.ai/docs. Sora 2's prices are published; the others are guesses
of the same order. Where the pages show no output, its format is the one of the same family.
"""

import re

from infra.sandbox.goapi.generators import video_outputs, video_tools
from infra.sandbox.goapi.generators.video_frames import video_generator
from infra.sandbox.goapi.task_types import kling
from infra.sandbox.goapi.task_types.fields import (
    Field,
    flag,
    number,
    optional,
    required,
    text,
    whole,
)
from infra.sandbox.goapi.task_types.task_type import (
    Generator,
    TaskInput,
    TaskType,
    Usage,
    any_of,
    price_by_second,
)

PROMPT = required("text", "prompt")
WORDS = text("prompt")
NEGATIVE = text("negative_prompt")
RATIO = text("aspect_ratio")
SEED = whole("seed", -1)
LORAS = required("list", "lora_settings")
MAX_PROMPT_LENGTH = 4000
AS_URL = video_generator(video_outputs.video_url_output)
AS_VIDEO = video_generator(video_outputs.video_output)


def _with_unit(task_input: TaskInput) -> str | None:
    duration = str(task_input.get("duration") or "")
    return None if re.fullmatch(r"(\d+s)?", duration) else 'invalid duration: must be like "8s"'


def _veo(model: str, task_type: str, *more: Field) -> TaskType:
    fields = (
        *PROMPT,
        *optional("image", "image_url"),
        NEGATIVE,
        RATIO,
        text("duration", "8s"),
        text("resolution", "", "", "720p", "1080p"),
        flag("generate_audio"),
        *more,
    )
    price = price_by_second(600_000 if task_type.endswith("fast") else 1_200_000, 8)
    return TaskType(model, task_type, fields, AS_VIDEO, price, "llm", rules=(_with_unit,))


def _seedance(task_type: str, longest: int, *more: Field) -> TaskType:
    fields = (
        Field("prompt", "text", required=True, max_length=MAX_PROMPT_LENGTH),
        text("mode", "", "", "text_to_video", "first_last_frames", "omni_reference"),
        Field("image_urls", "images", max_length=9),
        *optional("videos", "video_urls"),
        *optional("audios", "audio_urls"),
        whole("duration", 5, 4, longest),
        RATIO,
        text("resolution", "", "", "480p", "720p", "1080p"),
        *more,
    )
    return TaskType("seedance", task_type, fields, AS_VIDEO, price_by_second(1_500_000), "llm")


def _proxied(
    model: str,
    task_type: str,
    units: int,
    *fields: Field,
    usage: Usage = "llm",
    generate: Generator = AS_VIDEO,
) -> TaskType:
    return TaskType(model, task_type, fields, generate, price_by_second(units), usage)


FRAMES = optional("image", "image_url")
LENGTH = whole("duration", 4, 1, 25)
WATERMARKED = required("video", "video_url")
UNMARK = video_tools.remove_watermark(video_outputs.video_output)
SPARE = flag("auto_upload_assets")

PROXIED_TYPES: tuple[TaskType, ...] = (
    _veo("veo3", "veo3-video"),
    _veo("veo3", "veo3-video-fast"),
    _veo(
        "veo3.1",
        "veo3.1-video",
        *optional("image", "tail_image_url"),
        *optional("images", "reference_image_urls"),
    ),
    _veo("veo3.1", "veo3.1-video-fast", *optional("image", "tail_image_url")),
    _proxied("sora2", "sora2-video", 800_000, *PROMPT, RATIO, LENGTH, *FRAMES),
    _proxied(
        "sora2",
        "sora2-pro-video",
        2_400_000,
        *PROMPT,
        RATIO,
        LENGTH,
        *FRAMES,
        text("resolution", "", "", "720p", "1080p"),
    ),
    _proxied("sora2", "remove-watermark", 20_000, *WATERMARKED, generate=UNMARK),
    _proxied(
        "omni-human",
        "omni-human-1.5",
        1_300_000,
        *required("image", "image_url"),
        *required("audio", "audio_url"),
        WORDS,
        flag("fast_mode"),
        SEED,
    ),
    _proxied(
        "seedance", "seedance-2-preview", 1_500_000, *PROMPT, whole("duration", 5, 4, 15), RATIO
    ),
    *(
        _seedance(f"{kind}{strictness}", longest, *((SPARE,) if strictness else ()))
        for kind, longest in (
            ("seedance-2", 15),
            ("seedance-2-fast", 15),
            ("seedance-2-mini", 15),
            ("seedance-2.5", 30),
        )
        for strictness in ("", "-less-restriction")
    ),
    _proxied("seedance", "remove-watermark", 20_000, *WATERMARKED, generate=UNMARK),
    TaskType(
        "hailuo",
        "video_generation",
        (
            WORDS,
            *FRAMES,
            text("model", "v2.3"),
            flag("expand_prompt"),
            Field("duration", "whole", default=6, choices=(6, 10)),
            Field("resolution", "whole", default=768, choices=(768, 1080)),
        ),
        video_generator(video_outputs.hailuo_output),
        price_by_second(460_000, 6),
        rules=(any_of("prompt", "image_url"),),
    ),
    TaskType(
        "luma",
        "video_generation",
        (
            WORDS,
            whole("duration", 5, 5, 10),
            RATIO,
            flag("loop"),
            *optional("image", "start_image", "end_image"),
            *optional("object", "key_frames"),
        ),
        video_generator(video_outputs.luma_output),
        price_by_second(400_000),
        rules=(any_of("prompt", "start_image", "key_frames"),),
    ),
    TaskType(
        "luma",
        "extend_video",
        (*required("object", "key_frames"), WORDS),
        video_generator(video_outputs.luma_output),
        2_000_000,
    ),
)


def _qubico(model: str, task_type: str, *fields: Field, units: int = 500_000) -> TaskType:
    return TaskType(f"Qubico/{model}", task_type, fields, AS_URL, price=units)


IMAGE = required("image", "image")
LENGTH_LEFT_OPEN = whole("duration", 0, 0, 30)

QUBICO_TYPES: tuple[TaskType, ...] = (
    *(
        _qubico("hunyuan", task_type, *PROMPT, RATIO)
        for task_type in ("txt2video", "fast-txt2video")
    ),
    _qubico("hunyuan", "txt2video-lora", *PROMPT, *LORAS, RATIO),
    *(
        _qubico("hunyuan", task_type, *PROMPT, *IMAGE, RATIO)
        for task_type in ("img2video-concat", "img2video-replace")
    ),
    *(
        _qubico("wanx", task_type, *PROMPT, NEGATIVE, RATIO)
        for task_type in ("txt2video-1.3b", "txt2video-14b", "wan22-txt2video-14b")
    ),
    _qubico("wanx", "txt2video-14b-lora", *PROMPT, NEGATIVE, RATIO, *LORAS),
    _qubico("wanx", "img2video-14b-lora", *IMAGE, WORDS, NEGATIVE, RATIO, *LORAS),
    *(
        _qubico("wanx", task_type, *IMAGE, WORDS, NEGATIVE, RATIO)
        for task_type in ("img2video-14b", "wan22-img2video-14b")
    ),
    _qubico(
        "wanx", "img2video-14b-keyframe", *required("image", "start_image", "end_image"), WORDS
    ),
    _qubico(
        "wanx",
        "img2video-14b-control-camera",
        *IMAGE,
        *required("list", "control_camera_settings"),
        WORDS,
    ),
    *(
        TaskType(
            "Wan",
            task_type,
            (
                *fields,
                NEGATIVE,
                RATIO,
                text("resolution"),
                whole("duration", 5, 2, 15),
                flag("audio"),
                *optional("audio", "audio_url"),
                flag("prompt_extend"),
                text("shot_type"),
                SEED,
                flag("watermark"),
            ),
            AS_URL,
            price_by_second(1_000_000),
            "llm",
        )
        for task_type, fields in (
            ("wan26-txt2video", PROMPT),
            ("wan26-img2video", (*IMAGE, WORDS)),
        )
    ),
    _qubico("skyreels", "img2video", *IMAGE, *PROMPT, NEGATIVE, RATIO, number("guidance_scale")),
    _qubico(
        "framepack",
        "img2video",
        *required("image", "start_image"),
        *optional("image", "end_image"),
        WORDS,
        NEGATIVE,
        LENGTH_LEFT_OPEN,
    ),
    _qubico("hug-video", "image_to_video", *required("image", "image_url")),
    TaskType(
        "Qubico/video-toolkit",
        "face-swap",
        (
            *required("image", "swap_image"),
            *required("video", "target_video"),
            text("swap_faces_index"),
            text("target_faces_index"),
        ),
        video_tools.swap_faces,
        price=400_000,
    ),
    TaskType(
        "Qubico/video-toolkit",
        "upscale",
        (*required("video", "video"), whole("scale", 2, 2, 4)),
        video_tools.upscale,
        price=400_000,
    ),
    TaskType(
        "Qubico/video-toolkit",
        "background-remove",
        (*required("video", "video"), flag("invert_output")),
        video_tools.remove_background,
        price=400_000,
    ),
)

TASK_TYPES: tuple[TaskType, ...] = (*kling.TASK_TYPES, *PROXIED_TYPES, *QUBICO_TYPES)
