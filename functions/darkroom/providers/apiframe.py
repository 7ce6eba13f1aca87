"""Apiframe: files are uploaded first, a job is made, and the job is asked until it ends.

Facts are those of the vendor's pages (/docs/image-edits, /docs/jobs, /docs/uploads) and of its
OpenAPI document (API v2). Pure: no network, no clock.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, Literal
from urllib.parse import quote

from darkroom.attempt import Charged, Finished, ResultRef
from darkroom.errors import DarkroomError, Throttled, Unclear
from darkroom.providers import reading
from darkroom.providers.apiframe_routes import ENDPOINTS, NAME
from darkroom.providers.protocol import Adapter, Answer, FilePart, InputFiles, Request
from darkroom.routes import Route, Tariff
from darkroom.work import Accepted, JobFailed, Pending, Work

_CALLS: Final = {(route.operation, route.model): endpoint for route, endpoint in ENDPOINTS}

# The page on image edits names the first four; the OpenAPI document adds CANCELLED.
_WORDS: Final[Mapping[str, Literal["pending", "finished", "failed"]]] = {
    "QUEUED": "pending",
    "PROCESSING": "pending",
    "COMPLETED": "finished",
    "FAILED": "failed",
    "CANCELLED": "failed",
}


class Apiframe(Adapter):
    """The adapter. A paid call carries a key, so the same request can be sent again safely."""

    name = NAME
    label = "Apiframe"
    base_urls = ("https://api.apiframe.ai",)
    # The vendor prices jobs in credits and its pages that can be read name no price of a credit.
    tariff = Tariff(None, "2026-11-21", "apiframe.ai/docs/image-edits")
    routes: Sequence[Route] = tuple(route for route, _ in ENDPOINTS)
    credential_names: tuple[str, ...] = ("api_key",)

    def authorize(
        self,
        credentials: Mapping[str, str],
        now_ms: int,  # noqa: ARG002 - a key is the same at any time
    ) -> Generator[Request, Answer, Mapping[str, str]]:
        """The key's own header."""
        yield from ()
        return {"X-API-Key": credentials["api_key"]}

    def prepare(
        self,
        work: Work,
        files: InputFiles,  # noqa: ARG002 - the driver has checked them
    ) -> Generator[Request, Answer, Request]:
        """Uploads every file, free of charge; the job then names them by URL."""
        endpoint = _CALLS[work.route.operation, work.route.model]
        params: dict[str, Any] = {}
        for role in work.route.roles:
            for file in work.inputs.get(role, ()):
                answer = yield Request("POST", "/v2/uploads", files=(FilePart("file", file),))
                if not answer.ok:
                    raise self.refuse(answer)
                params[role] = reading.as_url(reading.as_object(answer.json()).get("url"))
        params |= endpoint.fixed
        params |= work.params.sent()
        return Request(
            "POST",
            endpoint.path,
            json={"model": work.route.model, endpoint.group: params},
            headers={"Idempotency-Key": f"{work.task_id}-{work.attempt}"},
        )

    def read_submit(
        self,
        work: Work,  # noqa: ARG002 - every route answers alike
        answer: Answer,
    ) -> Accepted | Finished:
        """The job that was made, or that the key already named."""
        return Accepted(reading.as_text(reading.as_object(answer.json()).get("jobId")))

    def poll(
        self,
        route: Route,
        job_id: str,
    ) -> Generator[Request, Answer, Pending | Finished | JobFailed]:
        """How the job stands. A job that this key may not see, or that is gone, is lost."""
        answer = yield Request("GET", f"/v2/jobs/{quote(job_id, safe='')}")
        if answer.status == 404:  # noqa: PLR2004 - documented as: unknown, or another user's
            return JobFailed("job-lost", f"{self.label} no longer knows the job.", "unknown")
        if not answer.ok:
            raise self.refuse(answer)
        job = reading.as_object(answer.json())
        word = reading.as_text(job.get("status")).strip().upper()
        match _WORDS.get(word, "pending"):
            case "pending":
                return Pending(reading.progress_of(job.get("progress")))
            case "finished":
                return Finished(
                    _images(job.get("result")), reading.credits_of(job.get("creditCost"))
                )
            case "failed":
                return _failed(self.label, route, word, job)

    def refuse(self, answer: Answer) -> DarkroomError:
        """By status; 409 and 503 mean something of their own here."""
        if answer.status == 409:  # noqa: PLR2004 - the key was used before, with another body
            return Unclear(
                "key-conflict",
                f"{self.label} already has another request under this attempt's key.",
                f"Look in the jobs of the account at {self.label} before trying again.",
            )
        if answer.status == 503:  # noqa: PLR2004 - documented as: the job queue is down
            return Throttled(
                "provider-unavailable",
                f"{self.label} takes no jobs at the moment.",
                retry_after_s=answer.retry_after_s(),
            )
        return reading.refusal(self.label, answer.status, _message(answer), answer.retry_after_s())


def _images(result: object) -> tuple[ResultRef, ...]:
    """`{"images": [...]}` by the page; older pages and clients show `image`, or the bare URL."""
    if isinstance(result, str):
        urls: list[Any] = [result]
    else:
        found = reading.as_object(result)
        urls = list(reading.as_list(found.get("images", [found.get("image")])))
    if not urls:
        raise reading.unreadable()
    return tuple(ResultRef("image", url=reading.as_url(url)) for url in urls)


def _failed(label: str, route: Route, word: str, job: Mapping[str, Any]) -> JobFailed:
    if word == "CANCELLED":
        # Refunds are promised for failed jobs only; the job itself says what it cost in the end.
        refunded = reading.credits_of(job.get("creditCost")) == 0
        charged: Charged = "no" if refunded else "unknown"
        return JobFailed("job-cancelled", f"The job was cancelled at {label}.", charged)
    return reading.job_failed(label, job.get("error"), route.charged_on_failure)


def _message(answer: Answer) -> str:
    """The provider's own words: `error`, and the first of the `details` with its place."""
    body = reading.complaint_of(answer)
    said = body.get("error")
    words = [said] if isinstance(said, str) else []
    details = body.get("details")
    if isinstance(details, dict):
        for place, faults in details.items():
            if isinstance(faults, list) and faults and isinstance(faults[0], str):
                words.append(f"{place}: {faults[0]}")
                break
    return reading.quotable("; ".join(words))
