"""Small videos and sounds for the sandbox tests, made and read without the sandbox's own code."""

import io
import wave

import cv2
import numpy as np

from tests.sandbox.images import Array, photo


def sound(seconds: float = 1.0) -> bytes:
    """Make a silent WAV file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(round(16_000 * seconds)))
    return content.getvalue()


def video(path: str, width: int = 64, height: int = 48) -> bytes:
    """Make a video of a photo at `path`: one second, eight frames."""
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 8, (width, height))
    for shift in range(8):
        frame = np.roll(photo(width, height), shift * 2, axis=1)
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    with open(path, "rb") as file:  # noqa: PTH123 - the path is the encoder's string
        return file.read()


def frames_of(content: bytes, path: str) -> tuple[list[Array], float]:
    """Decode a video by way of a file: its frames and its duration in seconds."""
    with open(path, "wb") as file:  # noqa: PTH123 - the path is the decoder's string
        file.write(content)
    reader = cv2.VideoCapture(path)
    rate = reader.get(cv2.CAP_PROP_FPS)
    frames = []
    while True:
        there, frame = reader.read()
        if not there:
            break
        frames.append(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8))
    reader.release()
    return frames, len(frames) / rate
