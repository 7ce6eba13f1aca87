"""The video tasks: what each asks for, what it costs, and who makes it.

Fields after the model pages of piapi.ai/docs; Sora 2's prices are published, the others are guesses
in their neighbourhood. Where the pages show no output, the form is that of the same family.
"""

import re

from infra.sandbox.goapi.generators import video_files, video_tools
from infra.sandbox.goapi.generators.video_frames import filmed
from infra.sandbox.goapi.task_types import kling
from infra.sandbox.goapi.task_types.fields import Field, flag, need, number, some, text, whole
from infra.sandbox.goapi.task_types.task_type import Asked, Maker, Row, Usage, by_second, one_of

PROMPT = need("text", "prompt")
WORDS = text("prompt")
NEGATIVE = text("negative_prompt")
RATIO = text("aspect_ratio")
SEED = whole("seed", -1)
LORAS = need("list", "lora_settings")
MAX_PROMPT_LENGTH = 4000
AS_URL = filmed(video_files.as_video_url)
AS_VIDEO = filmed(video_files.as_video)


def _with_unit(asked: Asked) -> str | None:
    duration = str(asked.get("duration") or "")
    return None if re.fullmatch(r"(\d+s)?", duration) else 'invalid duration: must be like "8s"'


def _veo(model: str, task_type: str, *more: Field) -> Row:
    fields = (
        *PROMPT,
        *some("image", "image_url"),
        NEGATIVE,
        RATIO,
        text("duration", "8s"),
        text("resolution", "", "", "720p", "1080p"),
        flag("generate_audio"),
        *more,
    )
    price = by_second(600_000 if task_type.endswith("fast") else 1_200_000, 8)
    return Row(model, task_type, fields, AS_VIDEO, price, "llm", rules=(_with_unit,))


def _seedance(task_type: str, longest: int, *more: Field) -> Row:
    fields = (
        Field("prompt", "text", need=True, most=MAX_PROMPT_LENGTH),
        text("mode", "", "", "text_to_video", "first_last_frames", "omni_reference"),
        Field("image_urls", "images", most=9),
        *some("videos", "video_urls"),
        *some("audios", "audio_urls"),
        whole("duration", 5, 4, longest),
        RATIO,
        text("resolution", "", "", "480p", "720p", "1080p"),
        *more,
    )
    return Row("seedance", task_type, fields, AS_VIDEO, by_second(1_500_000), "llm")


def _proxied(
    model: str,
    task_type: str,
    units: int,
    *fields: Field,
    usage: Usage = "llm",
    make: Maker = AS_VIDEO,
) -> Row:
    return Row(model, task_type, fields, make, by_second(units), usage)


FRAMES = some("image", "image_url")
LENGTH = whole("duration", 4, 1, 25)
WATERMARKED = need("video", "video_url")
UNMARK = video_tools.remove_watermark(video_files.as_video)
SPARE = flag("auto_upload_assets")

PROXIED_ROWS: tuple[Row, ...] = (
    _veo("veo3", "veo3-video"),
    _veo("veo3", "veo3-video-fast"),
    _veo(
        "veo3.1",
        "veo3.1-video",
        *some("image", "tail_image_url"),
        *some("images", "reference_image_urls"),
    ),
    _veo("veo3.1", "veo3.1-video-fast", *some("image", "tail_image_url")),
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
    _proxied("sora2", "remove-watermark", 20_000, *WATERMARKED, make=UNMARK),
    _proxied(
        "omni-human",
        "omni-human-1.5",
        1_300_000,
        *need("image", "image_url"),
        *need("audio", "audio_url"),
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
    _proxied("seedance", "remove-watermark", 20_000, *WATERMARKED, make=UNMARK),
    Row(
        "hailuo",
        "video_generation",
        (
            WORDS,
            *FRAMES,
            text("model", "v2.3"),
            flag("expand_prompt"),
            Field("duration", "whole", start=6, among=(6, 10)),
            Field("resolution", "whole", start=768, among=(768, 1080)),
        ),
        filmed(video_files.as_hailuo),
        by_second(460_000, 6),
        rules=(one_of("prompt", "image_url"),),
    ),
    Row(
        "luma",
        "video_generation",
        (
            WORDS,
            whole("duration", 5, 5, 10),
            RATIO,
            flag("loop"),
            *some("image", "start_image", "end_image"),
            *some("object", "key_frames"),
        ),
        filmed(video_files.as_luma),
        by_second(400_000),
        rules=(one_of("prompt", "start_image", "key_frames"),),
    ),
    Row(
        "luma",
        "extend_video",
        (*need("object", "key_frames"), WORDS),
        filmed(video_files.as_luma),
        2_000_000,
    ),
)


def _qubico(model: str, task_type: str, *fields: Field, units: int = 500_000) -> Row:
    return Row(f"Qubico/{model}", task_type, fields, AS_URL, price=units)


IMAGE = need("image", "image")
LENGTH_LEFT_OPEN = whole("duration", 0, 0, 30)

QUBICO_ROWS: tuple[Row, ...] = (
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
    _qubico("wanx", "img2video-14b-keyframe", *need("image", "start_image", "end_image"), WORDS),
    _qubico(
        "wanx",
        "img2video-14b-control-camera",
        *IMAGE,
        *need("list", "control_camera_settings"),
        WORDS,
    ),
    *(
        Row(
            "Wan",
            task_type,
            (
                *fields,
                NEGATIVE,
                RATIO,
                text("resolution"),
                whole("duration", 5, 2, 15),
                flag("audio"),
                *some("audio", "audio_url"),
                flag("prompt_extend"),
                text("shot_type"),
                SEED,
                flag("watermark"),
            ),
            AS_URL,
            by_second(1_000_000),
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
        *need("image", "start_image"),
        *some("image", "end_image"),
        WORDS,
        NEGATIVE,
        LENGTH_LEFT_OPEN,
    ),
    _qubico("hug-video", "image_to_video", *need("image", "image_url")),
    Row(
        "Qubico/video-toolkit",
        "face-swap",
        (
            *need("image", "swap_image"),
            *need("video", "target_video"),
            text("swap_faces_index"),
            text("target_faces_index"),
        ),
        video_tools.swap_faces,
        price=400_000,
    ),
    Row(
        "Qubico/video-toolkit",
        "upscale",
        (*need("video", "video"), whole("scale", 2, 2, 4)),
        video_tools.upscale,
        price=400_000,
    ),
    Row(
        "Qubico/video-toolkit",
        "background-remove",
        (*need("video", "video"), flag("invert_output")),
        video_tools.remove_background,
        price=400_000,
    ),
)

ROWS: tuple[Row, ...] = (*kling.ROWS, *PROXIED_ROWS, *QUBICO_ROWS)
