"""How a file gets to GoAPI: by its upload API if that accepts it, else by a presigned URL.

The upload is the vendor's "File Upload API" (piapi.ai/docs/tools/file-upload): at most 10 MB,
few formats, kept for 24 hours, only in some plans. Pure: no network.
"""

from collections.abc import Generator
from typing import Final

from darkroom.domain.errors import AccountBlocked, ProviderRefused
from darkroom.domain.media import JPEG, MP3, MP4, PNG, WAV, WEBP
from darkroom.domain.order import Input
from darkroom.providers import json_fields
from darkroom.providers.adapter import FilePart, InputFiles, Request, Response
from darkroom.providers.goapi.envelope import LABEL, error_for, read_data

UPLOAD_HOST: Final = "upload"
LINK_LIFETIME_S: Final = 6 * 3600
"""Six hours: a task may wait in the vendor's queue before its files are fetched."""
MAX_BYTES: Final = 10_000_000

_UPLOADABLE: Final = frozenset({JPEG, PNG, WEBP, MP4, WAV, MP3})
_TRY_LINK: Final = frozenset({400, 403, 413})
"""Statuses of a refused file, or of a plan without uploads; a presigned URL may still work."""


def upload_or_link(role: str, file: Input, files: InputFiles) -> Generator[Request, Response, str]:
    """A URL at which GoAPI can read the file.

    Raises:
        ProviderRefused: there is none (`no-transport`).
    """
    media = files.media(file)
    why = "its upload takes only PNG, JPEG, WEBP, MP4, MP3 and WAV"
    if media in _UPLOADABLE and file.size > MAX_BYTES:
        why = f"its upload takes at most {MAX_BYTES:,} bytes and the file has {file.size:,}"
    elif media is not None and media in _UPLOADABLE:
        response = yield Request(
            "POST",
            "/api/ephemeral_resource",
            host=UPLOAD_HOST,
            json={"file_name": f"{role}.{media.extension}"},
            encoded=(FilePart("file_data", file),),
        )
        try:
            return _read_url(response)
        except (ProviderRefused, AccountBlocked) as error:
            if _status(response) not in _TRY_LINK:
                raise
            why = error.failure.sentence.rstrip(".")
    link = files.link(file, LINK_LIFETIME_S)
    if link is None:
        raise ProviderRefused(
            "no-transport",
            f"{file.key} cannot be sent to {LABEL}: {why}; and it cannot read this input bucket.",
            "Make the file smaller or save it in one of these formats, use a plan with uploads, or "
            "run Darkroom where the bucket can be reached from outside.",
        )
    return link


def _read_url(response: Response) -> str:
    if not response.ok:
        raise error_for(response)
    body = json_fields.as_object(response.json())
    if body.get("url"):  # documented in `data`; the vendor's own command reads it at the top
        return json_fields.as_url(body["url"])
    data = body.get("data")
    return json_fields.as_url(data if isinstance(data, str) else read_data(response).get("url"))


def _status(response: Response) -> int:
    """HTTP's status; if that is 2xx, the envelope's code."""
    code = json_fields.number_or_none(json_fields.error_body(response).get("code"))
    return int(code) if response.ok and code is not None else response.status
