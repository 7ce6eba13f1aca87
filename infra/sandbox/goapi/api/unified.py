"""GoAPI's unified task routes: create, get, cancel one, cancel many.

Facts from "Unified API Schema", "Get Task" and "Cancel Task(s)" (piapi.ai/docs). The response to a
refused create contains a failed task, with the cause in `logs` and `error`. Its id is unknown to
`get`, so a client must not read it as accepted.
"""

import json
import uuid
from collections.abc import Mapping

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.goapi.api.envelope import (
    error_fields,
    meta_fields,
    success_response,
    task_fields,
)
from infra.sandbox.goapi.api.tasks import Task, Tasks
from infra.sandbox.goapi.generators.context import with_urls
from infra.sandbox.goapi.task_types.fields import InputError, read_input
from infra.sandbox.goapi.task_types.table import find_task_type
from infra.sandbox.goapi.task_types.task_type import UNITS_PER_POINT, TaskType
from infra.sandbox.ledger import OutOfCreditsError
from infra.sandbox.provider import RefusalError
from infra.sandbox.responses import request_digest

FAILURE = 10_000  # `error.code` of a failed task; the vendor's list of codes is not public
INVALID = 1100  # the one code that "Getting Started" shows
MODES = ("", "public", "private")


class UnifiedApi:
    """Handles the task routes."""

    def __init__(self, state: SandboxState, tasks: Tasks) -> None:
        self._state = state
        self._tasks = tasks

    def create(self, ctx: RequestContext) -> Response:
        """Accept a task; 400 when its body is not valid or the credits do not suffice."""
        body = _read_body(ctx)
        config = _read_config(body)
        task_type = find_task_type(body.get("model"), body.get("task_type"))
        if task_type is None:
            raise _refusal(400, body, config, "invalid request: unknown model or task_type")
        raw = body.get("input")
        if not isinstance(raw, dict):
            raise _refusal(400, body, config, "invalid request: input is required")
        try:
            task_input = self._read_input(task_type, raw)
        except InputError as exc:
            raise _refusal(400, body, config, str(exc)) from exc
        try:
            task = self._tasks.open(ctx, task_type, task_input, config, request_digest(ctx.request))
        except OutOfCreditsError as exc:
            status = int(self._state.knobs["no_credit_status"])
            raise _refusal(status, body, config, "failed to freeze credit") from exc
        return success_response(self.show(task, ctx.base_url))

    def get(self, ctx: RequestContext) -> Response:
        """Respond with a task, 404 when there is none."""
        return success_response(self.show(self._find_task(ctx), ctx.base_url))

    def cancel(self, ctx: RequestContext) -> Response:
        """Cancel a task that is still pending."""
        task = self._find_task(ctx)
        if not self._tasks.cancel(task):
            status = self._tasks.status_of(task).status
            raise RefusalError(400, f"task {task.id} can not be canceled: status is {status}")
        return success_response(None, message=f"task {task.id} canceled")

    def cancel_many(self, ctx: RequestContext) -> Response:
        """Cancel the pending tasks, of one model or all, created before a time if given."""
        query = ctx.request.args
        model = query.get("model", "all")
        before = query.get("created_before", "")
        if model not in ("kling", "midjourney", "suno", "luma", "all"):
            raise RefusalError(400, "invalid model")
        if before and not before.isdecimal():
            raise RefusalError(400, "invalid created_before")
        cancelled = [
            task.id
            for task in self._tasks.newest_first()
            if model in ("all", task.task_type.model)
            and (not before or task.created_at < int(before))
            and self._tasks.cancel(task)
        ]
        return success_response({"task_ids": cancelled}, message=f"{len(cancelled)} tasks canceled")

    def show(self, task: Task, base_url: str) -> dict[str, object]:
        """Build the `data` of a task with its present status."""
        task_status = self._tasks.status_of(task)
        job_status = task_status.job_status
        ended = job_status.ended_at
        failed = job_status.phase in ("failed", "cancelled")
        output: object = task.task_type.pending_output(task.task_input)
        if job_status.phase == "done":
            output = with_urls(job_status.result, base_url)
        cause = job_status.error or ""
        started = job_status.started_at
        if started is None and job_status.phase == "failed":
            started = task.created_at
        return task_fields(
            task_id=task.id,
            model=task.task_type.model,
            task_type=task.task_type.name,
            status=task_status.status,
            config=task.config,
            task_input=task.task_input,
            output=output,
            meta=meta_fields(task.created_at, started, ended, _usage(task, ended, failed=failed)),
            logs=[cause] if failed else [],
            error=error_fields(FAILURE, cause, cause) if failed else error_fields(),
        )

    def _find_task(self, ctx: RequestContext) -> Task:
        task = self._tasks.get(ctx.args["task_id"])
        if task is None:
            raise RefusalError(404, "Record Not Found")
        return task

    def _read_input(self, task_type: TaskType, raw: Mapping[str, object]) -> dict[str, object]:
        task_input = read_input(task_type.fields, raw)
        for rule in task_type.rules:
            wrong = rule(task_input)
            if wrong is not None:
                raise InputError(wrong)
        for field in task_type.fields:
            named = task_input.get(field.name)
            if field.kind == "task" and named and self._tasks.get(str(named)) is None:
                raise InputError(f"{field.name}: task not found")
        return task_input


def _usage(task: Task, ended: float | None, *, failed: bool) -> dict[str, object]:
    usage: dict[str, object] = {"type": task.task_type.usage}
    price = task.units // UNITS_PER_POINT if task.task_type.usage == "mj" else task.units
    spent = 0 if failed and task.refunds else price
    if task.task_type.usage == "llm" or ended is not None:
        return usage | {"frozen": 0, "consume": spent}
    return usage | {"frozen": price, "consume": 0}


def _read_body(ctx: RequestContext) -> dict[str, object]:
    try:
        body = json.loads(ctx.request.get_data())
    except ValueError as exc:
        raise RefusalError(400, "invalid request body") from exc
    if not isinstance(body, dict):
        raise RefusalError(400, "invalid request body")
    return body


def _read_config(body: Mapping[str, object]) -> dict[str, object]:
    """Return the config as it is echoed, with the webhook's secret in clear like the vendor's."""
    config = body.get("config")
    config = config if isinstance(config, dict) else {}
    webhook = config.get("webhook_config")
    webhook = webhook if isinstance(webhook, dict) else {}
    mode, endpoint, secret = (
        config.get("service_mode") or "",
        webhook.get("endpoint") or "",
        webhook.get("secret") or "",
    )
    echoed: dict[str, object] = {
        "service_mode": mode,
        "webhook_config": {"endpoint": endpoint, "secret": secret},
    }
    if mode not in MODES or not isinstance(endpoint, str) or not isinstance(secret, str):
        raise _refusal(400, body, echoed, "invalid config")
    return echoed


def _refusal(
    status: int, body: Mapping[str, object], config: Mapping[str, object], cause: str
) -> RefusalError:
    task_input = body.get("input")
    part = task_fields(
        task_id=str(uuid.uuid4()),
        model=str(body.get("model") or ""),
        task_type=str(body.get("task_type") or ""),
        status="failed",
        config=config,
        task_input=task_input if isinstance(task_input, dict) else {},
        output=None,
        meta=meta_fields(None, None, None, {"type": "", "frozen": 0, "consume": 0}),
        logs=[cause],
        error=error_fields(INVALID, cause, cause),
    )
    return RefusalError(status, cause, extra={"data": part})
