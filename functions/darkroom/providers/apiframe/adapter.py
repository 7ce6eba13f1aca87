"""Apiframe: files are uploaded, one paid call creates a job, and the job is polled to its end.

Facts are those of the vendor's pages (/docs/image-edits, /docs/jobs, /docs/uploads) and of its
OpenAPI document (API v2). Pure: no network, no clock.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from darkroom.domain.attempt import Charged, Finished, ResultRef
from darkroom.domain.errors import DarkroomError
from darkroom.domain.prices import Balance
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending
from darkroom.domain.routes import Route, Tariff
from darkroom.domain.vendor_history import HistoryPage
from darkroom.providers import http_statuses, json_fields, result_refs
from darkroom.providers.adapter import Adapter, FilePart, InputFiles, Request, Response
from darkroom.providers.apiframe.history import page_request, read_history
from darkroom.providers.apiframe.params import Upscale
from darkroom.providers.apiframe.routes import ENDPOINTS, NAME
from darkroom.providers.http_statuses import Meaning
from darkroom.providers.job_status import StatusWords, read_job_status

_ENDPOINTS: Final = {(route.operation, route.model): endpoint for route, endpoint in ENDPOINTS}

# The page on image edits names the first four; the OpenAPI document adds the last.
_STATUS_WORDS: Final[StatusWords] = {
    "queued": "pending",
    "processing": "pending",
    "completed": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
}

# Statuses with a meaning of their own here. Error responses have no code beside HTTP's: `error` is
# a plain text, and "adapters must branch on the status".
_STATUSES: Final[Mapping[int, Meaning]] = {
    409: Meaning(
        "unclear",
        "the vendor's SDK (src/errors.ts): the key was used before, with another body",
        "key-conflict",
        "{provider} already has another request under this attempt's key.",
        "Look in the jobs of the account at {provider} before trying again.",
    ),
    503: Meaning(
        "later",
        "/docs/image-edits and the OpenAPI document: the job queue is down",
        "provider-unavailable",
        "{provider} accepts no jobs at the moment.",
    ),
}

_CONTENT_REFUSED: Final = Meaning(
    "refused",
    "the same words in a refusal",
    "content-refused",
    "{provider} refused the content{quote}.",
    "Use another picture, or ask for something else.",
)

# In a failed job's `error`: the page on jobs shows "Provider returned an error: content policy
# violation". It does not say whether the picture or the text was meant.
_CONTENT_WORDS: Final = ("content policy violation",)

# Fields with the images: `images` by the page, the others in older pages and clients. A `gridUrl`
# is an overview of several images, not a result.
_RESULT_FIELDS: Final = ("images", "image", "url", "imageUrl", "image_url")


class Apiframe(Adapter):
    """The adapter. A paid call carries a key, so the same request can be sent again safely."""

    name = NAME
    label = "Apiframe"
    base_urls = ("https://api.apiframe.ai",)
    # The vendor prices jobs in credits, and its public pages do not price a credit.
    tariff = Tariff(None, "2026-11-21", "apiframe.ai/docs/image-edits")
    routes: Sequence[Route] = tuple(route for route, _ in ENDPOINTS)
    credential_names: tuple[str, ...] = ("api_key",)
    key_prefix = "afk_"

    def authorize(
        self,
        credentials: Mapping[str, str],
        now_ms: int,  # noqa: ARG002 - the key is not signed
    ) -> Generator[Request, Response, Mapping[str, str]]:
        """The header with the key."""
        yield from ()
        return {"X-API-Key": credentials["api_key"]}

    def prepare(
        self,
        job_request: JobRequest,
        files: InputFiles,
    ) -> Generator[Request, Response, Request]:
        """Upload every file, free of charge; the paid call names them by URL."""
        endpoint = _ENDPOINTS[job_request.route.operation, job_request.route.model]
        params: dict[str, Any] = {}
        for role in job_request.route.roles:
            for file in job_request.inputs.get(role, ()):
                response = yield Request("POST", "/v2/uploads", files=(FilePart("file", file),))
                if not response.ok:
                    raise self.read_error(response)
                params[role] = json_fields.as_url(json_fields.as_object(response.json()).get("url"))
        params |= endpoint.fixed
        params |= job_request.params.to_provider()
        if isinstance(job_request.params, Upscale) and "output_format" not in params:
            sources = job_request.inputs.get("image", ())
            if any(files.has_alpha(file) for file in sources):
                params["output_format"] = "png"
        return Request(
            "POST",
            endpoint.path,
            json={"model": job_request.route.model, endpoint.group: params},
            headers={"Idempotency-Key": f"{job_request.task_id}-{job_request.attempt}"},
        )

    def read_submit(
        self,
        job_request: JobRequest,  # noqa: ARG002 - all routes have the same response
        response: Response,
    ) -> Accepted | Finished:
        """The new job, or the one that the idempotency key had already created."""
        body = json_fields.as_object(response.json())
        job_id = body.get("jobId")
        return Accepted(json_fields.as_id(body.get("id") if job_id in (None, "") else job_id))

    def poll(
        self,
        route: Route,
        job_id: str,
    ) -> Generator[Request, Response, Pending | Finished | JobFailed]:
        """The job's status. A job that is gone, or belongs to another key, is lost."""
        response = yield Request("GET", f"/v2/jobs/{quote(job_id, safe='')}")
        if response.status == 404:  # noqa: PLR2004 - documented as unknown, or another user's
            return JobFailed("job-lost", f"{self.label} no longer knows the job.", "unknown")
        if not response.ok:
            raise self.read_error(response)
        job = json_fields.as_object(response.json())
        status = read_job_status(job.get("status"), _STATUS_WORDS)
        match status.state:
            case "pending":
                return Pending(json_fields.progress_or_none(job.get("progress")), note=status.note)
            case "finished":
                return Finished(
                    _images(job.get("result")),
                    json_fields.credits_or_none(job.get("creditCost")),
                )
            case "failed" | "cancelled":
                return _failed(self.label, route, status.state, job)

    def balance(self) -> Generator[Request, Response, Balance]:
        """The credits of the team that the key belongs to; /v2/me may name none."""
        response = yield Request("GET", "/v2/me")
        if not response.ok:
            raise self.read_error(response)
        team = json_fields.as_object(response.json()).get("team")
        if team is None:
            return Balance(None, note="the key belongs to no team, and credits belong to teams")
        described = json_fields.as_object(team)
        credits_ = json_fields.credits_or_none(described.get("credits"))
        if credits_ is None:
            raise json_fields.unreadable_response()
        plan = json_fields.quotable(described.get("plan"))
        return Balance(credits_, note=f"plan {plan}" if plan else "")

    def history(
        self,
        since_s: int,  # noqa: ARG002 - the vendor has no filter for it
        after: str,
    ) -> Generator[Request, Response, HistoryPage]:
        """A page of the jobs that the key's user has made."""
        response = yield page_request(after)
        if not response.ok:
            raise self.read_error(response)
        return read_history(response, _STATUS_WORDS)

    def read_error(self, response: Response) -> DarkroomError:
        """By status; some have a meaning of their own here."""
        meaning = _STATUSES.get(response.status) or http_statuses.meaning_of(response.status)
        quote = _message(response)
        if meaning.verdict == "refused" and json_fields.contains([quote], _CONTENT_WORDS):
            meaning = _CONTENT_REFUSED
        return http_statuses.error_for(
            self.label,
            meaning,
            status=response.status,
            quote=quote,
            retry_after_s=response.retry_after_s(),
        )


