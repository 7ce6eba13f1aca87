"""The audio and 3D tasks: what each asks for, what it costs, and who makes it.

Fields after the model pages of piapi.ai/docs; ACE-Step's price follows a published sample, the
others are guesses in their neighbourhood.
"""

from infra.sandbox.goapi.generators import audio_3d, texts
from infra.sandbox.goapi.task_types.fields import Field, flag, need, number, some, text, whole
from infra.sandbox.goapi.task_types.task_type import Asked, Maker, Price, Row, one_of

PROMPT = need("text", "prompt")
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


def _by_length(asked: Asked) -> int:
    seconds = asked.get("duration")
    return int(ACE_UNITS_PER_S * (seconds if isinstance(seconds, (int, float)) and seconds else 10))


def _suno(task_type: str, make: Maker, *fields: Field) -> Row:
    return Row("music-s", task_type, fields, make, price=200_000)


def _ace(task_type: str, price: Price, *fields: Field) -> Row:
    return Row("Qubico/ace-step", task_type, fields, audio_3d.play, price, "llm")


SUNO_ROWS: tuple[Row, ...] = (
    _suno("generate_music", audio_3d.sing, *SONG, text("model_version")),
    _suno(
        "generate_music_custom",
        audio_3d.sing,
        *SONG,
        text("model_version"),
        text("continue_clip_id"),
        number("continue_at"),
    ),
    _suno("generate_lyrics", texts.write_song_text, *PROMPT),
    _suno("concat_music", audio_3d.sing, *need("text", "clip_id")),
    _suno("upload_audio", audio_3d.sing, *need("audio", "audio_url")),
)

ROWS: tuple[Row, ...] = (
    *SUNO_ROWS,
    *(Row("suno", row.task_type, row.fields, row.make, row.price) for row in SUNO_ROWS),
    Row(
        "suno",
        "music",
        (*SONG, text("mv"), text("task_id")),
        audio_3d.sing,
        price=200_000,
        rules=(one_of("gpt_description_prompt", "prompt"),),
    ),
    Row("suno", "lyrics", PROMPT, texts.write_song_text, price=20_000),
    Row(
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
        audio_3d.sing,
        price=500_000,
        rules=(one_of("gpt_description_prompt", "prompt", "lyrics", "continue_song_id"),),
    ),
    Row("music-u", "generate_lyrics", PROMPT, texts.write_lyrics, price=20_000),
    Row(
        "Qubico/tts",
        "zero-shot",
        (
            *need("text", "gen_text"),
            *need("audio", "ref_audio"),
            text("ref_text"),
            number("speed", 1, 0.1, 3),
            flag("remove_silence"),
            *some("list", "custom_split_words"),
        ),
        audio_3d.say,
        price=40_000,
    ),
    *(
        Row(
            "Qubico/diffrhythm",
            task_type,
            (text("lyrics"), text("style_prompt"), *some("audio", "style_audio")),
            audio_3d.play,
            price=200_000,
            rules=(one_of("style_prompt", "style_audio"),),
        )
        for task_type in ("txt2audio-base", "txt2audio-full")
    ),
    _ace(
        "txt2audio",
        _by_length,
        whole("duration", 10, 1, 240),
        text("lyrics"),
        text("style_prompt"),
        Field("negative_style_prompt", "text", also="negative_prompt"),
        *some("audio", "style_audio"),
    ),
    _ace(
        "audio2audio", 20_000, *need("audio", "style_audio"), text("lyrics"), text("style_prompt")
    ),
    _ace("edit", 20_000, *need("audio", "audio"), text("edit_lyrics"), text("edit_style_prompt")),
    _ace(
        "extend",
        20_000,
        *need("audio", "audio"),
        number("left_extend_duration", 0, 0, 60),
        number("right_extend_duration", 0, 0, 60),
        text("lyrics"),
        text("style_prompt"),
    ),
    Row(
        "Qubico/mmaudio",
        "video2audio",
        (
            *need("video", "video"),
            text("prompt"),
            text("negative_prompt"),
            whole("steps", 25, 20, 50),
            SEED,
        ),
        audio_3d.score,
        price=100_000,
    ),
    Row("byteaudio", "seed-audio-1.0", (*PROMPT,), audio_3d.play, price=100_000, usage="llm"),
)

KNOBS = (
    SEED,
    whole("ss_sampling_steps"),
    whole("slat_sampling_steps"),
    number("ss_guidance_strength"),
    number("slat_guidance_strength"),
)

SOLID_ROWS: tuple[Row, ...] = (
    Row(
        "Qubico/trellis",
        "image-to-3d",
        (*some("images", "images"), *some("image", "image"), *KNOBS),
        audio_3d.shape,
        price=400_000,
        rules=(one_of("images", "image"),),
    ),
    Row("Qubico/trellis", "text-to-3d", (*PROMPT, *KNOBS), audio_3d.shape, price=400_000),
    Row(
        "Qubico/trellis2",
        "image-to-3d",
        (*need("image", "image"), SEED),
        audio_3d.shape_alone,
        price=800_000,
    ),
    Row(
        "Qubico/pixal3d",
        "image-to-3d",
        (*need("image", "image"), SEED),
        audio_3d.shape_alone,
        price=800_000,
    ),
)
