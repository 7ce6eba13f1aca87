"""GoAPI's unified task routes: create, get, cancel one, cancel many.

Facts from "Unified API Schema", "Get Task" and "Cancel Task(s)" (piapi.ai/docs). A refused create
answers with a task that never lived, its cause in `logs` and `error`; it has an id that nothing
answers to, as a client must not read it as accepted.
"""

import json
import uuid
from collections.abc import Mapping

from werkzeug.wrappers import Response

from infra.sandbox.context import RefusalError, RequestContext, SandboxState
from infra.sandbox.goapi.api.envelope import answer, error_part, meta_part, task_part
from infra.sandbox.goapi.api.tasks import Task, Tasks
from infra.sandbox.goapi.generators.context import with_urls
from infra.sandbox.goapi.task_types.fields import InputError, read_input
from infra.sandbox.goapi.task_types.table import find_row
from infra.sandbox.goapi.task_types.task_type import UNITS_PER_POINT, Row
from infra.sandbox.ledger import OutOfCreditsError
from infra.sandbox.responses import request_digest

FAILURE = 10_000  # `error.code` of a failed task; the vendor's list of codes is not public
INVALID = 1100  # the one code that "Getting Started" shows
MODES = ("", "public", "private")


class Unified:
    """Answers the task routes."""

    def __init__(self, world: SandboxState, tasks: Tasks) -> None:
        self._world = world
        self._tasks = tasks

    def create(self, call: RequestContext) -> Response:
        """Accept a task: 400 when its body is not valid, or cannot be paid for."""
        body = _read_body(call)
        config = _read_config(body)
        row = find_row(body.get("model"), body.get("task_type"))
        if row is None:
            raise _refused(400, body, config, "invalid request: unknown model or task_type")
        raw = body.get("input")
        if not isinstance(raw, dict):
            raise _refused(400, body, config, "invalid request: input is required")
        try:
            asked = self._read_input(row, raw)
        except InputError as exc:
            raise _refused(400, body, config, str(exc)) from exc
        try:
            task = self._tasks.open(call, row, asked, config, request_digest(call.request))
        except OutOfCreditsError as exc:
            status = int(self._world.knobs["no_credit_status"])
            raise _refused(status, body, config, "failed to freeze credit") from exc
        return answer(self.show(task, call.base))

    def get(self, call: RequestContext) -> Response:
        """Answer with a task, 404 when there is none."""
        return answer(self.show(self._found(call), call.base))

    def cancel(self, call: RequestContext) -> Response:
        """Cancel a task that is still pending."""
        task = self._found(call)
        if not self._tasks.cancel(task):
            status = self._tasks.look(task).status
            raise RefusalError(400, f"task {task.id} can not be canceled: status is {status}")
        return answer(None, message=f"task {task.id} canceled")

    def cancel_many(self, call: RequestContext) -> Response:
        """Cancel what is pending, of one model or of all, and created before a time."""
        query = call.request.args
        model = query.get("model", "all")
        before = query.get("created_before", "")
        if model not in ("kling", "midjourney", "suno", "luma", "all"):
            raise RefusalError(400, "invalid model")
        if before and not before.isdecimal():
            raise RefusalError(400, "invalid created_before")
        cancelled = [
            task.id
            for task in self._tasks.newest_first()
            if model in ("all", task.row.model)
            and (not before or task.created_at < int(before))
            and self._tasks.cancel(task)
        ]
        return answer({"task_ids": cancelled}, message=f"{len(cancelled)} tasks canceled")

    def show(self, task: Task, base: str) -> dict[str, object]:
        """Build the `data` of a task as it stands now."""
        look = self._tasks.look(task)
        standing = look.standing
        ended = standing.ended_at
        failed = standing.phase in ("failed", "cancelled")
        output: object = task.row.skeleton(task.asked)
        if standing.phase == "done":
            output = with_urls(standing.result, base)
        cause = standing.error or ""
        started = standing.started_at
        if started is None and standing.phase == "failed":
            started = task.created_at
        return task_part(
            task_id=task.id,
            model=task.row.model,
            task_type=task.row.task_type,
            status=look.status,
            config=task.config,
            asked=task.asked,
            output=output,
            meta=meta_part(task.created_at, started, ended, _usage(task, ended, failed=failed)),
            logs=[cause] if failed else [],
            error=error_part(FAILURE, cause, cause) if failed else error_part(),
        )

    def _found(self, call: RequestContext) -> Task:
        task = self._tasks.get(call.args["task_id"])
        if task is None:
            raise RefusalError(404, "Record Not Found")
        return task

    def _read_input(self, row: Row, raw: Mapping[str, object]) -> dict[str, object]:
        asked = read_input(row.fields, raw)
        for rule in row.rules:
            wrong = rule(asked)
            if wrong is not None:
                raise InputError(wrong)
        for field in row.fields:
            named = asked.get(field.name)
            if field.kind == "task" and named and self._tasks.get(str(named)) is None:
                raise InputError(f"{field.name}: task not found")
        return asked


def _usage(task: Task, ended: float | None, *, failed: bool) -> dict[str, object]:
    usage: dict[str, object] = {"type": task.row.usage}
    price = task.units // UNITS_PER_POINT if task.row.usage == "mj" else task.units
    spent = 0 if failed and task.refunds else price
    if task.row.usage == "llm" or ended is not None:
        return usage | {"frozen": 0, "consume": spent}
    return usage | {"frozen": price, "consume": 0}


def _read_body(call: RequestContext) -> dict[str, object]:
    try:
        body = json.loads(call.request.get_data())
    except ValueError as exc:
        raise RefusalError(400, "invalid request body") from exc
    if not isinstance(body, dict):
        raise RefusalError(400, "invalid request body")
    return body


def _read_config(body: Mapping[str, object]) -> dict[str, object]:
    """Return the config as it is echoed, the webhook's secret in clear as the vendor does it."""
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
        raise _refused(400, body, echoed, "invalid config")
    return echoed


def _refused(
    status: int, body: Mapping[str, object], config: Mapping[str, object], cause: str
) -> RefusalError:
    asked = body.get("input")
    part = task_part(
        task_id=str(uuid.uuid4()),
        model=str(body.get("model") or ""),
        task_type=str(body.get("task_type") or ""),
        status="failed",
        config=config,
        asked=asked if isinstance(asked, dict) else {},
        output=None,
        meta=meta_part(None, None, None, {"type": "", "frozen": 0, "consume": 0}),
        logs=[cause],
        error=error_part(INVALID, cause, cause),
    )
    return RefusalError(status, cause, extra={"data": part})
