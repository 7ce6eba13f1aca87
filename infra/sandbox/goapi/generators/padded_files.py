"""Long files without the memory: a result's bytes, then a box of zeros made while it is sent.

An MP4 may end in a `free` box of any length, which players pass over (ISO/IEC 14496-12, 8.1.2). So
a video of a hundred megabytes is a small one and a number.
"""

from collections.abc import Iterator

from werkzeug.wrappers import Response

from infra.sandbox.context import RefusalError, RequestContext, SandboxState
from infra.sandbox.file_store import MissingFileError, StoredFile

HEAD_BYTES = 8
MAX_SHORT_BOX = 2**32 - 1
CHUNK = bytes(64 * 1024)


class Tails:
    """How many bytes of padding follow a file, by path."""

    def __init__(self) -> None:
        self._lengths: dict[str, int] = {}

    def put(self, path: str, length: int) -> None:
        """Lengthen a file by so many bytes, at least the eight of an empty box."""
        self._lengths[path] = min(max(length, HEAD_BYTES), MAX_SHORT_BOX)

    def reply(self, call: RequestContext, world: SandboxState) -> Response:
        """Answer with the file at the request's own path; no key is asked for."""
        path = call.request.path
        try:
            found = world.files.get(path)
        except MissingFileError as exc:
            raise RefusalError(exc.status, "The file does not exist or has expired.") from exc
        tail = self._lengths.get(path, 0)
        if not tail:
            return Response(found.content, mimetype=found.mime)
        response = Response(_parts(found, tail), mimetype=found.mime)
        response.headers["Content-Length"] = str(len(found.content) + tail)
        return response


def _parts(file: StoredFile, tail: int) -> Iterator[bytes]:
    yield file.content
    yield tail.to_bytes(4, "big") + b"free"
    left = tail - HEAD_BYTES
    while left > 0:
        yield CHUNK[:left]
        left -= len(CHUNK)
