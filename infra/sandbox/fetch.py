"""Fetches an input file by its URL, within limits of size and time."""

import time

import httpx

from infra.sandbox.file_store import FileStore, MissingFileError

MAX_BYTES = 50 * 1024 * 1024
CONNECT_S = 5.0
TOTAL_S = 20.0


class FetchError(Exception):
    """The URL cannot be fetched; the message gives the reason and does not repeat the URL."""


def fetch(url: str, *, own_base: str, files: FileStore) -> bytes:
    """Return the content of an http(s) URL; `own_base` is the base URL of this sandbox."""
    if not url.startswith(("http://", "https://")):
        raise FetchError("only http and https URLs can be fetched")
    if url.startswith(own_base + "/"):
        # Its own files are read directly: a request to itself would appear in the request log.
        try:
            return files.get(httpx.URL(url).path).content
        except MissingFileError as exc:
            raise FetchError(f"the URL answered {exc.status}") from exc
    deadline = time.monotonic() + TOTAL_S
    try:
        with httpx.stream("GET", url, timeout=CONNECT_S, follow_redirects=True) as response:
            if not response.is_success:
                raise FetchError(f"the URL answered {response.status_code}")
            return _read(response, deadline)
    except httpx.InvalidURL as exc:
        raise FetchError("the URL is not valid") from exc
    except httpx.HTTPError as exc:
        raise FetchError(f"the URL cannot be reached ({type(exc).__name__})") from exc


def _read(response: httpx.Response, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_bytes():
        size += len(part)
        if size > MAX_BYTES:
            raise FetchError(f"the file is larger than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise FetchError(f"the file took longer than {TOTAL_S:.0f} s")
        parts.append(part)
    return b"".join(parts)
