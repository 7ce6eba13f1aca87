"""Generates the videos: ten frames from a prompt, from images or from another video.

One image is zoomed into, two are crossfaded, a video is changed visibly. The frames stay small at
any requested resolution; duration and aspect ratio are as requested.
"""

import re
from collections.abc import Callable, Mapping

from infra.sandbox.goapi.generators.context import GenerationContext, Link, Output
from infra.sandbox.goapi.generators.images import parse_ratio
from infra.sandbox.goapi.generators.video_outputs import (
    OutputFormat,
    fetch_clip,
    fetch_sound,
    store_video,
)
from infra.sandbox.image_ops.draw import draw_prompt
from infra.sandbox.image_ops.filters import tint_by_prompt
from infra.sandbox.jobs import WorkError
from infra.sandbox.media.clips import Clip, crossfade_clip, frame_size, zoom_clip

USUAL_S = 5.0
WIDE = 16 / 9
DIGITS = re.compile(r"\d+")
NO_ORIGIN = "origin task not found or not completed"

FIRST_FRAME_FIELDS = ("image_url", "start_image_url", "image", "start_image")
FIRST_FRAME_LISTS = ("image_urls", "images", "reference_image_urls", "elements")
LAST_FRAME_FIELDS = ("image_tail_url", "end_image_url", "tail_image_url", "end_image")
VIDEO_FIELDS = ("video_url", "video")
SOUNDS = ("audio_url", "local_dubbing_url")
PROMPT_FIELDS = ("prompt", "effect", "tts_text", "preset_motion")


def video_generator(output_format: OutputFormat) -> Callable[[GenerationContext], Output]:
    """Return the generator of a video task whose output has this format."""

    def generate(ctx: GenerationContext) -> Output:
        for name in SOUNDS:
            if ctx.input.get(name):
                fetch_sound(ctx, ctx.input[name])
        for source in ctx.list("audio_urls"):
            fetch_sound(ctx, source)
        return output_format(store_video(ctx, _make_clip(ctx)))

    return generate


def origin_video(ctx: GenerationContext) -> Link:
    """Return the video of the task that `origin_task_id` names."""
    output = ctx.find_output(ctx.text("origin_task_id"))
    found = next(iter(_links(output)), None)
    if found is None:
        raise WorkError(NO_ORIGIN)
    return found


def _links(value: object) -> list[Link]:
    match value:
        case Link(path=path):
            return [value] if path.endswith(".mp4") else []
        case dict():
            return [link for one in value.values() for link in _links(one)]
        case list():
            return [link for one in value for link in _links(one)]
        case _:
            return []


def _make_clip(ctx: GenerationContext) -> Clip:
    seconds = _seconds(ctx.input)
    words = " ".join(filter(None, (ctx.text(name) for name in PROMPT_FIELDS))) or ctx.model
    videos = [ctx.input[name] for name in VIDEO_FIELDS if ctx.input.get(name)]
    videos += ctx.list("video_urls")
    if ctx.input.get("origin_task_id"):
        videos.insert(0, origin_video(ctx))
    sources = list(_image_sources(ctx.input))
    for source in sources:
        if _is_clip_link(ctx.input, source):
            videos.append(source)
    if videos:
        return _edit_clip(ctx, fetch_clip(ctx, videos[0]), words, seconds)
    frames = [ctx.photo(source).rgb for source in sources]
    last = next((ctx.input[name] for name in LAST_FRAME_FIELDS if ctx.input.get(name)), None)
    last = last or _frame_url(ctx.input, "frame1")
    ratio = parse_ratio(ctx.text("aspect_ratio"), 0)
    if not frames and last is None:
        size = frame_size(ratio or WIDE)
        return zoom_clip(draw_prompt(words, *size), size, seconds)
    ends = [*frames[:1], *([ctx.photo(last).rgb] if last else [])]
    size = frame_size(ratio or ends[0].shape[1] / ends[0].shape[0])
    if len(ends) > 1:
        return crossfade_clip(ends[0], ends[1], size, seconds)
    if ctx.text("effect"):
        ends = [tint_by_prompt(ends[0], words)]
    return zoom_clip(ends[0], size, seconds)


def _edit_clip(ctx: GenerationContext, clip: Clip, words: str, seconds: float) -> Clip:
    """Extend a video, or change its look."""
    if ctx.task_type == "extend_video":
        more = zoom_clip(clip.frames[-1], clip.size, seconds)
        return Clip([*clip.frames, *more.frames], clip.seconds + seconds)
    return Clip([tint_by_prompt(frame, words) for frame in clip.frames], clip.seconds)


def _image_sources(task_input: Mapping[str, object]) -> list[object]:
    found = [task_input[name] for name in FIRST_FRAME_FIELDS if task_input.get(name)]
    for name in FIRST_FRAME_LISTS:
        sources = task_input.get(name)
        given = sources if isinstance(sources, list) else []
        found += [one.get("image_url") if isinstance(one, dict) else one for one in given]
    frame = _frame_url(task_input, "frame0")
    return [*found, *([frame] if frame else [])]


def _frame_url(task_input: Mapping[str, object], name: str) -> object:
    frames = task_input.get("key_frames")
    frame = frames.get(name) if isinstance(frames, dict) else None
    return frame.get("url") if isinstance(frame, dict) else None


def _is_clip_link(task_input: Mapping[str, object], source: object) -> bool:
    """Whether a source is a key frame that is a video, as in a request that extends a video."""
    frames = task_input.get("key_frames")
    frame = frames.get("frame0") if isinstance(frames, dict) else None
    return isinstance(frame, dict) and frame.get("type") == "video" and frame.get("url") == source


def _seconds(task_input: Mapping[str, object]) -> float:
    """Read a duration such as 5 or "8s", or the sum of the shots."""
    shots = task_input.get("multi_shots")
    if isinstance(shots, list) and shots:
        lengths = [one.get("duration") for one in shots if isinstance(one, dict)]
        return sum(float(one) for one in lengths if isinstance(one, (int, float))) or USUAL_S
    duration = task_input.get("duration")
    if isinstance(duration, str):
        found = DIGITS.search(duration)
        return float(found[0]) if found else USUAL_S
    return float(duration) if isinstance(duration, (int, float)) and duration else USUAL_S
