"""Apiframe's `GET /v2/jobs/{id}` and `GET /v2/jobs`."""

import uuid
from collections.abc import Sequence

from werkzeug.wrappers import Response

from infra.sandbox.apiframe.image_edits import RETENTION_S
from infra.sandbox.apiframe.status import STATUS, write_result
from infra.sandbox.apiframe.webhooks import Webhooks
from infra.sandbox.clock import iso_millis
from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.jobs import Job
from infra.sandbox.provider import RefusalError
from infra.sandbox.responses import json_response

DEFAULT_LIMIT = 20
MAX_LIMIT = 100


class History:
    """Shows the jobs of the account."""

    def __init__(self, state: SandboxState, webhooks: Webhooks) -> None:
        self._state = state
        self._webhooks = webhooks

    def get_job(self, ctx: RequestContext) -> Response:
        """Respond with one job; 400 when the id is not a UUID, 404 when there is no such job."""
        job_id = ctx.args["job_id"]
        if not _is_uuid(job_id):
            raise _invalid("id", "Invalid uuid")
        job = self._state.jobs.get(job_id.lower())
        if job is None:
            raise RefusalError(404, "Job not found")
        return json_response(self._show(job, ctx.base_url) | {"input": job.metadata["input"]})

    def list_jobs(self, ctx: RequestContext) -> Response:
        """Respond with a page of jobs, the newest first."""
        query = ctx.request.args
        limit = _read_limit(query.get("limit"))
        _check("scope", query.get("scope", "user"), ("user", "team"))
        _check("include_models", query.get("include_models", "false"), ("true", "false"))
        if "status" in query:
            _check("status", query["status"], tuple(STATUS.values()))
        if "search" in query and not _is_uuid(query["search"]):
            raise _invalid("search", "Invalid uuid")
        shown = [(job, self._show(job, ctx.base_url)) for job in self._state.jobs.newest_first()]
        models = sorted({str(entry["model"]) for _, entry in shown})
        for field, name in (("status", "status"), ("model", "model"), ("id", "search")):
            if name in query:
                shown = [(job, entry) for job, entry in shown if entry[field] == query[name]]
        rest = _after(shown, query.get("cursor"))
        page, more = rest[:limit], len(rest) > limit
        answer: dict[str, object] = {
            "jobs": [entry for _, entry in page],
            "nextCursor": page[-1][0].id if more else None,
            "hasMore": more,
        }
        if query.get("include_models") == "true":
            answer["models"] = models
        return json_response(answer)

    def _show(self, job: Job, base_url: str) -> dict[str, object]:
        job_status = self._state.jobs.status_of(job)
        failed = job_status.phase == "failed"
        ended = job_status.ended_at
        expired = (
            job_status.phase == "done"
            and ended is not None
            and self._state.clock.now() >= ended + RETENTION_S
        )
        return {
            "id": job.id,
            "status": STATUS[job_status.phase],
            "model": job.metadata["model"],
            "progress": job_status.progress,
            "result": write_result(job_status, base_url),
            "error": job_status.error,
            "creditCost": 0 if failed and job.metadata["refunds"] else job.metadata["credits"],
            "webhookStatus": self._webhooks.status(job.id),
            "createdAt": iso_millis(job.created_at),
            "completedAt": None if ended is None else iso_millis(ended),
            "expired": expired,
        }


def _after(
    shown: Sequence[tuple[Job, dict[str, object]]], cursor: str | None
) -> Sequence[tuple[Job, dict[str, object]]]:
    if cursor is None:
        return shown
    for place, (job, _) in enumerate(shown):
        if job.id == cursor:
            return shown[place + 1 :]
    raise _invalid("cursor", "Invalid cursor")


def _read_limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise _invalid("limit", f"Must be an integer from 1 to {MAX_LIMIT}")
    return int(text)


def _check(field: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise _invalid(field, f"Must be one of {', '.join(allowed)}")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _invalid(field: str, message: str) -> RefusalError:
    return RefusalError(400, "Validation error", extra={"details": {field: [message]}})
