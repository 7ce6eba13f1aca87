"""Videos on the shelf, and the forms in which the families put them out."""

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
class Film:
    """A video on the shelf, with its first frame."""

    link: Link
    cover: Link
    size: tuple[int, int]
    seconds: float


Form = Callable[[Film], Output]


def as_video_url(film: Film) -> Output:
    """Put a video out as Qubico's models do."""
    return {"video_url": film.link}


def as_video(film: Film) -> Output:
    """Put a video out as the newer proxied models do."""
    return {"video": film.link}


def as_works(film: Film) -> Output:
    """Put a video out as Kling did up to version 2."""
    width, height = film.size
    part = {"width": width, "height": height, "duration": round(film.seconds * 1000)}
    video = {"resource": film.link, "resource_without_watermark": film.link, **part}
    cover = {"resource": film.cover, "resource_without_watermark": "", **part, "duration": 0}
    work = {"content_type": "video", "status": 99, "type": "m2v", "cover": cover, "video": video}
    return {"type": "m2v", "status": 99, "works": [work], "video_url": film.link}


def as_hailuo(film: Film) -> Output:
    """Put a video out as Hailuo does."""
    width, height = film.size
    return {
        "video_url": film.link,
        "download_url": film.link,
        "cover_url": film.cover,
        "width": width,
        "height": height,
        "percent": 100,
        "status": 2,
        "message": "",
    }


def as_luma(film: Film) -> Output:
    """Put a video out as Dream Machine did in 2025; older and newer answers look otherwise."""
    width, height = film.size
    sized = {"width": width, "height": height}
    return {
        "video": {"url": film.link, **sized},
        "video_raw": {"url": film.link, **sized},
        "thumbnail": {"url": film.cover, **sized},
        "last_frame": {"url": film.cover, **sized},
    }


def fetch_clip(bench: GenerationContext, source: object) -> Clip:
    """Fetch and decode a video; anything wrong with it fails the task."""
    try:
        return read_clip(bench.blob(source, BAD_VIDEO))
    except BadClipError as exc:
        raise WorkError(BAD_VIDEO) from exc


def check_sound(bench: GenerationContext, source: object) -> bytes:
    """Fetch a sound; what is none fails the task."""
    content = bench.blob(source, BAD_AUDIO)
    if not is_sound(content):
        raise WorkError(BAD_AUDIO)
    return content


def keep_film(
    bench: GenerationContext, clip: Clip, change: Callable[[Pixels], Pixels] = lambda frame: frame
) -> Film:
    """Put a video and its first frame on the shelf, each frame changed on its way."""
    first = change(clip.frames[0])
    cover = bench.keep_image(first, "jpg")
    size = (int(first.shape[1]), int(first.shape[0]))
    return Film(bench.keep(write_clip(clip, change), "mp4"), cover, size, clip.seconds)
