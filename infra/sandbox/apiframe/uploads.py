"""Apiframe's `POST /v2/uploads`: an upload becomes a URL that is valid for an hour.

Facts from the vendor's OpenAPI file. The documents say "~1-2 h"; the sandbox uses the shorter.
"""

import uuid
from dataclasses import dataclass
from typing import Literal

from werkzeug.wrappers import Response

from infra.sandbox.clock import iso_millis
from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.provider import RefusalError
from infra.sandbox.responses import json_response

LIFETIME_S = 3600.0
MAX_BYTES = {"image": 25 * 1024 * 1024, "audio": 25 * 1024 * 1024, "video": 50 * 1024 * 1024}


@dataclass(frozen=True)
class Media:
    """A type of file that is accepted."""

    kind: Literal["image", "video", "audio"]
    mime: str
    extension: str


# Offset, magic bytes, type; the first match decides.
MAGIC: tuple[tuple[int, bytes, Media], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", Media("image", "image/png", "png")),
    (0, b"\xff\xd8\xff", Media("image", "image/jpeg", "jpg")),
    (0, b"GIF8", Media("image", "image/gif", "gif")),
    (8, b"WEBP", Media("image", "image/webp", "webp")),
    (8, b"WAVE", Media("audio", "audio/wav", "wav")),
    (4, b"ftypM4A", Media("audio", "audio/mp4", "m4a")),
    (4, b"ftypqt", Media("video", "video/quicktime", "mov")),
    (4, b"ftyp", Media("video", "video/mp4", "mp4")),
    (0, b"\x1aE\xdf\xa3", Media("video", "video/webm", "webm")),
    (0, b"OggS", Media("audio", "audio/ogg", "ogg")),
    (0, b"ID3", Media("audio", "audio/mpeg", "mp3")),
    (0, b"\xff\xfb", Media("audio", "audio/mpeg", "mp3")),
)


def take_upload(ctx: RequestContext, state: SandboxState) -> Response:
    """Store the multipart field `file`; its bytes decide its type."""
    file = ctx.request.files.get("file")
    content = b"" if file is None else file.stream.read()
    if not content:
        raise RefusalError(400, "No file was uploaded in the multipart field 'file'")
    media = sniff(content)
    if media is None:
        raise RefusalError(400, "Unsupported file type")
    if len(content) > MAX_BYTES[media.kind]:
        raise RefusalError(400, f"File too large: at most {MAX_BYTES[media.kind]} bytes")
    upload_id = str(uuid.uuid4())
    path = f"/cdn/uploads/{upload_id}.{media.extension}"
    state.files.put(path, content, media.mime, lifetime_s=LIFETIME_S)
    return json_response(
        {
            "id": upload_id,
            "url": ctx.base_url + path,
            "kind": media.kind,
            "contentType": media.mime,
            "byteSize": len(content),
            "expiresAt": iso_millis(state.clock.now() + LIFETIME_S),
        },
        201,
    )


def sniff(content: bytes) -> Media | None:
    """Recognize a file by its first bytes, None if it is not accepted."""
    for offset, magic, media in MAGIC:
        if content[offset : offset + len(magic)] == magic:
            return media
    return None
