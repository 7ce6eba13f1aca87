"""Downloads a result from a provider's URL into a temporary file, in constant memory.

No credentials are sent, and `url_guard` vets the URL and every redirect. The body is decoded,
counted and hashed; its first bytes give the format, and its last ones show whether it is complete.
An incomplete file is not a result. Whether it is the expected kind of file is decided by DELIVER.
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
from darkroom.providers.engine.content_codings import DecodingError, TooLargeError, decode_content
from darkroom.providers.engine.transport import DeadlineTransport
from darkroom.providers.engine.url_guard import UrlGuard

_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "darkroom"}
_MAX_REDIRECTS = 3
_SPOOL_BYTES = 1024 * 1024
_TRY_LATER = frozenset({408, 425, 429})
_MOVED = frozenset({301, 302, 303, 307, 308})
_COMPLETE = frozenset({200, 203})
"""The 2xx statuses whose body is the requested file."""
_PARTIAL = 206
_RANGE = re.compile(r"\s*bytes\s+0-(\d{1,18})/(\d{1,18})\s*", re.IGNORECASE)


@contextmanager
def download(
    transport: DeadlineTransport,
    url: str,
    max_bytes: int,
    timeout_s: float,
    *,
    allow_loopback: bool = False,
) -> Iterator[Download]:
    """The result at `url`, after at most three redirects.

    Args:
        transport: the network.
        url: as the provider gave it.
        max_bytes: size limit of the decoded result.
        timeout_s: seconds for everything, redirects included.
        allow_loopback: whether results may be on this machine, as the sandboxes' are.

    Raises:
        ResultGone: the URL responds, but without the result: not yet, or no longer.
        Busy: the network or the server fails for the moment (`result-not-fetched`), only a part of
            the result came (`result-not-whole`), or it is compressed in a way that cannot be
            decoded (`result-packed`).
        DarkroomError: the URL or a redirect is refused (`result-address-refused`), or the result
            is larger than `max_bytes` (`result-too-large`).
    """
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        body = cast("BinaryIO", spool)
        try:
            fetched = _follow(
                transport,
                url,
                body,
                max_bytes,
                timeout_s,
                UrlGuard("result", allow_loopback=allow_loopback),
            )
        except (NotSent, Unclear) as error:
            raise Busy(
                "result-not-fetched", "The result could not be fetched for the moment."
            ) from error
        yield fetched


def _follow(
    transport: DeadlineTransport,
    url: str,
    body: BinaryIO,
    max_bytes: int,
    timeout_s: float,
    guard: UrlGuard,
) -> Download:
    until = transport.monotonic() + timeout_s
    for _ in range(_MAX_REDIRECTS + 1):
        request = httpx.Request("GET", guard.parse(url), headers=_HEADERS)
        left_s = until - transport.monotonic()
        with transport.exchange(request, left_s, reuse=True, guard=guard) as response:
            status = response.status_code
            if status in _MOVED:
                url = _next_url(request.url, response, guard)
                continue
            if status >= 500 or status in _TRY_LATER:  # noqa: PLR2004 - the server's errors
                raise Busy(
                    "result-not-fetched",
                    f"The result could not be fetched for the moment (status {status}).",
                )
            if not _is_complete_response(response):
                ranged = status == _PARTIAL or "content-range" in response.headers
                raise _incomplete() if ranged else _gone()
            return _save(response, body, max_bytes)
    raise _gone()


def _next_url(base: httpx.URL, response: httpx.Response, guard: UrlGuard) -> str:
    location = response.headers.get("location", "")
    if not location:
        raise _gone()
    try:
        return str(base.join(location))
    except (httpx.InvalidURL, ValueError):
        raise guard.refusal("", "it cannot be read") from None


def _save(response: httpx.Response, body: BinaryIO, max_bytes: int) -> Download:
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    digest = hashlib.sha256()
    size = 0
    try:
        for chunk in decode_content(response, max_bytes):
            size += len(chunk)
            digest.update(chunk)
            body.write(chunk)
    except TooLargeError:
        raise _too_large(max_bytes) from None
    except DecodingError as error:
        raise Busy(
            "result-packed", f"The result came compressed {error} and could not be decompressed."
        ) from error
    body.seek(0)
    media = sniff(body.read(HEAD_BYTES))
    if is_complete(body, media) is False:
        raise _incomplete()
    body.seek(0)
    return Download(body, size, digest.hexdigest(), media)


def _is_complete_response(response: httpx.Response) -> bool:
    """Whether status and headers promise the whole file; a range of all of it counts."""
    content_range = response.headers.get("content-range")
    if content_range is None:
        return response.status_code in _COMPLETE
    found = _RANGE.fullmatch(content_range)
    whole = found is not None and int(found[1]) + 1 == int(found[2])
    return whole and response.status_code in (*_COMPLETE, _PARTIAL)


def _incomplete() -> Busy:
    return Busy("result-not-whole", "Only a part of the result came.")


def _gone() -> ResultGone:
    return ResultGone("result-gone", "The result is not at the address that the provider gave.")


def _too_large(max_bytes: int) -> DarkroomError:
    return DarkroomError(
        "result-too-large",
        f"The result is larger than {max_bytes / 1_000_000:.0f} MB, the most that is copied.",
        "Ask for a smaller result, for example with a smaller scale.",
    )
