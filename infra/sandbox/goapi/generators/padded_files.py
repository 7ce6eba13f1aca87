"""Large result files without the memory for them: zeros are appended while the file is sent.

An MP4 may end in a `free` box of any length, which players skip (ISO/IEC 14496-12, 8.1.2). So a
video of a hundred megabytes is stored as a small one and a number.
"""

from collections.abc import Iterator

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.file_store import MissingFileError, StoredFile
from infra.sandbox.provider import RefusalError

HEAD_BYTES = 8
MAX_SHORT_BOX = 2**32 - 1
CHUNK = bytes(64 * 1024)


class PaddedFiles:
    """The bytes of padding that follow a file, by path."""

    def __init__(self) -> None:
        self._lengths: dict[str, int] = {}

    def put(self, path: str, length: int) -> None:
        """Append `length` bytes to a file, at least the eight of an empty box."""
        self._lengths[path] = min(max(length, HEAD_BYTES), MAX_SHORT_BOX)

    def reply(self, ctx: RequestContext, state: SandboxState) -> Response:
        """Respond with the file at the request's path; no key is needed."""
        path = ctx.request.path
        try:
            found = state.files.get(path)
        except MissingFileError as exc:
            raise RefusalError(exc.status, "The file does not exist or has expired.") from exc
        padding = self._lengths.get(path, 0)
        if not padding:
            return Response(found.content, mimetype=found.mime)
        response = Response(_parts(found, padding), mimetype=found.mime)
        response.headers["Content-Length"] = str(len(found.content) + padding)
        return response


def _parts(file: StoredFile, padding: int) -> Iterator[bytes]:
    yield file.content
    yield padding.to_bytes(4, "big") + b"free"
    left = padding - HEAD_BYTES
    while left > 0:
        yield CHUNK[:left]
        left -= len(CHUNK)
