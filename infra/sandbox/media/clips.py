"""Short MP4 videos: read, drawn, written.

A video has only a few frames, spread over its duration, so that it has the right duration and is
quick to make.
"""

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from infra.sandbox.image_ops.codec import Pixels, as_bytes

FRAMES = 10
LONG_SIDE = 320
MAX_PIXELS = 40_000_000  # of all decoded frames; of a larger video every n-th frame is decoded
ZOOM = 0.25  # of the image, zoomed into from first frame to last


class BadClipError(Exception):
    """The bytes are not a video that can be edited."""


@dataclass(frozen=True)
class Clip:
    """Frames of one size, and their duration together."""

    frames: Sequence[Pixels]
    seconds: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return int(self.frames[0].shape[1]), int(self.frames[0].shape[0])


def read_clip(content: bytes) -> Clip:
    """Decode a video, or raise `BadClipError`."""
    # Checked first, since the decoder prints errors on stderr.
    if content[4:8] != b"ftyp" or b"moov" not in content:
        raise BadClipError("the file is not an MP4 video")
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(content)
        file.flush()
        reader = cv2.VideoCapture(file.name)
        rate = reader.get(cv2.CAP_PROP_FPS)
        frames, count = _read_frames(reader)
        reader.release()
    if not frames or not rate > 0:
        raise BadClipError("the video has no frames")
    return Clip(frames, count / rate)


def write_clip(clip: Clip, change: Callable[[Pixels], Pixels] = lambda frame: frame) -> bytes:
    """Encode as MP4, with `change` applied to each frame; odd sides lose a pixel for the codec."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        rate = len(clip.frames) / max(clip.seconds, 0.1)
        height, width = (side - side % 2 for side in change(clip.frames[0]).shape[:2])
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
        for frame in clip.frames:
            whole = np.ascontiguousarray(change(frame)[:height, :width])
            writer.write(cv2.cvtColor(whole, cv2.COLOR_RGB2BGR))
        writer.release()
        return path.read_bytes()


def zoom_clip(rgb: Pixels, size: tuple[int, int], seconds: float) -> Clip:
    """Zoom slowly into an image, cropped to the aspect ratio of `size`."""
    canvas = _crop(rgb, size)
    height, width = canvas.shape[:2]
    frames = []
    for share in np.linspace(0, ZOOM, FRAMES):
        left, top = int(width * share * 0.7), int(height * share * 0.4)
        right, bottom = (
            left + max(1, int(width * (1 - share))),
            top + max(1, int(height * (1 - share))),
        )
        part = canvas[top:bottom, left:right]
        frames.append(as_bytes(cv2.resize(part, size, interpolation=cv2.INTER_AREA)))
    return Clip(frames, seconds)


def crossfade_clip(first: Pixels, last: Pixels, size: tuple[int, int], seconds: float) -> Clip:
    """Fade from one image to another."""
    ends = [
        as_bytes(cv2.resize(_crop(one, size), size, interpolation=cv2.INTER_AREA))
        for one in (first, last)
    ]
    shares = np.linspace(0, 1, FRAMES)
    frames = [as_bytes(cv2.addWeighted(ends[0], 1 - s, ends[1], s, 0)) for s in shares]
    return Clip(frames, seconds)


def frame_size(proportion: float) -> tuple[int, int]:
    """Return width and height, both even, for a ratio of width to height."""
    if proportion >= 1:
        return LONG_SIDE, max(2, round(LONG_SIDE / proportion / 2) * 2)
    return max(2, round(LONG_SIDE * proportion / 2) * 2), LONG_SIDE


def _crop(rgb: Pixels, size: tuple[int, int]) -> Pixels:
    height, width = rgb.shape[:2]
    wanted = size[0] / size[1]
    wide, tall = (
        min(width, max(1, round(height * wanted))),
        min(height, max(1, round(width / wanted))),
    )
    left, top = (width - wide) // 2, (height - tall) // 2
    return rgb[top : top + tall, left : left + wide]


def _read_frames(reader: cv2.VideoCapture) -> tuple[list[Pixels], int]:
    """Return evenly spread frames that fit into memory, and the number of all frames."""
    sides = (reader.get(one) for one in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    pixels = math.prod(sides) * reader.get(cv2.CAP_PROP_FRAME_COUNT)
    step = max(1, math.ceil(pixels / MAX_PIXELS))
    frames: list[Pixels] = []
    count = 0
    while reader.grab():
        if count % step == 0:
            there, frame = reader.retrieve()
            if there:
                frames.append(as_bytes(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)))
        count += 1
    return frames, count
