"""WAV sounds made of tones: melodies from text, and speech as one tone for each word."""

import io
import wave
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from infra.sandbox.image_ops.draw import seed_from_text

RATE = 16_000
MAX_S = 60.0
NOTE_S = 0.25
WORD_S = 0.3
SCALE = (0, 2, 4, 7, 9, 12, 14, 16)  # semitones above the root: a pentatonic scale
ROOT_HZ = 220.0
SPEECH_HZ = 140.0
LOUDNESS = 0.4

# Offset and magic bytes of sound files: WAV, MP3 with and without a header, Ogg, FLAC, MP4.
MAGIC = (
    (0, b"RIFF"),
    (0, b"ID3"),
    (0, b"\xff\xfb"),
    (0, b"\xff\xf3"),
    (0, b"OggS"),
    (0, b"fLaC"),
    (4, b"ftyp"),
)


def is_sound(content: bytes) -> bool:
    """Whether the first bytes of a file are those of a sound file."""
    return any(content[at : at + len(magic)] == magic for at, magic in MAGIC)


def melody(words: str, seconds: float) -> bytes:
    """Compose a melody that depends on the text, `seconds` long, at most a minute."""
    length = min(max(seconds, NOTE_S), MAX_S)
    random = np.random.default_rng(seed_from_text(words))
    steps = random.integers(0, len(SCALE), max(1, round(length / NOTE_S)))
    return _wav([ROOT_HZ * 2 ** (SCALE[int(step)] / 12) for step in steps], NOTE_S)


def speech(text: str, speed: float = 1.0) -> bytes:
    """Speak a text as one tone for each word, higher for longer words."""
    words = text.split()[: round(MAX_S / WORD_S)] or [""]
    tones = [SPEECH_HZ * (1 + min(len(word), 12) / 12) for word in words]
    return _wav(tones, WORD_S / max(0.1, speed))


def _wav(tones: Sequence[float], note_s: float) -> bytes:
    times = np.arange(max(1, round(RATE * note_s))) / RATE
    fade = np.minimum(1, 40 * np.minimum(times, note_s - times))
    notes = [np.sin(2 * np.pi * tone * times) * fade for tone in tones]
    samples: npt.NDArray[np.int16] = (np.concatenate(notes) * LOUDNESS * 32767).astype("<i2")
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return content.getvalue()
