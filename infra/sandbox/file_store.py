"""The files of a sandbox, in memory: results and uploads, each with an expiry.

Beyond `max_bytes` the oldest files are dropped and respond as missing, so that a sandbox can run
for days without filling the memory.
"""

import threading
from dataclasses import dataclass

from infra.sandbox.clock import Clock

NOT_FOUND = 404


class MissingFileError(Exception):
    """The file does not exist or has expired; `status` is the HTTP status for the client."""

    def __init__(self, status: int = NOT_FOUND) -> None:
        super().__init__(f"the file is not here ({status})")
        self.status = status


@dataclass(frozen=True)
class StoredFile:
    """A file; `expires_at` is in sandbox seconds, `gone_status` a status to respond instead."""

    content: bytes
    mime: str
    expires_at: float
    gone_status: int | None = None


class FileStore:
    """Files by path, such as `/outputs/x.png`."""

    def __init__(self, clock: Clock, *, max_bytes: int = 512 * 1024 * 1024) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._files: dict[str, StoredFile] = {}
        self._size = 0
        self._lock = threading.Lock()

    def put(
        self,
        path: str,
        content: bytes,
        mime: str,
        *,
        lifetime_s: float,
        gone_status: int | None = None,
    ) -> None:
        """Store a file for `lifetime_s`; with `gone_status` it always responds with that status."""
        with self._lock:
            self._files[path] = StoredFile(
                content, mime, self._clock.now() + lifetime_s, gone_status
            )
            self._size += len(content)
            while self._size > self._max_bytes and len(self._files) > 1:
                oldest = next(iter(self._files))
                self._size -= len(self._files.pop(oldest).content)

    def get(self, path: str) -> StoredFile:
        """Return a file that has not expired, or raise `MissingFileError`."""
        with self._lock:
            found = self._files.get(path)
        if found is None or found.expires_at <= self._clock.now():
            raise MissingFileError
        if found.gone_status is not None:
            raise MissingFileError(found.gone_status)
        return found
