"""What a video task films: ten frames from words, pictures or another video.

A picture is zoomed into, two are faded into each other, a video is changed visibly. Whatever
resolution is asked for, the frames stay small; length and proportions are as asked.
"""

import re
from collections.abc import Callable, Mapping

from infra.sandbox.goapi.generators.context import GenerationContext, Link, Output
from infra.sandbox.goapi.generators.images import proportion
from infra.sandbox.goapi.generators.video_files import Form, check_sound, fetch_clip, keep_film
from infra.sandbox.image_ops.draw import paint_prompt
from infra.sandbox.image_ops.look import prompted
from infra.sandbox.jobs import WorkError
from infra.sandbox.media.clips import Clip, frame_size, morph, pan

USUAL_S = 5.0
WIDE = 16 / 9
DIGITS = re.compile(r"\d+")
NO_ORIGIN = "origin task not found or not completed"

FIRSTS = ("image_url", "start_image_url", "image", "start_image")
FIRST_LISTS = ("image_urls", "images", "reference_image_urls", "elements")
LASTS = ("image_tail_url", "end_image_url", "tail_image_url", "end_image")
VIDEOS = ("video_url", "video")
SOUNDS = ("audio_url", "local_dubbing_url")
SPOKEN = ("prompt", "effect", "tts_text", "preset_motion")


def filmed(form: Form) -> Callable[[GenerationContext], Output]:
    """Make the maker that films what the input asks for and puts it out in a form."""

    def make(bench: GenerationContext) -> Output:
        for name in SOUNDS:
            if bench.input.get(name):
                check_sound(bench, bench.input[name])
        for source in bench.list("audio_urls"):
            check_sound(bench, source)
        return form(keep_film(bench, _reel(bench)))

    return make


def origin_video(bench: GenerationContext) -> Link:
    """Return the video of the task that this one builds on."""
    output = bench.find_output(bench.text("origin_task_id"))
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


def _reel(bench: GenerationContext) -> Clip:
    seconds = _seconds(bench.input)
    words = " ".join(filter(None, (bench.text(name) for name in SPOKEN))) or bench.model
    videos = [bench.input[name] for name in VIDEOS if bench.input.get(name)]
    videos += bench.list("video_urls")
    if bench.input.get("origin_task_id"):
        videos.insert(0, origin_video(bench))
    sources = list(_pictures(bench.input))
    for source in sources:
        if _is_clip_link(bench.input, source):
            videos.append(source)
    if videos:
        return _changed(bench, fetch_clip(bench, videos[0]), words, seconds)
    frames = [bench.photo(source).rgb for source in sources]
    last = next((bench.input[name] for name in LASTS if bench.input.get(name)), None)
    last = last or _frame_url(bench.input, "frame1")
    ratio = proportion(bench.text("aspect_ratio"), 0)
    if not frames and last is None:
        size = frame_size(ratio or WIDE)
        return pan(paint_prompt(words, *size), size, seconds)
    ends = [*frames[:1], *([bench.photo(last).rgb] if last else [])]
    size = frame_size(ratio or ends[0].shape[1] / ends[0].shape[0])
    if len(ends) > 1:
        return morph(ends[0], ends[1], size, seconds)
    if bench.text("effect"):
        ends = [prompted(ends[0], words)]
    return pan(ends[0], size, seconds)


def _changed(bench: GenerationContext, clip: Clip, words: str, seconds: float) -> Clip:
    """Extend a video, or give it another look."""
    if bench.task_type == "extend_video":
        more = pan(clip.frames[-1], clip.size, seconds)
        return Clip([*clip.frames, *more.frames], clip.seconds + seconds)
    return Clip([prompted(frame, words) for frame in clip.frames], clip.seconds)


def _pictures(asked: Mapping[str, object]) -> list[object]:
    found = [asked[name] for name in FIRSTS if asked.get(name)]
    for name in FIRST_LISTS:
        sources = asked.get(name)
        given = sources if isinstance(sources, list) else []
        found += [one.get("image_url") if isinstance(one, dict) else one for one in given]
    frame = _frame_url(asked, "frame0")
    return [*found, *([frame] if frame else [])]


def _frame_url(asked: Mapping[str, object], name: str) -> object:
    frames = asked.get("key_frames")
    frame = frames.get(name) if isinstance(frames, dict) else None
    return frame.get("url") if isinstance(frame, dict) else None


def _is_clip_link(asked: Mapping[str, object], source: object) -> bool:
    """Tell whether a key frame is a video, as it is where a video is extended."""
    frames = asked.get("key_frames")
    frame = frames.get("frame0") if isinstance(frames, dict) else None
    return isinstance(frame, dict) and frame.get("type") == "video" and frame.get("url") == source


def _seconds(asked: Mapping[str, object]) -> float:
    """Read 5, "8s", or the sum of the shots."""
    shots = asked.get("multi_shots")
    if isinstance(shots, list) and shots:
        lengths = [one.get("duration") for one in shots if isinstance(one, dict)]
        return sum(float(one) for one in lengths if isinstance(one, (int, float))) or USUAL_S
    duration = asked.get("duration")
    if isinstance(duration, str):
        found = DIGITS.search(duration)
        return float(found[0]) if found else USUAL_S
    return float(duration) if isinstance(duration, (int, float)) and duration else USUAL_S
