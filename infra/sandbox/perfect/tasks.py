"""Perfect's tasks: accepted once per `request_id`, lost when nobody asks, paid when seen done.

From the vendor's document: "the task will lose if no polling in 10 seconds", no credit is used
then; credits are used on success only; requests with the same `request_id` and files are ignored.

    created        poll          poll             poll
    |--------------|-------------|--- ... --------|--------->  success seen: charged, stays
         < 10 s        < 10 s          < 10 s
    |--------------------------------X                         10 s without a poll: lost, free
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.wrappers import Response

from infra.sandbox.context import Handler, RequestContext, SandboxState
from infra.sandbox.jobs import Job, Standing
from infra.sandbox.ledger import OutOfCreditsError, Purchase
from infra.sandbox.perfect.errors import invalid_task, too_few_credits
from infra.sandbox.perfect.features import Feature
from infra.sandbox.perfect.render import ENGINE_CODES, Kept, run
from infra.sandbox.perfect.requests import Order, read_task
from infra.sandbox.perfect.storage import ID_BYTES, RESULT_KEPT_S, Storage, new_id
from infra.sandbox.perfect.styles import find_style
from infra.sandbox.responses import json_reply, request_digest

LOST_AFTER_S = 10.0
POLLING_MS = 1000
MIN_POLLING_MS = 100
POLLS_PER_JOB = 3  # jobs that a test makes short are asked about sooner

Replay = tuple[str, int, tuple[str, ...]]


@dataclass
class Task:
    """One task; `settled` once its end was seen, from when on it cannot be lost any more."""

    job: Job
    feature: Feature
    action_id: int
    purchase: Purchase
    asked_at: float
    failed_with: str | None = None
    settled: bool = False


class Tasks:
    """The tasks of the account."""

    def __init__(self, world: SandboxState, storage: Storage) -> None:
        self._world = world
        self._storage = storage
        self._tasks: dict[str, Task] = {}
        self._replays: dict[Replay, str] = {}
        self._lock = threading.RLock()

    def run_handler(self, feature: Feature) -> Handler:
        """Make the handler of `POST task/{feature}`."""

        def handle(call: RequestContext) -> Response:
            order = read_task(feature, call.request.get_data())
            style = ""
            if (
                order.params.style_group_id is not None
                and order.params.style_ids
                and feature.has_styles
            ):
                style = find_style(
                    feature, order.params.style_group_id, order.params.style_ids[0]
                ).title
            with self._lock:
                task_id = self._known(feature, order) or self._accept(call, feature, order, style)
            return json_reply({"status": 200, "result": {"task_id": task_id}})

        return handle

    def status_handler(self, feature: Feature) -> Handler:
        """Make the handler of `GET task/{feature}`."""

        def handle(call: RequestContext) -> Response:
            task = self._asked(feature, call.request.args.get("task_id", ""))
            standing = self._world.jobs.look(task.job)
            return json_reply({"status": 200, "result": self._show(task, standing, call.base)})

        return handle

    def _known(self, feature: Feature, order: Order) -> str | None:
        if order.request_id is None:
            return None
        return self._replays.get((feature.name, order.request_id, order.files))

    def _accept(self, call: RequestContext, feature: Feature, order: Order, style: str) -> str:
        world = self._world
        # Charging waits for the end, so what is under way is set aside: nobody can overspend.
        open_credits = sum(
            task.purchase.credits for task in self._tasks.values() if self._may_still_cost(task)
        )
        if open_credits + feature.credits > world.ledger.balance:
            raise too_few_credits()
        task_id = new_id(ID_BYTES)
        number = None if order.request_id is None else str(order.request_id)
        digest = request_digest(call.request)
        effect = call.effect
        fate = None if effect is None else effect.job
        job = world.jobs.open(
            task_id,
            self._work(call, feature, order, style),
            duration_s=world.job_s,
            fate=fate,
            on_failure=lambda _at: None,
            facts={},
        )
        wanted = effect.body if effect is not None and isinstance(effect.body, str) else None
        self._tasks[task_id] = Task(
            job=job,
            feature=feature,
            action_id=order.action_id,
            purchase=Purchase(task_id, call.route, feature.credits, digest, number),
            asked_at=job.made_at,
            failed_with=(wanted or "error_inference") if fate == "fail" else None,
        )
        if order.request_id is not None:
            self._replays[feature.name, order.request_id, order.files] = task_id
        return task_id

    def _work(
        self, call: RequestContext, feature: Feature, order: Order, style: str
    ) -> Callable[[], object]:
        effect = call.effect
        gone = (effect.status or 404) if effect is not None and effect.result == "gone" else None
        pad_bytes = 0 if effect is None or effect.pad_bytes is None else effect.pad_bytes

        return lambda: run(feature, order, style, self._storage, gone=gone, pad_bytes=pad_bytes)

    def _asked(self, feature: Feature, task_id: str) -> Task:
        """Return a task that somebody asks about, or refuse one that is unknown, lost or old."""
        now = self._world.clock.now()
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None or task.feature != feature or self._is_lost(task):
                raise invalid_task()
            if now > task.job.made_at + RESULT_KEPT_S:
                raise invalid_task()
            task.asked_at = now
        return task

    def _is_lost(self, task: Task) -> bool:
        return not task.settled and self._world.clock.now() > task.asked_at + LOST_AFTER_S

    def _may_still_cost(self, task: Task) -> bool:
        return not task.settled and not self._is_lost(task)

    def _show(self, task: Task, standing: Standing, base: str) -> dict[str, object]:
        shown: dict[str, object] = {"polling_interval": self._polling_ms()}
        if standing.phase == "done" and isinstance(standing.result, Kept) and self._pay(task):
            data = [
                {**one, "url": self._storage.result_url(str(one["dst_id"]), base)}
                for one in standing.result.data
            ]
            result: dict[str, object] = {"id": task.action_id, "data": data}
            if standing.result.custom_info is not None:
                result["custom_info"] = standing.result.custom_info
            return shown | {"status": "success", "results": [result]}
        if standing.phase in ("done", "failed"):
            with self._lock:
                task.settled = True
            return shown | {"status": "error", "error": _code(task, standing), "results": []}
        return shown | {"status": "running"}

    def _pay(self, task: Task) -> bool:
        """Charge a task once; tell whether it is paid."""
        with self._lock:
            if task.failed_with is None and not task.settled:
                try:
                    self._world.ledger.charge(task.purchase)
                except OutOfCreditsError:
                    # The balance was spent elsewhere meanwhile; nobody gets a result for nothing.
                    task.failed_with = "unknown_internal_error"
                task.settled = True
            return task.failed_with is None

    def _polling_ms(self) -> int:
        short = round(self._world.job_s * 1000 / POLLS_PER_JOB)
        return max(MIN_POLLING_MS, min(POLLING_MS, short))


def _code(task: Task, standing: Standing) -> str:
    if task.failed_with is not None:
        return task.failed_with
    return standing.error if standing.error in ENGINE_CODES else "unknown_internal_error"
