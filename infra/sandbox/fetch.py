"""Fetches inputs that a request names by URL, within limits of size and time."""

import time

import httpx

from infra.sandbox.file_store import Files, MissingFileError

MAX_BYTES = 50 * 1024 * 1024
CONNECT_S = 5.0
TOTAL_S = 20.0


class FetchError(Exception):
    """The URL cannot be fetched; the message says why without repeating the URL."""


def fetch(url: str, *, own_base: str, files: Files) -> bytes:
    """Return what is behind an http(s) URL; `own_base` is where this sandbox itself answers."""
    if not url.startswith(("http://", "https://")):
        raise FetchError("only http and https URLs can be fetched")
    if url.startswith(own_base + "/"):
        # The sandbox's own files need no second request to itself, which would show in its log.
        try:
            return files.get(httpx.URL(url).path).content
        except MissingFileError as exc:
            raise FetchError(f"the URL answered {exc.status}") from exc
    deadline = time.monotonic() + TOTAL_S
    try:
        with httpx.stream("GET", url, timeout=CONNECT_S, follow_redirects=True) as answer:
            if not answer.is_success:
                raise FetchError(f"the URL answered {answer.status_code}")
            return _read(answer, deadline)
    except httpx.InvalidURL as exc:
        raise FetchError("the URL is not valid") from exc
    except httpx.HTTPError as exc:
        raise FetchError(f"the URL cannot be reached ({type(exc).__name__})") from exc


def _read(answer: httpx.Response, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > MAX_BYTES:
            raise FetchError(f"the file is larger than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise FetchError(f"the file took longer than {TOTAL_S:.0f} s")
        parts.append(part)
    return b"".join(parts)
