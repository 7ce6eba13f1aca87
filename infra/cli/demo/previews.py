"""Results that are no pictures: whether they play, read or stand, and a picture in their place.

Each look decodes the whole file; what cannot be decoded raises `ValueError` with a sentence.
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

from infra.cli.printing import shown

if TYPE_CHECKING:
    from darkroom.domain.media import Kind

CARD: Final = (260, 200)
PAPER: Final = (255, 255, 255)
INK: Final = (40, 40, 40)
LINE: Final = 34
MOVES: Final = 1.0
"""Mean difference of a video's first and last frame, of 255."""


def look_at(path: Path, kind: "Kind") -> Image.Image:
    """A picture that stands for the result.

    Raises:
        ValueError: it is empty, broken, silent, still or none of its kind.
    """
    return _LOOKS[kind](path)


def _video(path: Path) -> Image.Image:
    import cv2  # noqa: PLC0415 - only videos need it

    film = cv2.VideoCapture(str(path))
    frames = []
    while True:
        more, frame = film.read()
        if not more:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    film.release()
    if len(frames) < 2:  # noqa: PLR2004 - one frame is a picture
        raise ValueError(f"{path.name} has {len(frames)} frames")
    apart = np.abs(frames[0].astype(np.int16) - frames[-1].astype(np.int16)).mean()
    if apart < MOVES:
        raise ValueError(f"nothing moves in {path.name}")
    return Image.fromarray(frames[-1])


def _sound(path: Path) -> Image.Image:
    try:
        with wave.open(str(path)) as file:
            raw, width = file.readframes(file.getnframes()), file.getsampwidth()
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path.name} cannot be played") from error
    samples = np.frombuffer(raw, np.int16 if width == 2 else np.uint8).astype(np.float64)  # noqa: PLR2004 - 16 bit
    if samples.size == 0 or np.ptp(samples) == 0:
        raise ValueError(f"{path.name} is silent")
    card, pen = _card()
    loud = [np.ptp(part) for part in np.array_split(samples, CARD[0] // 4)]
    for place, height in enumerate(loud):
        half = max(1, int(height / max(loud) * CARD[1] / 2.4))
        middle = CARD[1] // 2
        pen.line((place * 4, middle - half, place * 4, middle + half), fill=INK, width=2)
    return card


def _text(path: Path) -> Image.Image:
    try:
        text = path.read_text()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is no text") from error
    if not text.strip():
        raise ValueError(f"{path.name} is empty")
    return _written("\n".join(textwrap.wrap(text, LINE)[:11]))


def _solid(path: Path) -> Image.Image:
    """A GLB: twelve bytes of header, then chunks, the first of them JSON."""
    data = path.read_bytes()
    try:
        magic, version, length = struct.unpack_from("<4sII", data)
        size, sort = struct.unpack_from("<I4s", data, 12)
        scene: Mapping[str, Any] = json.loads(data[20 : 20 + size])
        points = scene["accessors"][scene["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
        count, low, high = points["count"], points["min"], points["max"]
    except (struct.error, ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{path.name} is no 3D model that can be read") from error
    if (magic, version, length, sort) != (b"glTF", 2, len(data), b"JSON"):
        raise ValueError(f"{path.name} is broken")
    sides = " x ".join(f"{b - a:.2f}" for a, b in zip(low, high, strict=True))
    return _written(f"a 3D model (GLB)\n\n{count} points\n{sides}")


def _data(path: Path) -> Image.Image:
    return _written("\n".join(path.read_text().splitlines()[:11]))


_LOOKS: Mapping[str, Callable[[Path], Image.Image]] = {
    "video": _video,
    "audio": _sound,
    "text": _text,
    "3d": _solid,
    "json": _data,
}


def _card() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    card = Image.new("RGB", CARD, PAPER)
    return card, ImageDraw.Draw(card)


def _written(text: str) -> Image.Image:
    card, pen = _card()
    text = "\n".join(map(shown, text.split("\n")))
    pen.text((10, 10), text, fill=INK, font=ImageFont.load_default(13))
    return card
