"""Kling's outputs that are no plain video: version 3, garments, sounds."""

from collections.abc import Mapping

from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.generators.video_files import as_video, as_works
from infra.sandbox.goapi.generators.video_frames import filmed, origin_video
from infra.sandbox.image_ops.codec import Pixels
from infra.sandbox.image_ops.compose import Garment, dress
from infra.sandbox.jobs import WorkError
from infra.sandbox.media.sounds import melody

SOUNDS = 4
NEWER = ("3.0",)
GARMENTS: tuple[tuple[str, Garment], ...] = (
    ("dress_input", "full"),
    ("upper_input", "upper"),
    ("lower_input", "lower"),
)


def film(bench: GenerationContext) -> Output:
    """Film in the form of the version asked for."""
    return filmed(as_video if is_newer(bench.input) else as_works)(bench)


def skeleton(asked: Mapping[str, object]) -> Mapping[str, object] | None:
    """Show the empty video that version 3 shows before the end."""
    return {"video": ""} if is_newer(asked) else None


def is_newer(asked: Mapping[str, object]) -> bool:
    """Tell whether version 3 is asked for."""
    return asked.get("version") in NEWER


def try_on(bench: GenerationContext) -> Output:
    """Put garments on a person, as often as asked; the form of the output is a guess."""
    person: Pixels = bench.photo(bench.input["model_input"]).rgb
    for name, kind in GARMENTS:
        if bench.input.get(name):
            person = dress(person, bench.photo(bench.input[name]), kind)
    works = []
    for _ in range(bench.whole("batch_size", 1)):
        link = bench.keep_image(person)
        image = {"resource": link, "resource_without_watermark": link}
        works.append({"content_type": "image", "status": 99, "type": "ai_try_on", "image": image})
    return {"type": "ai_try_on", "status": 99, "works": works}


def sound(bench: GenerationContext) -> Output:
    """Give the four sounds that the page speaks of; their key is a guess."""
    if bench.input.get("origin_task_id"):
        origin_video(bench)
    elif not bench.text("prompt"):
        raise WorkError("prompt is required")
    words, seconds = bench.text("prompt"), bench.number("duration", 10)
    return {
        "audio_urls": [
            bench.keep(melody(f"{words}{number}", seconds), "wav") for number in range(SOUNDS)
        ]
    }
