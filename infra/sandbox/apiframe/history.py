"""Apiframe's `GET /v2/jobs/{id}` and `GET /v2/jobs`."""

import uuid
from collections.abc import Sequence

from werkzeug.wrappers import Response

from infra.sandbox.apiframe.image_edits import RETENTION_S
from infra.sandbox.apiframe.status import STATUS, write_result
from infra.sandbox.apiframe.webhooks import Webhooks
from infra.sandbox.clock import iso_millis
from infra.sandbox.context import RefusalError, RequestContext, SandboxState
from infra.sandbox.jobs import Job
from infra.sandbox.responses import json_reply

DEFAULT_LIMIT = 20
MAX_LIMIT = 100


class History:
    """Reads the jobs of the account."""

    def __init__(self, world: SandboxState, webhooks: Webhooks) -> None:
        self._world = world
        self._webhooks = webhooks

    def get_job(self, call: RequestContext) -> Response:
        """Answer with one job; 400 when the id is no UUID, 404 when there is no such job."""
        job_id = call.args["job_id"]
        if not _is_uuid(job_id):
            raise _invalid("id", "Invalid uuid")
        job = self._world.jobs.get(job_id.lower())
        if job is None:
            raise RefusalError(404, "Job not found")
        return json_reply(self._show(job, call.base) | {"input": job.facts["input"]})

    def list_jobs(self, call: RequestContext) -> Response:
        """Answer with a page of jobs, the newest first."""
        query = call.request.args
        limit = _read_limit(query.get("limit"))
        _check("scope", query.get("scope", "user"), ("user", "team"))
        _check("include_models", query.get("include_models", "false"), ("true", "false"))
        if "status" in query:
            _check("status", query["status"], tuple(STATUS.values()))
        if "search" in query and not _is_uuid(query["search"]):
            raise _invalid("search", "Invalid uuid")
        shown = [(job, self._show(job, call.base)) for job in self._world.jobs.newest_first()]
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
        return json_reply(answer)

    def _show(self, job: Job, base: str) -> dict[str, object]:
        standing = self._world.jobs.look(job)
        failed = standing.phase == "failed"
        ended = standing.ended_at
        expired = (
            standing.phase == "done"
            and ended is not None
            and self._world.clock.now() >= ended + RETENTION_S
        )
        return {
            "id": job.id,
            "status": STATUS[standing.phase],
            "model": job.facts["model"],
            "progress": standing.progress,
            "result": write_result(standing, base),
            "error": standing.error,
            "creditCost": 0 if failed and job.facts["refunds"] else job.facts["credits"],
            "webhookStatus": self._webhooks.status(job.id),
            "createdAt": iso_millis(job.made_at),
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
