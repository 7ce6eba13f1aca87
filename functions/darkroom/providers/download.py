"""A result on its way from a provider's URL into a temporary file, in constant memory.

Sends no credentials to wherever the URL leads. Whether the file is what it should be is for
whoever delivers it; here its bytes are counted, hashed and its first ones looked at.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import httpx

from darkroom.errors import Busy, DarkroomError, NotSent, ResultGone, Unclear
from darkroom.media import HEAD_BYTES, sniff
from darkroom.ports import Fetched
from darkroom.providers.wire import Wire

_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "darkroom"}
_REDIRECTS = 3
_SPOOL_BYTES = 1024 * 1024
_TRY_LATER = frozenset({408, 425, 429})
_MOVED = frozenset({301, 302, 303, 307, 308})


@contextmanager
def download(wire: Wire, url: str, max_bytes: int, within_s: float) -> Iterator[Fetched]:
    """The result behind `url`, following at most three redirects.

    Args:
        wire: the network.
        url: http or https.
        max_bytes: size limit of the result.
        within_s: seconds for each request of the way.

    Raises:
        ResultGone: the URL answers, but no longer with the result.
        Busy: the network or the far side fails for the moment; the call may be repeated.
        DarkroomError: the result is larger than `max_bytes` (`result-too-large`).
    """
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        body = cast("BinaryIO", spool)
        try:
            fetched = _follow(wire, url, body, max_bytes, within_s)
        except (NotSent, Unclear) as error:
            raise Busy(
                "result-not-fetched", "The result could not be fetched for the moment."
            ) from error
        yield fetched


def _follow(wire: Wire, url: str, body: BinaryIO, max_bytes: int, within_s: float) -> Fetched:
    for _ in range(_REDIRECTS + 1):
        try:
            request = httpx.Request("GET", url, headers=_HEADERS)
        except (httpx.InvalidURL, ValueError):
            raise _gone() from None  # its message may show the signed URL
        if request.url.scheme not in {"http", "https"} or not request.url.host:
            raise _gone()
        with wire.exchange(request, within_s, reuse=True) as response:
            status = response.status_code
            if status in _MOVED:
                url = _next_url(request.url, response)
                continue
            if status >= 500 or status in _TRY_LATER:  # noqa: PLR2004 - the far side's trouble
                raise Busy(
                    "result-not-fetched",
                    f"The result could not be fetched for the moment (status {status}).",
                )
            if not response.is_success:
                raise _gone()
            return _save(response, body, max_bytes)
    raise _gone()


def _next_url(here: httpx.URL, response: httpx.Response) -> str:
    location = response.headers.get("location", "")
    try:
        return str(here.join(location)) if location else ""
    except httpx.InvalidURL:
        raise _gone() from None


def _save(response: httpx.Response, body: BinaryIO, max_bytes: int) -> Fetched:
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    digest = hashlib.sha256()
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        digest.update(chunk)
        body.write(chunk)
    body.seek(0)
    media = sniff(body.read(HEAD_BYTES))
    body.seek(0)
    return Fetched(body, size, digest.hexdigest(), media)


def _gone() -> ResultGone:
    return ResultGone("result-gone", "The provider no longer has the result at its address.")


def _too_large(max_bytes: int) -> DarkroomError:
    return DarkroomError(
        "result-too-large",
        f"The result is larger than {max_bytes / 1_000_000:.0f} MB, the most that is copied.",
        "Ask for a smaller result, for example with a smaller scale.",
    )
