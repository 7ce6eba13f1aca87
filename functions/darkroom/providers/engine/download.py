"""A result on its way from a provider's URL into a temporary file, in constant memory.

Sends no credentials to wherever the URL leads, and goes only where `url_guard` allows, at every
step of the way. Whether the file is what it should be is for whoever delivers it; here its bytes
are unpacked, counted and hashed, its first ones looked at, and whether its last ones are there.
What is only a part is no result.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import httpx

from darkroom.domain.errors import Busy, DarkroomError, NotSent, ResultGone, Unclear
from darkroom.domain.file_completeness.check import is_complete
from darkroom.domain.media import HEAD_BYTES, sniff
from darkroom.domain.provider_jobs import Download
from darkroom.providers.engine.content_codings import PackedError, TooLargeError, unpacked
from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.engine.url_guard import UrlGuard

_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "darkroom"}
_REDIRECTS = 3
_SPOOL_BYTES = 1024 * 1024
_TRY_LATER = frozenset({408, 425, 429})
_MOVED = frozenset({301, 302, 303, 307, 308})
_WHOLE = frozenset({200, 203})
"""Of the statuses that say yes, those that bring the thing itself."""
_PARTIAL = 206
_RANGE = re.compile(r"\s*bytes\s+0-(\d{1,18})/(\d{1,18})\s*", re.IGNORECASE)


@contextmanager
def download(
    wire: DeadlineTransport, url: str, max_bytes: int, within_s: float, *, near: bool = False
) -> Iterator[Download]:
    """The result behind `url`, following at most three redirects.

    Args:
        wire: the network.
        url: as the provider handed it out.
        max_bytes: size limit of the result.
        within_s: seconds for the whole way.
        near: whether the provider is on this machine; then its results may be, too.

    Raises:
        ResultGone: the URL answers, but not with the result: not yet, or no longer.
        Busy: the network or the far side fails for the moment (`result-not-fetched`), only a part
            of the result came (`result-not-whole`), or it came packed in a way that cannot be
            undone (`result-packed`).
        DarkroomError: the URL or a redirect leads to where nothing is fetched from
            (`result-address-refused`), or the result, unpacked, is larger than `max_bytes`
            (`result-too-large`).
    """
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        body = cast("BinaryIO", spool)
        try:
            fetched = _follow(wire, url, body, max_bytes, within_s, UrlGuard("result", near=near))
        except (NotSent, Unclear) as error:
            raise Busy(
                "result-not-fetched", "The result could not be fetched for the moment."
            ) from error
        yield fetched


def _follow(
    wire: DeadlineTransport,
    url: str,
    body: BinaryIO,
    max_bytes: int,
    within_s: float,
    vetting: UrlGuard,
) -> Download:
    until = wire.monotonic() + within_s
    for _ in range(_REDIRECTS + 1):
        request = httpx.Request("GET", vetting.read(url), headers=_HEADERS)
        left_s = until - wire.monotonic()
        with wire.exchange(request, left_s, reuse=True, vetting=vetting) as response:
            status = response.status_code
            if status in _MOVED:
                url = _next_url(request.url, response, vetting)
                continue
            if status >= 500 or status in _TRY_LATER:  # noqa: PLR2004 - the far side's trouble
                raise Busy(
                    "result-not-fetched",
                    f"The result could not be fetched for the moment (status {status}).",
                )
            if not _brings_all(response):
                ranged = status == _PARTIAL or "content-range" in response.headers
                raise _not_whole() if ranged else _gone()
            return _save(response, body, max_bytes)
    raise _gone()


def _next_url(here: httpx.URL, response: httpx.Response, vetting: UrlGuard) -> str:
    location = response.headers.get("location", "")
    if not location:
        raise _gone()
    try:
        return str(here.join(location))
    except (httpx.InvalidURL, ValueError):
        raise vetting.refusal("", "it cannot be read") from None


def _save(response: httpx.Response, body: BinaryIO, max_bytes: int) -> Download:
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    digest = hashlib.sha256()
    size = 0
    try:
        for piece in unpacked(response, max_bytes):
            size += len(piece)
            digest.update(piece)
            body.write(piece)
    except TooLargeError:
        raise _too_large(max_bytes) from None
    except PackedError as error:
        raise Busy(
            "result-packed", f"The result came packed {error}, and could not be unpacked."
        ) from error
    body.seek(0)
    media = sniff(body.read(HEAD_BYTES))
    if is_complete(body, media) is False:
        raise _not_whole()
    body.seek(0)
    return Download(body, size, digest.hexdigest(), media)


def _brings_all(response: httpx.Response) -> bool:
    """Whether the answer's head says that it brings the thing itself, from end to end."""
    told = response.headers.get("content-range")
    if told is None:
        return response.status_code in _WHOLE
    found = _RANGE.fullmatch(told)
    whole = found is not None and int(found[1]) + 1 == int(found[2])
    return whole and response.status_code in (*_WHOLE, _PARTIAL)


def _not_whole() -> Busy:
    return Busy("result-not-whole", "Only a part of the result came.")


def _gone() -> ResultGone:
    return ResultGone("result-gone", "The result is not at the address that the provider gave.")


def _too_large(max_bytes: int) -> DarkroomError:
    return DarkroomError(
        "result-too-large",
        f"The result is larger than {max_bytes / 1_000_000:.0f} MB, the most that is copied.",
        "Ask for a smaller result, for example with a smaller scale.",
    )
