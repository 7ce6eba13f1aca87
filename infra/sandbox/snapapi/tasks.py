"""SnapAPI's two asynchronous endpoints and their tasks.

From the vendor's pages on tasks: a GET fails a task that is still CREATED after 120 seconds; a
DELETE cancels a pending one. Whether a failed or cancelled task is refunded is not documented. Here
it is not, unless a fault says so.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import cv2
from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext
from infra.sandbox.image_ops.codec import Photo, Pixels
from infra.sandbox.image_ops.compose import Garment, put_on_garment
from infra.sandbox.image_ops.filters import tint_by_prompt
from infra.sandbox.image_ops.tone import blend
from infra.sandbox.jobs import Job, Phase, WorkError
from infra.sandbox.provider import Handler, RefusalError
from infra.sandbox.responses import json_response
from infra.sandbox.snapapi.app import SnapApi, store_output
from infra.sandbox.snapapi.form import Form, bad_request
from infra.sandbox.snapapi.generate import read_model_params

STARTS_WITHIN_S = 120.0
STATUS: dict[Phase, str] = {
    "waiting": "CREATED",
    "working": "PROCESSING",
    "done": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskPlan:
    """A checked task: its price, and the work that makes its result."""

    credits: int
    work: Callable[[], Pixels]


def edit_flux(form: Form) -> TaskPlan:
    """18 credits; an edit by prompt."""
    photo = form.image(by_id=["image_id"])
    prompt = form.text("prompt")
    if not prompt:
        raise bad_request("Missing required field: prompt.")
    form.choice("mode", ("editing",), "editing")
    form.flag("run_fast", default=False)
    strength = read_model_params(form, guidance=3.5, steps=8)
    return TaskPlan(18, lambda: blend(photo.rgb, tint_by_prompt(photo.rgb, prompt), strength))


def try_on(form: Form) -> TaskPlan:
    """17 credits; one garment, or an upper and a lower one, on a person."""
    person = form.image("model_image", by_id=["model_image_id"])
    cloth = form.image_or_none("cloth_image", by_id=["cloth_image_id"])
    lower = form.image_or_none("lower_cloth_image", by_id=["lower_cloth_image_id"])
    if cloth is None and lower is None:
        raise bad_request("Missing required fields: cloth_image or cloth_image_id.")
    both = cloth is not None and lower is not None
    # The documents' own example sends both garments and no type.
    default = "full" if both else "lower" if cloth is None else "upper"
    kind = form.choice("cloth_type", ("upper", "lower", "full"), default)
    if cloth is not None and lower is not None:
        if kind != "full":
            raise bad_request("Invalid cloth_type: must be full when both garments are given.")
        pieces: list[tuple[Photo, Garment]] = [(lower, "lower"), (cloth, "upper")]
    else:
        pieces = [(cloth or cast("Photo", lower), cast("Garment", kind))]

    def work() -> Pixels:
        result = person.rgb
        for garment, place in pieces:
            result = put_on_garment(result, garment, place)
        return result

    return TaskPlan(17, work)


class Tasks:
    """Opens, shows and cancels tasks."""

    def __init__(self, api: SnapApi) -> None:
        self._api = api
        self._jobs = api.state.jobs

    def create(self, reader: Callable[[Form], TaskPlan]) -> Handler:
        """Return the handler of an endpoint that responds with a TaskCreatedResponse."""

        def handle(ctx: RequestContext) -> Response:
            plan = reader(Form(ctx, self._api.state, self._api.sessions))
            stem = uuid.uuid4().hex
            job = self._open(ctx, plan, stem)
            return json_response(
                {"task_id": job.id, "status": "CREATED", "created_at": int(job.created_at)}
            )

        return handle

    def get(self, ctx: RequestContext) -> Response:
        """Respond with a TaskStatusResponse."""
        job = self._find(ctx)
        job_status = self._jobs.status_of(job)
        waited = self._api.state.clock.now() - job.created_at
        if job_status.phase == "waiting" and waited > STARTS_WITHIN_S:
            job_status = self._jobs.fail(job, "Task was not started in time.")
        shown: dict[str, object] = {
            "task_id": job.id,
            "status": STATUS[job_status.phase],
            "created_at": int(job.created_at),
        }
        if job_status.phase == "working":
            shown["progress"] = job_status.progress
        if job_status.phase == "done":
            shown["output_image_url"] = ctx.base_url + str(job_status.result)
        if job_status.error is not None:
            shown["error_msg"] = job_status.error
        if job_status.started_at is not None:
            shown["started_at"] = int(job_status.started_at)
        if job_status.ended_at is not None:
            shown["completed_at"] = int(job_status.ended_at)
        return json_response(shown)

    def cancel(self, ctx: RequestContext) -> Response:
        """Cancel a task that has not ended."""
        job = self._find(ctx)
        self._jobs.status_of(job)
        if self._jobs.cancel(job).phase != "cancelled":
            raise bad_request("Task has already finished.")
        return json_response({"message": f"task {job.id.removeprefix('task_')} cancelled"})

    def _find(self, ctx: RequestContext) -> Job:
        job = self._jobs.get(ctx.args["task_id"])
        if job is None:
            raise RefusalError(404, "Task not found.")
        return job

    def _open(self, ctx: RequestContext, plan: TaskPlan, stem: str) -> Job:
        state = self._api.state
        job_id = f"task_{stem}"
        purchase = self._api.charge(ctx, plan.credits, job_id)
        effect = ctx.effect

        def refund_on_fault(at: float) -> None:
            if effect is not None and effect.refund:
                state.ledger.refund(purchase, at)

        def work() -> str:
            try:
                return store_output(state, ctx, stem, plan.work())
            except cv2.error as exc:
                _log.exception("the work of %s failed", job_id)
                raise WorkError("Image processing failed.") from exc

        return state.jobs.open(
            job_id,
            work,
            duration_s=state.job_s,
            fault=None if effect is None else effect.job,
            on_failure=refund_on_fault,
        )
