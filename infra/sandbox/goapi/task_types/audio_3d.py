"""The audio and 3D task types: input, price and generator of each.

Fields from the model pages of piapi.ai/docs. ACE-Step's price follows a published sample; the
others are guesses of the same order.
"""

from infra.sandbox.goapi.generators import audio_3d, texts
from infra.sandbox.goapi.task_types.fields import (
    Field,
    flag,
    number,
    optional,
    required,
    text,
    whole,
)
from infra.sandbox.goapi.task_types.task_type import Generator, Price, TaskInput, TaskType, any_of

PROMPT = required("text", "prompt")
SEED = whole("seed", -1)
SONG = (
    text("gpt_description_prompt"),
    text("prompt"),
    text("title"),
    text("tags"),
    text("negative_tags"),
    flag("make_instrumental"),
)
ACE_UNITS_PER_S = 500


def _by_length(task_input: TaskInput) -> int:
    seconds = task_input.get("duration")
    return int(ACE_UNITS_PER_S * (seconds if isinstance(seconds, (int, float)) and seconds else 10))


def _suno(task_type: str, generate: Generator, *fields: Field) -> TaskType:
    return TaskType("music-s", task_type, fields, generate, price=200_000)


def _ace(task_type: str, price: Price, *fields: Field) -> TaskType:
    return TaskType("Qubico/ace-step", task_type, fields, audio_3d.generate_audio, price, "llm")


SUNO_TYPES: tuple[TaskType, ...] = (
    _suno("generate_music", audio_3d.generate_songs, *SONG, text("model_version")),
    _suno(
        "generate_music_custom",
        audio_3d.generate_songs,
        *SONG,
        text("model_version"),
        text("continue_clip_id"),
        number("continue_at"),
    ),
    _suno("generate_lyrics", texts.write_suno_lyrics, *PROMPT),
    _suno("concat_music", audio_3d.generate_songs, *required("text", "clip_id")),
    _suno("upload_audio", audio_3d.generate_songs, *required("audio", "audio_url")),
)

TASK_TYPES: tuple[TaskType, ...] = (
    *SUNO_TYPES,
    *(
        TaskType("suno", task_type.name, task_type.fields, task_type.generate, task_type.price)
        for task_type in SUNO_TYPES
    ),
    TaskType(
        "suno",
        "music",
        (*SONG, text("mv"), text("task_id")),
        audio_3d.generate_songs,
        price=200_000,
        rules=(any_of("gpt_description_prompt", "prompt"),),
    ),
    TaskType("suno", "lyrics", PROMPT, texts.write_suno_lyrics, price=20_000),
    TaskType(
        "music-u",
        "generate_music",
        (
            *SONG,
            text("lyrics_type", "generate", "generate", "user", "instrumental"),
            text("lyrics"),
            SEED,
            text("continue_song_id"),
            number("continue_at"),
        ),
        audio_3d.generate_songs,
        price=500_000,
        rules=(any_of("gpt_description_prompt", "prompt", "lyrics", "continue_song_id"),),
    ),
    TaskType("music-u", "generate_lyrics", PROMPT, texts.write_udio_lyrics, price=20_000),
    TaskType(
        "Qubico/tts",
        "zero-shot",
        (
            *required("text", "gen_text"),
            *required("audio", "ref_audio"),
            text("ref_text"),
            number("speed", 1, 0.1, 3),
            flag("remove_silence"),
            *optional("list", "custom_split_words"),
        ),
        audio_3d.generate_speech,
        price=40_000,
    ),
    *(
        TaskType(
            "Qubico/diffrhythm",
            task_type,
            (text("lyrics"), text("style_prompt"), *optional("audio", "style_audio")),
            audio_3d.generate_audio,
            price=200_000,
            rules=(any_of("style_prompt", "style_audio"),),
        )
        for task_type in ("txt2audio-base", "txt2audio-full")
    ),
    _ace(
        "txt2audio",
        _by_length,
        whole("duration", 10, 1, 240),
        text("lyrics"),
        text("style_prompt"),
        Field("negative_style_prompt", "text", alias="negative_prompt"),
        *optional("audio", "style_audio"),
    ),
    _ace(
        "audio2audio",
        20_000,
        *required("audio", "style_audio"),
        text("lyrics"),
        text("style_prompt"),
    ),
    _ace(
        "edit", 20_000, *required("audio", "audio"), text("edit_lyrics"), text("edit_style_prompt")
    ),
    _ace(
        "extend",
        20_000,
        *required("audio", "audio"),
        number("left_extend_duration", 0, 0, 60),
        number("right_extend_duration", 0, 0, 60),
        text("lyrics"),
        text("style_prompt"),
    ),
    TaskType(
        "Qubico/mmaudio",
        "video2audio",
        (
            *required("video", "video"),
            text("prompt"),
            text("negative_prompt"),
            whole("steps", 25, 20, 50),
            SEED,
        ),
        audio_3d.generate_soundtrack,
        price=100_000,
    ),
    TaskType(
        "byteaudio",
        "seed-audio-1.0",
        (*PROMPT,),
        audio_3d.generate_audio,
        price=100_000,
        usage="llm",
    ),
)

KNOBS = (
    SEED,
    whole("ss_sampling_steps"),
    whole("slat_sampling_steps"),
    number("ss_guidance_strength"),
    number("slat_guidance_strength"),
)

MESH_TYPES: tuple[TaskType, ...] = (
    TaskType(
        "Qubico/trellis",
        "image-to-3d",
        (*optional("images", "images"), *optional("image", "image"), *KNOBS),
        audio_3d.generate_mesh_with_preview,
        price=400_000,
        rules=(any_of("images", "image"),),
    ),
    TaskType(
        "Qubico/trellis",
        "text-to-3d",
        (*PROMPT, *KNOBS),
        audio_3d.generate_mesh_with_preview,
        price=400_000,
    ),
    TaskType(
        "Qubico/trellis2",
        "image-to-3d",
        (*required("image", "image"), SEED),
        audio_3d.generate_mesh,
        price=800_000,
    ),
    TaskType(
        "Qubico/pixal3d",
        "image-to-3d",
        (*required("image", "image"), SEED),
        audio_3d.generate_mesh,
        price=800_000,
    ),
)
