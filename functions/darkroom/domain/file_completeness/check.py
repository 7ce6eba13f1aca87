"""Whether a file is complete, by the end that its format defines; nothing is decoded.

| format            | what is checked                                                     |
|-------------------|---------------------------------------------------------------------|
| PNG               | the chunk IEND with its checksum                                    |
| JPEG              | the marker EOI after the coded image                                |
| GIF               | the trailer after the last block                                    |
| BMP               | all rows of pixels                                                  |
| TIFF              | every directory, every value, every strip or tile                   |
| WEBP, WAV         | the length in the header, unless it is a placeholder                |
| MP4, MOV, M4A     | every box, `moov` and the data among them                           |
| HEIC, AVIF        | every box, `meta` and the data among them                           |
| GLB               | the length in the header                                            |
| WEBM              | the segment's size, where it is known; whole elements where not     |
| OGG               | whole pages, the last one of every stream                           |
| FLAC              | the last sample's frame with its checksum                           |
| MP3, AAC          | whole frames; the number of bytes if the first frame has it         |
| JSON              | every bracket and string closed                                     |
| any other         | nothing: its end is not known                                       |

Trailing bytes are allowed: cameras append videos, and servers line ends.
"""

import re
from collections.abc import Callable, Mapping
from typing import BinaryIO

from darkroom.domain.file_completeness import audio, containers, images
from darkroom.domain.file_completeness.flac import flac
from darkroom.domain.file_completeness.reader import MalformedError, Reader, TruncatedError
from darkroom.domain.media import Media

_CHUNK = 64 * 1024
_SIGNS = re.compile(rb'["\\\[\]{}]')


def is_complete(body: BinaryIO, media: Media | None) -> bool | None:
    """Whether a file of this format is complete, in constant memory.

    Args:
        body: seekable; read from its beginning, and at position 0 afterwards.
        media: the result of `sniff`; None for an unknown format.

    Returns:
        None if it is not known: the format defines no end, or the file violates its format.
    """
    find_end = _ENDS.get(media.extension) if media else None
    if find_end is None:
        return None
    try:
        return find_end(Reader(body))
    except TruncatedError:
        return False
    except MalformedError:
        return None
    finally:
        body.seek(0)


def _json(file: Reader) -> bool | None:
    """A JSON document whose first bracket is closed; a bare number or word may go on."""
    depth = 0
    quoted = escaped = False
    while file.left:
        piece = file.some(_CHUNK)
        at = 0
        if escaped:
            at, escaped = 1, False
        while found := _SIGNS.search(piece, at):
            at = found.end()
            match found.group():
                case b"\\" if quoted:
                    escaped = at == len(piece)
                    at += 1
                case b'"':
                    quoted = not quoted
                case b"{" | b"[" if not quoted:
                    depth += 1
                case b"}" | b"]" if not quoted:
                    depth -= 1
                    if depth == 0:
                        return True
    if depth or quoted:
        raise TruncatedError
    return None


_ENDS: Mapping[str, Callable[[Reader], bool | None]] = {
    "png": images.png,
    "jpg": images.jpeg,
    "gif": images.gif,
    "bmp": images.bmp,
    "tiff": images.tiff,
    "webp": containers.riff,
    "wav": containers.riff,
    "mp4": containers.iso_video,
    "mov": containers.iso_video,
    "m4a": containers.iso_video,
    "heic": containers.heif,
    "avif": containers.heif,
    "glb": containers.glb,
    "webm": containers.matroska,
    "ogg": audio.ogg,
    "mp3": audio.mp3,
    "aac": audio.aac,
    "flac": flac,
    "json": _json,
}
"""Extension, as in `media` -> the function that finds the end. Text has none."""
