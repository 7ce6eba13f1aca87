"""Short MP4 videos: read, drawn, written.

A video has few frames, spread over the seconds it is meant to last, so that its length is true and
its making quick.
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
MAX_PIXELS = 40_000_000  # of all frames that are read; of a larger video every n-th one is
ZOOM = 0.25  # how far a picture is zoomed into from first frame to last


class BadClipError(Exception):
    """The bytes are no video that can be worked on."""


@dataclass(frozen=True)
class Clip:
    """Frames of one size, and how long they last together."""

    frames: Sequence[Pixels]
    seconds: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return int(self.frames[0].shape[1]), int(self.frames[0].shape[0])


def read_clip(content: bytes) -> Clip:
    """Decode a video, or raise `BadClipError`."""
    # Looked at first, since the decoder complains about anything else on stderr.
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
    """Encode as MP4, each frame changed on its way; odd sides lose a pixel, as the codec wants."""
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


def pan(rgb: Pixels, size: tuple[int, int], seconds: float) -> Clip:
    """Zoom slowly into a picture, cropped to the proportions of `size`."""
    canvas = _cropped(rgb, size)
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


def morph(first: Pixels, last: Pixels, size: tuple[int, int], seconds: float) -> Clip:
    """Fade from one picture to another."""
    ends = [
        as_bytes(cv2.resize(_cropped(one, size), size, interpolation=cv2.INTER_AREA))
        for one in (first, last)
    ]
    shares = np.linspace(0, 1, FRAMES)
    frames = [as_bytes(cv2.addWeighted(ends[0], 1 - s, ends[1], s, 0)) for s in shares]
    return Clip(frames, seconds)


def frame_size(proportion: float) -> tuple[int, int]:
    """Return even sides in a proportion of width to height, the longer one the usual length."""
    if proportion >= 1:
        return LONG_SIDE, max(2, round(LONG_SIDE / proportion / 2) * 2)
    return max(2, round(LONG_SIDE * proportion / 2) * 2), LONG_SIDE


def _cropped(rgb: Pixels, size: tuple[int, int]) -> Pixels:
    height, width = rgb.shape[:2]
    wanted = size[0] / size[1]
    wide, tall = (
        min(width, max(1, round(height * wanted))),
        min(height, max(1, round(width / wanted))),
    )
    left, top = (width - wide) // 2, (height - tall) // 2
    return rgb[top : top + tall, left : left + wide]


def _read_frames(reader: cv2.VideoCapture) -> tuple[list[Pixels], int]:
    """Return frames that fit into memory, evenly spread, and how many there were."""
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
