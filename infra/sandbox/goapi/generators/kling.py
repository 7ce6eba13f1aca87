"""Kling's generators beside plain video: version 3, virtual try-on, sounds."""

from collections.abc import Mapping

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.generators.video_frames import origin_video, video_generator
from infra.sandbox.goapi.generators.video_outputs import video_output, works_output
from infra.sandbox.image_ops.codec import Pixels
from infra.sandbox.image_ops.compose import Garment, put_on_garment
from infra.sandbox.jobs import WorkError
from infra.sandbox.media.sounds import melody

SOUNDS = 4
NEWER = ("3.0",)
GARMENTS: tuple[tuple[str, Garment], ...] = (
    ("dress_input", "full"),
    ("upper_input", "upper"),
    ("lower_input", "lower"),
)


def generate_video(ctx: GenerationContext) -> Output:
    """Generate a video, with the output format of the requested version."""
    return video_generator(video_output if is_version_3(ctx.input) else works_output)(ctx)


def pending_output(task_input: Mapping[str, object]) -> Mapping[str, object] | None:
    """Return the empty video that version 3 shows before the task ends."""
    return {"video": ""} if is_version_3(task_input) else None


def is_version_3(task_input: Mapping[str, object]) -> bool:
    """Whether the input requests version 3."""
    return task_input.get("version") in NEWER


def try_on(ctx: GenerationContext) -> Output:
    """Put garments on a person, `batch_size` times; the output format is a guess."""
    person: Pixels = ctx.photo(ctx.input["model_input"]).rgb
    for name, kind in GARMENTS:
        if ctx.input.get(name):
            person = put_on_garment(person, ctx.photo(ctx.input[name]), kind)
    works = []
    for _ in range(ctx.whole("batch_size", 1)):
        link = ctx.store_image(person)
        image = {"resource": link, "resource_without_watermark": link}
        works.append({"content_type": "image", "status": 99, "type": "ai_try_on", "image": image})
    return {"type": "ai_try_on", "status": 99, "works": works}


def sound(ctx: GenerationContext) -> Output:
    """Generate the four sounds that the page mentions; their key is a guess."""
    if ctx.input.get("origin_task_id"):
        origin_video(ctx)
    elif not ctx.text("prompt"):
        raise WorkError("prompt is required")
    words, seconds = ctx.text("prompt"), ctx.number("duration", 10)
    return {
        "audio_urls": [
            ctx.store(melody(f"{words}{number}", seconds), "wav") for number in range(SOUNDS)
        ]
    }
