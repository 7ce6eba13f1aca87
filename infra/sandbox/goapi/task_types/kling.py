"""Kling's tasks: what each asks for, what it costs, and who makes it.

Fields after the Kling pages of piapi.ai/docs; the prices are guesses. Where the pages show no
output, the form is that of the same family.
"""

from infra.sandbox.goapi.generators import kling, video_files
from infra.sandbox.goapi.generators.video_frames import filmed
from infra.sandbox.goapi.task_types.fields import Field, flag, need, number, some, text, whole
from infra.sandbox.goapi.task_types.task_type import Asked, Maker, Row, Rule, by_second, one_of

PROMPT = need("text", "prompt")
WORDS = text("prompt")
NEGATIVE = text("negative_prompt")
EFFECTS_WITH_PROMPT = frozenset(
    {"rocket", "hearting", "fighting", "kissing", "hugging", "birthday", "water"}
)
AS_VIDEO = filmed(video_files.as_video)
AS_WORKS = filmed(video_files.as_works)


def _kling_length(asked: Asked) -> str | None:
    if kling.is_newer(asked) or asked.get("duration") in (5, 10):
        return None
    return "invalid duration: must be 5 or 10"


def _effect_words(asked: Asked) -> str | None:
    wanted = asked.get("effect") in EFFECTS_WITH_PROMPT and not asked.get("prompt")
    return "prompt is required for this effect" if wanted else None


PARTS = (
    NEGATIVE,
    text("aspect_ratio", "", "", "16:9", "9:16", "1:1"),
    text("mode", "std", "std", "pro"),
    number("cfg_scale", 0.5, 0, 1),
    flag("enable_audio"),
    *some("list", "multi_shots", "images"),
    flag("prefer_multi_shots"),
)
VERSIONS = ("1.0", "1.5", "1.6", "2.0", "2.1", "2.1-master", "2.5", "2.6", "3.0")


def _kling(
    task_type: str, make: Maker, *fields: Field, rules: tuple[Rule, ...] = (), newer: bool = False
) -> Row:
    shown = (lambda _: {"video": ""}) if newer else kling.skeleton
    price = by_second(520_000)
    return Row("kling", task_type, fields, make, price, rules=rules, skeleton=shown)


ROWS: tuple[Row, ...] = (
    _kling(
        "video_generation",
        kling.film,
        WORDS,
        *some("image", "image_url", "image_tail_url"),
        Field("elements", "list", most=4),
        whole("duration", 5, 3, 15),
        text("version", "1.6", *VERSIONS),
        *some("object", "camera_control", "motion_brush"),
        text("resolution"),
        *PARTS,
        rules=(_kling_length, one_of("prompt", "image_url", "elements", "multi_shots", "images")),
    ),
    _kling(
        "omni_video_generation",
        AS_VIDEO,
        *PROMPT,
        Field("resolution", "text", need=True, among=("720p", "1080p")),
        Field("duration", "whole", need=True, low=3, high=15),
        text("version", "3.0", "o1", "3.0"),
        *some("video", "video"),
        flag("keep_original_audio"),
        *PARTS,
        newer=True,
    ),
    _kling("extend_video", AS_WORKS, *need("task", "origin_task_id"), WORDS),
    _kling(
        "lip_sync",
        AS_WORKS,
        *some("task", "origin_task_id"),
        *some("video", "video_url"),
        *some("audio", "local_dubbing_url"),
        text("tts_text"),
        text("tts_timbre"),
        number("tts_speed", 1, 0.5, 2),
        rules=(one_of("origin_task_id", "video_url"), one_of("tts_text", "local_dubbing_url")),
    ),
    _kling(
        "ai_try_on",
        kling.try_on,
        *need("image", "model_input"),
        *some("image", "dress_input", "upper_input", "lower_input"),
        whole("batch_size", 1, 1, 4),
        rules=(one_of("dress_input", "upper_input", "lower_input"),),
    ),
    _kling(
        "effects",
        AS_WORKS,
        *need("image", "image_url"),
        *need("text", "effect"),
        WORDS,
        flag("professional_mode"),
        rules=(_effect_words,),
    ),
    _kling(
        "sound",
        kling.sound,
        WORDS,
        whole("duration", 10, 5, 10),
        *some("task", "origin_task_id"),
        rules=(one_of("prompt", "origin_task_id"),),
    ),
    _kling(
        "avatar",
        AS_WORKS,
        *need("image", "image_url"),
        *need("audio", "local_dubbing_url"),
        WORDS,
        text("mode", "std", "std", "pro"),
        whole("batch_size", 1, 1, 4),
    ),
    _kling(
        "motion_control",
        AS_WORKS,
        *need("image", "image_url"),
        *some("video", "video_url"),
        text("preset_motion"),
        text("motion_direction"),
        flag("keep_original_sound"),
        text("mode", "std", "std", "pro"),
        text("version"),
        rules=(one_of("video_url", "preset_motion"),),
    ),
    Row(
        "kling-turbo",
        "video_generation",
        (
            *PROMPT,
            NEGATIVE,
            *some("image", "image_url", "start_image_url", "end_image_url"),
            whole("duration", 5, 3, 15),
            text("aspect_ratio"),
            text("mode", "pro"),
            text("version", "2.5-turbo"),
        ),
        AS_VIDEO,
        by_second(700_000),
        rules=(_kling_length,),
    ),
)
