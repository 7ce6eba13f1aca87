"""Small files that the sandboxes really edit: images, masks, a video, a sound."""

import functools
import io
import tempfile
import wave
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from darkroom.domain.routes import Role


def image(
    mode: str = "RGB", kind: str = "PNG", size: tuple[int, int] = (48, 32), grey: int = 0
) -> bytes:
    """A small photo with a rectangle in its middle."""
    image = Image.new(mode, size, "white")
    box = tuple(side * share // 8 for share in (2, 6) for side in size)
    ImageDraw.Draw(image).rectangle(box, fill=grey if mode == "L" else "red")
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def mask(size: tuple[int, int] = (48, 32)) -> bytes:
    """A mask of the same size: black, with a white rectangle."""
    image = Image.new("L", size, 0)
    box = tuple(side * share // 8 for share in (3, 5) for side in size)
    ImageDraw.Draw(image).rectangle(box, fill=255)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def sample(role: str, rule: Role, kind: str = "PNG", size: tuple[int, int] = (48, 32)) -> bytes:
    """A small file that a role accepts."""
    kinds = {media.kind for media in rule.formats}
    if "image" in kinds:
        return mask(size) if role == "mask" else image(kind=kind, size=size)
    return clip() if "video" in kinds else tune()


@functools.cache
def clip() -> bytes:
    """A video of a few frames."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        writer = cv2.VideoWriter(file.name, cv2.VideoWriter.fourcc(*"mp4v"), 8, (64, 48))
        for shade in range(0, 240, 40):
            frame = Image.open(io.BytesIO(image(size=(64, 48)))).convert("RGB")
            writer.write(np.maximum(np.asarray(frame)[:, :, ::-1], np.uint8(shade // 4)))
        writer.release()
        return Path(file.name).read_bytes()


@functools.cache
def tune() -> bytes:
    """A tenth of a second of sound."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return out.getvalue()
