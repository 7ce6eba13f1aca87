"""How a file gets to GoAPI: by its upload, where that takes the file, else by a signed address.

The upload is the vendor's "File Upload API" (piapi.ai/docs/tools/file-upload): at most 10 MB,
few formats, kept for 24 hours, only in some plans. Pure: nothing is sent from here.
"""

from collections.abc import Generator
from typing import Final

from darkroom.domain.errors import AccountBlocked, ProviderRefused
from darkroom.domain.media import JPEG, MP3, MP4, PNG, WAV, WEBP
from darkroom.domain.order import Input
from darkroom.providers import untrusted_json
from darkroom.providers.adapter import Answer, FilePart, InputFiles, Request
from darkroom.providers.goapi.envelope import LABEL, read_data, refusal_of

UPLOAD_HOST: Final = "upload"
LINK_S: Final = 6 * 3600
"""A task may wait in the vendor's queue for hours before its files are fetched."""
MAX_BYTES: Final = 10_000_000

_UPLOADED: Final = frozenset({JPEG, PNG, WEBP, MP4, WAV, MP3})
_NOT_TAKEN: Final = frozenset({400, 403, 413})
"""A file that is refused, and a plan without uploads; a signed address may still do."""


def hand_over(role: str, file: Input, files: InputFiles) -> Generator[Request, Answer, str]:
    """The address at which GoAPI can read the file.

    Raises:
        ProviderRefused: there is none (`no-transport`).
    """
    media = files.media(file)
    why = "its upload takes PNG, JPEG, WEBP, MP4, MP3 and WAV alone"
    if media in _UPLOADED and file.size > MAX_BYTES:
        why = f"its upload takes at most {MAX_BYTES:,} bytes and the file has {file.size:,}"
    elif media is not None and media in _UPLOADED:
        answer = yield Request(
            "POST",
            "/api/ephemeral_resource",
            host=UPLOAD_HOST,
            json={"file_name": f"{role}.{media.extension}"},
            encoded=(FilePart("file_data", file),),
        )
        try:
            return _address(answer)
        except (ProviderRefused, AccountBlocked) as error:
            if _status(answer) not in _NOT_TAKEN:
                raise
            why = error.failure.sentence.rstrip(".")
    link = files.link(file, LINK_S)
    if link is None:
        raise ProviderRefused(
            "no-transport",
            f"{file.key} cannot be handed to {LABEL}: {why}; and it cannot read this input bucket.",
            "Make the file smaller or save it in such a format, use a plan with uploads, or run "
            "Darkroom where the bucket can be reached from outside.",
        )
    return link


def _address(answer: Answer) -> str:
    if not answer.ok:
        raise refusal_of(answer)
    body = untrusted_json.as_object(answer.json())
    if body.get("url"):  # the page shows it in `data`; the vendor's own command reads it beside
        return untrusted_json.as_url(body["url"])
    bare = body.get("data")
    return untrusted_json.as_url(bare if isinstance(bare, str) else read_data(answer).get("url"))


def _status(answer: Answer) -> int:
    """HTTP's status, or the envelope's code where HTTP has said yes."""
    code = untrusted_json.number_of(untrusted_json.complaint_of(answer).get("code"))
    return int(code) if answer.ok and code is not None else answer.status
