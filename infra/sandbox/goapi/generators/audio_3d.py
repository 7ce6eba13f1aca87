"""The generators of the audio and 3D models: songs, speech, soundtracks, meshes."""

import uuid

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.generators.video_outputs import fetch_clip, fetch_sound
from infra.sandbox.image_ops.codec import Pixels, with_alpha
from infra.sandbox.image_ops.cutout import find_subject
from infra.sandbox.image_ops.draw import draw_poster, draw_prompt
from infra.sandbox.media.clips import frame_size, write_clip, zoom_clip
from infra.sandbox.media.meshes import relief
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


def generate_songs(ctx: GenerationContext) -> Output:
    """Generate two songs, as clips by id."""
    _check_sources(ctx)
    words = _prompt_text(ctx)
    clips: dict[str, object] = {}
    for number in range(2):
        clip_id = str(uuid.uuid4())
        song = f"{words} {number}"
        clips[clip_id] = {
            "id": clip_id,
            "title": ctx.text("title") or words[:40],
            "audio_url": ctx.store(melody(song, SONG_S), "wav"),
            "video_url": "",
            "image_url": ctx.store_image(draw_poster(song, SIDE, SIDE), "jpg"),
            "lyrics": ctx.text("prompt") or ctx.text("lyrics"),
            "duration": SONG_S,
        }
    return {"clips": clips}


def generate_audio(ctx: GenerationContext) -> Output:
    """Generate one piece of the requested duration."""
    _check_sources(ctx)
    seconds = ctx.number("duration", SONG_S)
    seconds += ctx.number("left_extend_duration") + ctx.number("right_extend_duration")
    return {"audio_url": ctx.store(melody(_prompt_text(ctx), seconds), "wav")}


def generate_speech(ctx: GenerationContext) -> Output:
    """Generate speech from `gen_text`."""
    _check_sources(ctx)
    sound = speech(ctx.text("gen_text"), ctx.number("speed", 1))
    return {"audio_url": ctx.store(sound, "wav")}


def generate_soundtrack(ctx: GenerationContext) -> Output:
    """Generate a soundtrack as long as the video."""
    clip = fetch_clip(ctx, ctx.input["video"])
    return {"audio_url": ctx.store(melody(_prompt_text(ctx), clip.seconds), "wav")}


def generate_mesh_with_preview(ctx: GenerationContext) -> Output:
    """Generate a mesh of an image or a prompt, with a preview video and the image's cutout."""
    source = next(iter(ctx.list("images")), None) or ctx.input.get("image")
    if source is None:
        rgb = draw_prompt(ctx.text("prompt"), SIDE, SIDE)
        return {"model_file": ctx.store(relief(rgb), "glb"), **_preview_video(ctx, rgb)}
    rgb = ctx.photo(source).rgb
    cut = with_alpha(rgb, find_subject(rgb).matte)
    return {
        "model_file": ctx.store(relief(rgb), "glb"),
        **_preview_video(ctx, rgb),
        "no_background_image": ctx.store_image(cut),
    }


def generate_mesh(ctx: GenerationContext) -> Output:
    """Generate only the mesh of an image."""
    rgb = ctx.photo(ctx.input["image"]).rgb
    return {"model_file": ctx.store(relief(rgb), "glb")}


def _preview_video(ctx: GenerationContext, rgb: Pixels) -> Output:
    clip = zoom_clip(rgb, frame_size(rgb.shape[1] / rgb.shape[0]), TURN_S)
    return {"combined_video": ctx.store(write_clip(clip), "mp4")}


def _check_sources(ctx: GenerationContext) -> None:
    for name in SOURCES:
        if ctx.input.get(name):
            fetch_sound(ctx, ctx.input[name])


def _prompt_text(ctx: GenerationContext) -> str:
    return " ".join(filter(None, (ctx.text(name) for name in WORDS))) or ctx.model
