"""Apiframe: files are uploaded first, a job is made, and the job is asked until it ends.

Facts are those of the vendor's pages (/docs/image-edits, /docs/jobs, /docs/uploads) and of its
OpenAPI document (API v2). Pure: no network, no clock.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from darkroom.domain.attempt import Charged, Finished, ResultRef
from darkroom.domain.errors import DarkroomError
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.routes import Route, Tariff
from darkroom.providers import http_statuses, result_forms, untrusted_json
from darkroom.providers.adapter import Adapter, Answer, FilePart, InputFiles, Request
from darkroom.providers.apiframe.routes import ENDPOINTS, NAME
from darkroom.providers.http_statuses import Meaning
from darkroom.providers.job_words import Words, standing_of

_CALLS: Final = {(route.operation, route.model): endpoint for route, endpoint in ENDPOINTS}

# The page on image edits names the first four; the OpenAPI document adds the last.
_WORDS: Final[Words] = {
    "queued": "pending",
    "processing": "pending",
    "completed": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
}

# Statuses that mean something of their own here. Its answers have no code beside HTTP's: `error` is
# a plain text, and "adapters must branch on the status".
_STATUSES: Final[Mapping[int, Meaning]] = {
    409: Meaning(
        "unclear",
        "the vendor's SDK (src/errors.ts): the key was used before, with another body",
        "key-conflict",
        "{who} already has another request under this attempt's key.",
        "Look in the jobs of the account at {who} before trying again.",
    ),
    503: Meaning(
        "later",
        "/docs/image-edits and the OpenAPI document: the job queue is down",
        "provider-unavailable",
        "{who} takes no jobs at the moment.",
    ),
}

# Where the pictures are: `images` by the page, the others in older pages and clients. A `gridUrl`
# is a picture of pictures.
_PLACES: Final = ("images", "image", "url", "imageUrl", "image_url")


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
        work: JobRequest,
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
                params[role] = untrusted_json.as_url(
                    untrusted_json.as_object(answer.json()).get("url")
                )
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
        work: JobRequest,  # noqa: ARG002 - every route answers alike
        answer: Answer,
    ) -> Accepted | Finished:
        """The job that was made, or that the key already named."""
        body = untrusted_json.as_object(answer.json())
        named = body.get("jobId")
        return Accepted(untrusted_json.as_id(body.get("id") if named in (None, "") else named))

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
        job = untrusted_json.as_object(answer.json())
        standing = standing_of(job.get("status"), _WORDS)
        match standing.state:
            case "pending":
                return Pending(untrusted_json.progress_of(job.get("progress")), note=standing.note)
            case "finished":
                return Finished(
                    _images(job.get("result")), untrusted_json.credits_of(job.get("creditCost"))
                )
            case "failed" | "cancelled":
                return _failed(self.label, route, standing.state, job)

    def refuse(self, answer: Answer) -> DarkroomError:
        """By status; some mean something of their own here."""
        means = _STATUSES.get(answer.status) or http_statuses.meaning_of(answer.status)
        return http_statuses.error_of(
            self.label,
            means,
            status=answer.status,
            said=_message(answer),
            retry_after_s=answer.retry_after_s(),
        )


def _images(result: object) -> tuple[ResultRef, ...]:
    """`{"images": [...]}` by the page; older pages and clients show `image`, or the bare URL."""
    if isinstance(result, dict):
        found = (result_forms.refs_of(result.get(place), "image") for place in _PLACES)
        return result_forms.need(next(filter(None, found), ()))
    return result_forms.need(result_forms.refs_of(result, "image"))


def _failed(label: str, route: Route, state: str, job: Mapping[str, Any]) -> JobFailed:
    if state == "cancelled":
        # Refunds are promised for failed jobs only; the job itself says what it cost in the end.
        refunded = untrusted_json.credits_of(job.get("creditCost")) == 0
        charged: Charged = "no" if refunded else "unknown"
        return JobFailed("job-cancelled", f"The job was cancelled at {label}.", charged)
    return untrusted_json.job_failed(label, job.get("error"), route.charged_on_failure)


def _message(answer: Answer) -> str:
    """The provider's own words: `error`, and the first of the `details` with its place."""
    body = untrusted_json.complaint_of(answer)
    said = untrusted_json.words_of(body.get("error"))
    words = [said[: untrusted_json.LOOKED_AT]] if said else []
    details = body.get("details")
    if isinstance(details, dict):
        for place, faults in details.items():
            if isinstance(faults, list) and faults and isinstance(faults[0], str):
                words.append(
                    f"{place[: untrusted_json.QUOTED]}: {faults[0][: untrusted_json.QUOTED]}"
                )
                break
    return untrusted_json.quotable("; ".join(words))
