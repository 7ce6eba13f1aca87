"""Input videos and sounds, stored result videos, and the output format of each model family."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.sandbox.goapi.generators.context import (
    BAD_AUDIO,
    BAD_VIDEO,
    GenerationContext,
    Link,
    Output,
)
from infra.sandbox.image_ops.codec import Pixels
from infra.sandbox.jobs import WorkError
from infra.sandbox.media.clips import BadClipError, Clip, read_clip, write_clip
from infra.sandbox.media.sounds import is_sound


@dataclass(frozen=True)
class StoredVideo:
    """A stored video and its first frame; `size` is width and height in pixels."""

    link: Link
    cover: Link
    size: tuple[int, int]
    seconds: float


OutputFormat = Callable[[StoredVideo], Output]


def video_url_output(video: StoredVideo) -> Output:
    """Build the output of Qubico's models."""
    return {"video_url": video.link}


def video_output(video: StoredVideo) -> Output:
    """Build the output of the newer proxied models."""
    return {"video": video.link}


def works_output(video: StoredVideo) -> Output:
    """Build the output of Kling up to version 2."""
    width, height = video.size
    part = {"width": width, "height": height, "duration": round(video.seconds * 1000)}
    file = {"resource": video.link, "resource_without_watermark": video.link, **part}
    cover = {"resource": video.cover, "resource_without_watermark": "", **part, "duration": 0}
    work = {"content_type": "video", "status": 99, "type": "m2v", "cover": cover, "video": file}
    return {"type": "m2v", "status": 99, "works": [work], "video_url": video.link}


def hailuo_output(video: StoredVideo) -> Output:
    """Build the output of Hailuo."""
    width, height = video.size
    return {
        "video_url": video.link,
        "download_url": video.link,
        "cover_url": video.cover,
        "width": width,
        "height": height,
        "percent": 100,
        "status": 2,
        "message": "",
    }


def luma_output(video: StoredVideo) -> Output:
    """Build the output of Dream Machine of 2025; older and newer versions have other formats."""
    width, height = video.size
    sized = {"width": width, "height": height}
    return {
        "video": {"url": video.link, **sized},
        "video_raw": {"url": video.link, **sized},
        "thumbnail": {"url": video.cover, **sized},
        "last_frame": {"url": video.cover, **sized},
    }


def fetch_clip(ctx: GenerationContext, source: object) -> Clip:
    """Fetch and decode a video; the task fails if that is not possible."""
    try:
        return read_clip(ctx.blob(source, BAD_VIDEO))
    except BadClipError as exc:
        raise WorkError(BAD_VIDEO) from exc


def fetch_sound(ctx: GenerationContext, source: object) -> bytes:
    """Fetch a sound; the task fails if the file is not one."""
    content = ctx.blob(source, BAD_AUDIO)
    if not is_sound(content):
        raise WorkError(BAD_AUDIO)
    return content


def store_video(
    ctx: GenerationContext, clip: Clip, change: Callable[[Pixels], Pixels] = lambda frame: frame
) -> StoredVideo:
    """Store a video and its first frame, with `change` applied to each frame."""
    first = change(clip.frames[0])
    cover = ctx.store_image(first, "jpg")
    size = (int(first.shape[1]), int(first.shape[0]))
    return StoredVideo(ctx.store(write_clip(clip, change), "mp4"), cover, size, clip.seconds)
