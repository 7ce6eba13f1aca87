"""What the audio and 3D models make: melodies, speech, solids."""

import uuid

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.generators.video_files import check_sound, fetch_clip
from infra.sandbox.image_ops.codec import Pixels, with_alpha
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.draw import paint_prompt, poster
from infra.sandbox.media.clips import frame_size, pan, write_clip
from infra.sandbox.media.solids import relief
from infra.sandbox.media.sounds import melody, speech

SONG_S = 8.0
SIDE = 512
TURN_S = 4.0
WORDS = (
    "prompt",
    "lyrics",
    "edit_lyrics",
    "gpt_description_prompt",
    "style_prompt",
    "edit_style_prompt",
    "tags",
    "title",
)
SOURCES = ("audio", "style_audio", "audio_url", "ref_audio")


def sing(bench: GenerationContext) -> Output:
    """Compose two songs, as clips by their ids."""
    _check_sources(bench)
    words = _words(bench)
    clips: dict[str, object] = {}
    for number in range(2):
        clip_id = str(uuid.uuid4())
        tune, face = f"{words} {number}", bench.text("title") or words[:40]
        clips[clip_id] = {
            "id": clip_id,
            "title": face,
            "audio_url": bench.keep(melody(tune, SONG_S), "wav"),
            "video_url": "",
            "image_url": bench.keep_image(poster(tune, SIDE, SIDE), "jpg"),
            "lyrics": bench.text("prompt") or bench.text("lyrics"),
            "duration": SONG_S,
        }
    return {"clips": clips}


def play(bench: GenerationContext) -> Output:
    """Compose one piece, as long as asked."""
    _check_sources(bench)
    seconds = bench.number("duration", SONG_S)
    seconds += bench.number("left_extend_duration") + bench.number("right_extend_duration")
    return {"audio_url": bench.keep(melody(_words(bench), seconds), "wav")}


def say(bench: GenerationContext) -> Output:
    """Say a text after a voice."""
    _check_sources(bench)
    sound = speech(bench.text("gen_text"), bench.number("speed", 1))
    return {"audio_url": bench.keep(sound, "wav")}


def score(bench: GenerationContext) -> Output:
    """Compose what a video would sound like, as long as it lasts."""
    clip = fetch_clip(bench, bench.input["video"])
    return {"audio_url": bench.keep(melody(_words(bench), clip.seconds), "wav")}


def shape(bench: GenerationContext) -> Output:
    """Make a solid of a picture or of words, with a film of it, and a picture's cut-out."""
    source = next(iter(bench.list("images")), None) or bench.input.get("image")
    if source is None:
        rgb = paint_prompt(bench.text("prompt"), SIDE, SIDE)
        return {"model_file": bench.keep(relief(rgb), "glb"), **_turned(bench, rgb)}
    rgb = bench.photo(source).rgb
    cut = with_alpha(rgb, find_subject(rgb).matte)
    return {
        "model_file": bench.keep(relief(rgb), "glb"),
        **_turned(bench, rgb),
        "no_background_image": bench.keep_image(cut),
    }


def shape_alone(bench: GenerationContext) -> Output:
    """Make a solid of a picture and nothing else."""
    rgb = bench.photo(bench.input["image"]).rgb
    return {"model_file": bench.keep(relief(rgb), "glb")}


def _turned(bench: GenerationContext, rgb: Pixels) -> Output:
    clip = pan(rgb, frame_size(rgb.shape[1] / rgb.shape[0]), TURN_S)
    return {"combined_video": bench.keep(write_clip(clip), "mp4")}


def _check_sources(bench: GenerationContext) -> None:
    for name in SOURCES:
        if bench.input.get(name):
            check_sound(bench, bench.input[name])


def _words(bench: GenerationContext) -> str:
    return " ".join(filter(None, (bench.text(name) for name in WORDS))) or bench.model