def _images(result: object) -> tuple[ResultRef, ...]:
    """`{"images": [...]}` by the page; older pages and clients show `image` or a bare URL."""
    if isinstance(result, dict):
        found = (result_refs.find_results(result.get(place), "image") for place in _RESULT_FIELDS)
        return result_refs.require_results(next(filter(None, found), ()))
    return result_refs.require_results(result_refs.find_results(result, "image"))


def _failed(label: str, route: Route, state: str, job: Mapping[str, Any]) -> JobFailed:
    if state == "cancelled":
        # Refunds are promised for failed jobs only; the job's own cost decides.
        refunded = json_fields.credits_or_none(job.get("creditCost")) == 0
        charged: Charged = "no" if refunded else "unknown"
        return JobFailed("job-cancelled", f"The job was cancelled at {label}.", charged)
    error = job.get("error")
    if json_fields.contains([error], _CONTENT_WORDS):
        return json_fields.content_refused(label, error, route.charged_on_failure)
    return json_fields.job_failed(label, error, route.charged_on_failure)


def _message(response: Response) -> str:
    """The provider's own words: `error`, and the first of the `details` with its field."""
    body = json_fields.error_body(response)
    error = json_fields.find_text(body.get("error"))
    words = [error[: json_fields.MAX_TEXT_READ]] if error else []
    details = body.get("details")
    if isinstance(details, dict):
        for field, errors in details.items():
            if isinstance(errors, list) and errors and isinstance(errors[0], str):
                limit = json_fields.MAX_QUOTED
                words.append(f"{field[:limit]}: {errors[0][:limit]}")
                break
    return json_fields.quotable("; ".join(words))
