"""Checks results that are not images by decoding them, and draws a preview of each.

Every preview decodes the whole file, and raises `ValueError` with a sentence if that fails.
"""

import json
import struct
import textwrap
import wave
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from infra.cli.printing import escape

if TYPE_CHECKING:
    from darkroom.domain.media import Kind

CARD: Final = (260, 200)
PAPER: Final = (255, 255, 255)
INK: Final = (40, 40, 40)
LINE_LENGTH: Final = 34
MIN_MOTION: Final = 1.0
"""Least mean difference between a video's first and last frame, of 255."""


def draw_preview(path: Path, kind: "Kind") -> Image.Image:
    """An image that represents the result.

    Raises:
        ValueError: the file is empty, broken, silent, without motion, or of another kind.
    """
    return _PREVIEWS[kind](path)


def _video(path: Path) -> Image.Image:
    import cv2  # noqa: PLC0415 - only videos need it

    video = cv2.VideoCapture(str(path))
    frames = []
    while True:
        more, frame = video.read()
        if not more:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    video.release()
    if len(frames) < 2:  # noqa: PLR2004 - one frame is an image
        raise ValueError(f"{path.name} has {len(frames)} frames")
    difference = np.abs(frames[0].astype(np.int16) - frames[-1].astype(np.int16)).mean()
    if difference < MIN_MOTION:
        raise ValueError(f"{path.name} shows no motion")
    return Image.fromarray(frames[-1])


def _audio(path: Path) -> Image.Image:
    try:
        with wave.open(str(path)) as file:
            raw, width = file.readframes(file.getnframes()), file.getsampwidth()
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path.name} cannot be decoded") from error
    samples = np.frombuffer(raw, np.int16 if width == 2 else np.uint8).astype(np.float64)  # noqa: PLR2004 - 16 bit
    if samples.size == 0 or np.ptp(samples) == 0:
        raise ValueError(f"{path.name} is silent")
    card, pen = _blank_card()
    volumes = [np.ptp(part) for part in np.array_split(samples, CARD[0] // 4)]
    for column, volume in enumerate(volumes):
        half = max(1, int(volume / max(volumes) * CARD[1] / 2.4))
        middle = CARD[1] // 2
        pen.line((column * 4, middle - half, column * 4, middle + half), fill=INK, width=2)
    return card


def _text(path: Path) -> Image.Image:
    try:
        text = path.read_text()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not text") from error
    if not text.strip():
        raise ValueError(f"{path.name} is empty")
    return _draw_text("\n".join(textwrap.wrap(text, LINE_LENGTH)[:11]))


def _model_3d(path: Path) -> Image.Image:
    """A GLB: a header of twelve bytes, then chunks, of which the first is JSON."""
    data = path.read_bytes()
    try:
        magic, version, length = struct.unpack_from("<4sII", data)
        size, chunk_type = struct.unpack_from("<I4s", data, 12)
        scene: Mapping[str, Any] = json.loads(data[20 : 20 + size])
        points = scene["accessors"][scene["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
        count, lows, highs = points["count"], points["min"], points["max"]
    except (struct.error, ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{path.name} is not a readable 3D model") from error
    if (magic, version, length, chunk_type) != (b"glTF", 2, len(data), b"JSON"):
        raise ValueError(f"{path.name} is broken")
    sides = " x ".join(f"{high - low:.2f}" for low, high in zip(lows, highs, strict=True))
    return _draw_text(f"a 3D model (GLB)\n\n{count} points\n{sides}")


def _data(path: Path) -> Image.Image:
    return _draw_text("\n".join(path.read_text().splitlines()[:11]))


_PREVIEWS: Mapping[str, Callable[[Path], Image.Image]] = {
    "video": _video,
    "audio": _audio,
    "text": _text,
    "3d": _model_3d,
    "json": _data,
}


def _blank_card() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    card = Image.new("RGB", CARD, PAPER)
    return card, ImageDraw.Draw(card)


def _draw_text(text: str) -> Image.Image:
    card, pen = _blank_card()
    text = "\n".join(map(escape, text.split("\n")))
    pen.text((10, 10), text, fill=INK, font=ImageFont.load_default(13))
    return card
