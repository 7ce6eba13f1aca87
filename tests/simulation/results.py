"""Results at their URLs: available at once, late, cut short, or gone.

A URL is valid for an hour; polling the job again brings a new one. Some results are not available
yet when the job is reported as done: their URL answers 404 for seconds or minutes.
"""

import hashlib
import io
import zlib
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import Busy, DarkroomError, ResultGone
from darkroom.domain.media import PNG as PNG_MEDIA
from darkroom.domain.provider_jobs import Download
from tests.simulation.fault_injection import FaultInjector
from tests.simulation.ledger import Job

PNG: Final = b"\x89PNG\r\n\x1a\n"
SECRET: Final = "signature=secret"
URL_S: Final = 3600.0


class ResultStore:
    """The results of all jobs."""

    def __init__(self, injector: FaultInjector) -> None:
        self._injector = injector
        self._bodies: dict[str, tuple[bytes, float, Job]] = {}

    def finished(self, job: Job) -> Finished:
        """The results of a job, at new URLs."""
        reported = job.amount if job.price_reported else None
        if job.data:
            return Finished((ResultRef("text", data=job.data),), reported)
        refs = []
        for number in range(job.results):
            url = f"https://{job.work.route.provider}.example/{len(self._bodies)}?{SECRET}"
            wrong_kind = job.wrong_kind and number == job.results - 1
            body = b"<html>" if wrong_kind else build_png(f"{job.job_id}-{number}")
            self._bodies[url] = (body, self._injector.scheduler.now + URL_S, job)
            refs.append(ResultRef("image", url))
        return Finished(tuple(refs), reported, {"boxes": [1, 2]})

    def fetch(self, url: str, max_bytes: int) -> AbstractContextManager[Download]:
        """Download a result."""
        kind = self._injector.before_call("providers.fetch", 0.1)
        body, until, job = self._bodies[url]
        now = self._injector.scheduler.now
        if kind in ("result-unreachable", "answer-lost"):
            raise Busy("result-unreachable", "The result's address does not answer.")
        if kind == "result-gone" or now > until:
            self._bodies[url] = (b"", 0.0, job)
            job.results_gone += 1
            raise ResultGone("result-gone", "The provider no longer has the result.")
        if now < job.available_at:
            raise ResultGone("result-gone", "There is nothing at the result's address.")
        if job.size > max_bytes:
            raise DarkroomError("result-too-large", "The result is too large.")
        if kind == "result-cut":
            raise Busy("result-cut", "The result broke off.")
        self._injector.after_call(kind)
        media = PNG_MEDIA if body.startswith(PNG) else None
        digest = hashlib.sha256(body).hexdigest()
        return nullcontext(Download(io.BytesIO(body), len(body), digest, media))


def build_png(name: str) -> bytes:
    """A whole PNG of one pixel with a title (W3C PNG, 5 and 11.3.4.3)."""
    return b"".join((*_HEAD, _chunk(b"tEXt", b"Title\0" + name.encode()), _END))


def read_title(body: bytes) -> str | None:
    """The title of a whole PNG, or None."""
    _, found, rest = body.partition(b"tEXtTitle\0")
    return rest[: rest.rindex(_END) - 4].decode() if found and body.endswith(_END) else None


def _chunk(kind: bytes, data: bytes) -> bytes:
    length, check = len(data).to_bytes(4, "big"), zlib.crc32(kind + data).to_bytes(4, "big")
    return length + kind + data + check


_HEAD: Final = (
    PNG,
    _chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0"),
    _chunk(b"IDAT", zlib.compress(b"\0\0")),
)
_END: Final = _chunk(b"IEND", b"")
