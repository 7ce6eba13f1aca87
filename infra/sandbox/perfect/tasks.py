"""Perfect's tasks: accepted once per `request_id`, lost without polling, charged on success.

From the vendor's document: "the task will lose if no polling in 10 seconds", no credit is used
then; credits are used on success only; requests with the same `request_id` and files are ignored.

    created        poll          poll             poll
    |--------------|-------------|--- ... --------|--------->  poll returns success: charged, kept
         < 10 s        < 10 s          < 10 s
    |--------------------------------X                         10 s without a poll: lost, free
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.jobs import Job, JobStatus
from infra.sandbox.ledger import OutOfCreditsError, Purchase
from infra.sandbox.perfect.errors import invalid_task, too_few_credits
from infra.sandbox.perfect.features import Feature
from infra.sandbox.perfect.render import ENGINE_CODES, StoredResult, render
from infra.sandbox.perfect.requests import TaskRequest, read_task
from infra.sandbox.perfect.storage import ID_BYTES, RESULT_KEPT_S, Storage, new_id
from infra.sandbox.perfect.styles import find_style
from infra.sandbox.provider import Handler
from infra.sandbox.responses import json_response, request_digest

LOST_AFTER_S = 10.0
POLLING_MS = 1000
MIN_POLLING_MS = 100
POLLS_PER_JOB = 3  # so that short jobs of a test are polled sooner

ReplayKey = tuple[str, int, tuple[str, ...]]


@dataclass
class Task:
    """One task; `settled` when a poll has returned its end, after which it cannot be lost."""

    job: Job
    feature: Feature
    action_id: int
    purchase: Purchase
    last_polled_at: float
    error_code: str | None = None
    settled: bool = False


class Tasks:
    """The tasks of the account."""

    def __init__(self, state: SandboxState, storage: Storage) -> None:
        self._state = state
        self._storage = storage
        self._tasks: dict[str, Task] = {}
        self._replays: dict[ReplayKey, str] = {}
        self._lock = threading.RLock()

    def run_handler(self, feature: Feature) -> Handler:
        """Return the handler of `POST task/{feature}`."""

        def handle(ctx: RequestContext) -> Response:
            task_request = read_task(feature, ctx.request.get_data())
            style = ""
            if (
                task_request.params.style_group_id is not None
                and task_request.params.style_ids
                and feature.has_styles
            ):
                style = find_style(
                    feature, task_request.params.style_group_id, task_request.params.style_ids[0]
                ).title
            with self._lock:
                task_id = self._find_replay(feature, task_request) or self._accept(
                    ctx, feature, task_request, style
                )
            return json_response({"status": 200, "result": {"task_id": task_id}})

        return handle

    def status_handler(self, feature: Feature) -> Handler:
        """Return the handler of `GET task/{feature}`."""

        def handle(ctx: RequestContext) -> Response:
            task = self._find_polled(feature, ctx.request.args.get("task_id", ""))
            job_status = self._state.jobs.status_of(task.job)
            return json_response(
                {"status": 200, "result": self._show(task, job_status, ctx.base_url)}
            )

        return handle

    def _find_replay(self, feature: Feature, task_request: TaskRequest) -> str | None:
        if task_request.request_id is None:
            return None
        return self._replays.get((feature.name, task_request.request_id, task_request.files))

    def _accept(
        self, ctx: RequestContext, feature: Feature, task_request: TaskRequest, style: str
    ) -> str:
        state = self._state
        # A task is charged at its end. Reserving the price of open tasks prevents overspending.
        open_credits = sum(
            task.purchase.credits for task in self._tasks.values() if self._may_be_charged(task)
        )
        if open_credits + feature.credits > state.ledger.balance:
            raise too_few_credits()
        task_id = new_id(ID_BYTES)
        number = None if task_request.request_id is None else str(task_request.request_id)
        digest = request_digest(ctx.request)
        effect = ctx.effect
        fault = None if effect is None else effect.job
        job = state.jobs.open(
            task_id,
            self._work(ctx, feature, task_request, style),
            duration_s=state.job_s,
            fault=fault,
            on_failure=lambda _at: None,
        )
        requested_code = (
            effect.body if effect is not None and isinstance(effect.body, str) else None
        )
        self._tasks[task_id] = Task(
            job=job,
            feature=feature,
            action_id=task_request.action_id,
            purchase=Purchase(task_id, ctx.route, feature.credits, digest, number),
            last_polled_at=job.created_at,
            error_code=(requested_code or "error_inference") if fault == "fail" else None,
        )
        if task_request.request_id is not None:
            self._replays[feature.name, task_request.request_id, task_request.files] = task_id
        return task_id

    def _work(
        self, ctx: RequestContext, feature: Feature, task_request: TaskRequest, style: str
    ) -> Callable[[], object]:
        effect = ctx.effect
        gone_status = None if effect is None else effect.gone_status
        pad_bytes = 0 if effect is None or effect.pad_bytes is None else effect.pad_bytes

        return lambda: render(
            feature,
            task_request,
            style,
            self._storage,
            gone_status=gone_status,
            pad_bytes=pad_bytes,
        )

    def _find_polled(self, feature: Feature, task_id: str) -> Task:
        """Return a polled task, or refuse one that is unknown, lost or expired."""
        now = self._state.clock.now()
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None or task.feature != feature or self._is_lost(task):
                raise invalid_task()
            if now > task.job.created_at + RESULT_KEPT_S:
                raise invalid_task()
            task.last_polled_at = now
        return task

    def _is_lost(self, task: Task) -> bool:
        return not task.settled and self._state.clock.now() > task.last_polled_at + LOST_AFTER_S

    def _may_be_charged(self, task: Task) -> bool:
        return not task.settled and not self._is_lost(task)

    def _show(self, task: Task, job_status: JobStatus, base_url: str) -> dict[str, object]:
        shown: dict[str, object] = {"polling_interval": self._polling_ms()}
        if (
            job_status.phase == "done"
            and isinstance(job_status.result, StoredResult)
            and self._pay(task)
        ):
            data = [
                {**one, "url": self._storage.result_url(str(one["dst_id"]), base_url)}
                for one in job_status.result.data
            ]
            result: dict[str, object] = {"id": task.action_id, "data": data}
            if job_status.result.custom_info is not None:
                result["custom_info"] = job_status.result.custom_info
            return shown | {"status": "success", "results": [result]}
        if job_status.phase in ("done", "failed"):
            with self._lock:
                task.settled = True
            return shown | {
                "status": "error",
                "error": _error_code(task, job_status),
                "results": [],
            }
        return shown | {"status": "running"}

    def _pay(self, task: Task) -> bool:
        """Charge a task once; return whether it is paid for."""
        with self._lock:
            if task.error_code is None and not task.settled:
                try:
                    self._state.ledger.charge(task.purchase)
                except OutOfCreditsError:
                    # The balance was spent elsewhere since; an unpaid task has no result.
                    task.error_code = "unknown_internal_error"
                task.settled = True
            return task.error_code is None

    def _polling_ms(self) -> int:
        short = round(self._state.job_s * 1000 / POLLS_PER_JOB)
        return max(MIN_POLLING_MS, min(POLLING_MS, short))


def _error_code(task: Task, job_status: JobStatus) -> str:
    if task.error_code is not None:
        return task.error_code
    return job_status.error if job_status.error in ENGINE_CODES else "unknown_internal_error"
