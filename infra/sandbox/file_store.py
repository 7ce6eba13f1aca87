"""The files a sandbox hands out: results and uploads, each with its end of life.

They live in memory. When they grow past `max_bytes` the oldest are dropped and answer as gone,
so that a sandbox that stays up for days does not fill the machine.
"""

import threading
from dataclasses import dataclass

from infra.sandbox.clock import Clock

NOT_FOUND = 404


class MissingFileError(Exception):
    """No such file, or no longer; `status` is what the caller is told."""

    def __init__(self, status: int = NOT_FOUND) -> None:
        super().__init__(f"the file is not here ({status})")
        self.status = status


@dataclass(frozen=True)
class StoredFile:
    """Bytes with their type; `expires_at` in sandbox seconds, `gone` the status that hides them."""

    content: bytes
    mime: str
    expires_at: float
    gone: int | None = None


class Files:
    """Files by path (`/outputs/x.png`)."""

    def __init__(self, clock: Clock, *, max_bytes: int = 512 * 1024 * 1024) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._files: dict[str, StoredFile] = {}
        self._size = 0
        self._lock = threading.Lock()

    def put(
        self, path: str, content: bytes, mime: str, *, lifetime_s: float, gone: int | None = None
    ) -> None:
        """Keep a file for `lifetime_s`; with `gone` it never answers but with that status."""
        with self._lock:
            self._files[path] = StoredFile(content, mime, self._clock.now() + lifetime_s, gone)
            self._size += len(content)
            while self._size > self._max_bytes and len(self._files) > 1:
                oldest = next(iter(self._files))
                self._size -= len(self._files.pop(oldest).content)

    def get(self, path: str) -> StoredFile:
        """Return a file that is there and has not expired, or raise `MissingFileError`."""
        with self._lock:
            found = self._files.get(path)
        if found is None or found.expires_at <= self._clock.now():
            raise MissingFileError
        if found.gone is not None:
            raise MissingFileError(found.gone)
        return found
