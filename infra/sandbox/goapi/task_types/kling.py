"""Kling's task types: input, price and generator of each.

Fields from the Kling pages of piapi.ai/docs; the prices are guesses. Where the pages show no
output, its format is the one of the same family.
"""

from infra.sandbox.goapi.generators import kling, video_outputs
from infra.sandbox.goapi.generators.video_frames import video_generator
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
    Rule,
    TaskInput,
    TaskType,
    any_of,
    price_by_second,
)

PROMPT = required("text", "prompt")
WORDS = text("prompt")
NEGATIVE = text("negative_prompt")
EFFECTS_WITH_PROMPT = frozenset(
    {"rocket", "hearting", "fighting", "kissing", "hugging", "birthday", "water"}
)
AS_VIDEO = video_generator(video_outputs.video_output)
AS_WORKS = video_generator(video_outputs.works_output)


def _kling_length(task_input: TaskInput) -> str | None:
    if kling.is_version_3(task_input) or task_input.get("duration") in (5, 10):
        return None
    return "invalid duration: must be 5 or 10"


def _effect_words(task_input: TaskInput) -> str | None:
    wanted = task_input.get("effect") in EFFECTS_WITH_PROMPT and not task_input.get("prompt")
    return "prompt is required for this effect" if wanted else None


PARTS = (
    NEGATIVE,
    text("aspect_ratio", "", "", "16:9", "9:16", "1:1"),
    text("mode", "std", "std", "pro"),
    number("cfg_scale", 0.5, 0, 1),
    flag("enable_audio"),
    *optional("list", "multi_shots", "images"),
    flag("prefer_multi_shots"),
)
VERSIONS = ("1.0", "1.5", "1.6", "2.0", "2.1", "2.1-master", "2.5", "2.6", "3.0")


def _kling(
    task_type: str,
    generate: Generator,
    *fields: Field,
    rules: tuple[Rule, ...] = (),
    newer: bool = False,
) -> TaskType:
    shown = (lambda _: {"video": ""}) if newer else kling.pending_output
    price = price_by_second(520_000)
    return TaskType("kling", task_type, fields, generate, price, rules=rules, pending_output=shown)


TASK_TYPES: tuple[TaskType, ...] = (
    _kling(
        "video_generation",
        kling.generate_video,
        WORDS,
        *optional("image", "image_url", "image_tail_url"),
        Field("elements", "list", max_length=4),
        whole("duration", 5, 3, 15),
        text("version", "1.6", *VERSIONS),
        *optional("object", "camera_control", "motion_brush"),
        text("resolution"),
        *PARTS,
        rules=(_kling_length, any_of("prompt", "image_url", "elements", "multi_shots", "images")),
    ),
    _kling(
        "omni_video_generation",
        AS_VIDEO,
        *PROMPT,
        Field("resolution", "text", required=True, choices=("720p", "1080p")),
        Field("duration", "whole", required=True, minimum=3, maximum=15),
        text("version", "3.0", "o1", "3.0"),
        *optional("video", "video"),
        flag("keep_original_audio"),
        *PARTS,
        newer=True,
    ),
    _kling("extend_video", AS_WORKS, *required("task", "origin_task_id"), WORDS),
    _kling(
        "lip_sync",
        AS_WORKS,
        *optional("task", "origin_task_id"),
        *optional("video", "video_url"),
        *optional("audio", "local_dubbing_url"),
        text("tts_text"),
        text("tts_timbre"),
        number("tts_speed", 1, 0.5, 2),
        rules=(any_of("origin_task_id", "video_url"), any_of("tts_text", "local_dubbing_url")),
    ),
    _kling(
        "ai_try_on",
        kling.try_on,
        *required("image", "model_input"),
        *optional("image", "dress_input", "upper_input", "lower_input"),
        whole("batch_size", 1, 1, 4),
        rules=(any_of("dress_input", "upper_input", "lower_input"),),
    ),
    _kling(
        "effects",
        AS_WORKS,
        *required("image", "image_url"),
        *required("text", "effect"),
        WORDS,
        flag("professional_mode"),
        rules=(_effect_words,),
    ),
    _kling(
        "sound",
        kling.sound,
        WORDS,
        whole("duration", 10, 5, 10),
        *optional("task", "origin_task_id"),
        rules=(any_of("prompt", "origin_task_id"),),
    ),
    _kling(
        "avatar",
        AS_WORKS,
        *required("image", "image_url"),
        *required("audio", "local_dubbing_url"),
        WORDS,
        text("mode", "std", "std", "pro"),
        whole("batch_size", 1, 1, 4),
    ),
    _kling(
        "motion_control",
        AS_WORKS,
        *required("image", "image_url"),
        *optional("video", "video_url"),
        text("preset_motion"),
        text("motion_direction"),
        flag("keep_original_sound"),
        text("mode", "std", "std", "pro"),
        text("version"),
        rules=(any_of("video_url", "preset_motion"),),
    ),
    TaskType(
        "kling-turbo",
        "video_generation",
        (
            *PROMPT,
            NEGATIVE,
            *optional("image", "image_url", "start_image_url", "end_image_url"),
            whole("duration", 5, 3, 15),
            text("aspect_ratio"),
            text("mode", "pro"),
            text("version", "2.5-turbo"),
        ),
        AS_VIDEO,
        price_by_second(700_000),
        rules=(_kling_length,),
    ),
)
