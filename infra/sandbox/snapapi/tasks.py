"""SnapAPI's two asynchronous endpoints and their tasks.

From the vendor's pages on tasks: a GET fails a task that is still CREATED after 120 seconds; a
DELETE cancels a pending one. Whether credits of a failed or cancelled task come back is documented
nowhere, so here they do not, unless a fault says so.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import cv2
from werkzeug.wrappers import Response

from infra.sandbox.context import Handler, RefusalError, RequestContext
from infra.sandbox.image_ops.codec import Photo, Pixels
from infra.sandbox.image_ops.compose import Garment, dress
from infra.sandbox.image_ops.look import prompted
from infra.sandbox.image_ops.tone import blend
from infra.sandbox.jobs import Job, Phase, WorkError
from infra.sandbox.responses import json_reply
from infra.sandbox.snapapi.app import SnapApi, store_output
from infra.sandbox.snapapi.form import Form, bad_request
from infra.sandbox.snapapi.generate import read_knobs

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
    """A checked task: its price, and the work that makes its picture."""

    credits: int
    work: Callable[[], Pixels]


def edit_flux(form: Form) -> TaskPlan:
    """18 credits; an edit by words."""
    photo = form.image(by_id=["image_id"])
    prompt = form.text("prompt")
    if not prompt:
        raise bad_request("Missing required field: prompt.")
    form.choice("mode", ("editing",), "editing")
    form.flag("run_fast", default=False)
    strength = read_knobs(form, guidance=3.5, steps=8)
    return TaskPlan(18, lambda: blend(photo.rgb, prompted(photo.rgb, prompt), strength))


def try_on(form: Form) -> TaskPlan:
    """17 credits; one garment, or an upper and a lower one, on a person."""
    person = form.image("model_image", by_id=["model_image_id"])
    cloth = form.image_or_none("cloth_image", by_id=["cloth_image_id"])
    lower = form.image_or_none("lower_cloth_image", by_id=["lower_cloth_image_id"])
    if cloth is None and lower is None:
        raise bad_request("Missing required fields: cloth_image or cloth_image_id.")
    both = cloth is not None and lower is not None
    # The documents' own example sends both garments and no type.
    usual = "full" if both else "lower" if cloth is None else "upper"
    kind = form.choice("cloth_type", ("upper", "lower", "full"), usual)
    if cloth is not None and lower is not None:
        if kind != "full":
            raise bad_request("Invalid cloth_type: must be full when both garments are given.")
        pieces: list[tuple[Photo, Garment]] = [(lower, "lower"), (cloth, "upper")]
    else:
        pieces = [(cloth or cast("Photo", lower), cast("Garment", kind))]

    def work() -> Pixels:
        dressed = person.rgb
        for garment, place in pieces:
            dressed = dress(dressed, garment, place)
        return dressed

    return TaskPlan(17, work)


class Tasks:
    """Opens, shows and cancels tasks."""

    def __init__(self, api: SnapApi) -> None:
        self._api = api
        self._jobs = api.world.jobs

    def create(self, reader: Callable[[Form], TaskPlan]) -> Handler:
        """Make the handler of an endpoint that answers with a TaskCreatedResponse."""

        def handle(call: RequestContext) -> Response:
            plan = reader(Form(call, self._api.world, self._api.sessions))
            stem = uuid.uuid4().hex
            job = self._open(call, plan, stem)
            return json_reply(
                {"task_id": job.id, "status": "CREATED", "created_at": int(job.made_at)}
            )

        return handle

    def get(self, call: RequestContext) -> Response:
        """Answer with a TaskStatusResponse."""
        job = self._find(call)
        standing = self._jobs.look(job)
        waited = self._api.world.clock.now() - job.made_at
        if standing.phase == "waiting" and waited > STARTS_WITHIN_S:
            standing = self._jobs.fail(job, "Task was not started in time.")
        shown: dict[str, object] = {
            "task_id": job.id,
            "status": STATUS[standing.phase],
            "created_at": int(job.made_at),
        }
        if standing.phase == "working":
            shown["progress"] = standing.progress
        if standing.phase == "done":
            shown["output_image_url"] = call.base + str(standing.result)
        if standing.error is not None:
            shown["error_msg"] = standing.error
        if standing.started_at is not None:
            shown["started_at"] = int(standing.started_at)
        if standing.ended_at is not None:
            shown["completed_at"] = int(standing.ended_at)
        return json_reply(shown)

    def cancel(self, call: RequestContext) -> Response:
        """Cancel a task that has not ended."""
        job = self._find(call)
        self._jobs.look(job)
        if self._jobs.cancel(job).phase != "cancelled":
            raise bad_request("Task has already finished.")
        return json_reply({"message": f"task {job.id.removeprefix('task_')} cancelled"})

    def _find(self, call: RequestContext) -> Job:
        job = self._jobs.get(call.args["task_id"])
        if job is None:
            raise RefusalError(404, "Task not found.")
        return job

    def _open(self, call: RequestContext, plan: TaskPlan, stem: str) -> Job:
        world = self._api.world
        job_id = f"task_{stem}"
        purchase = self._api.charge(call, plan.credits, job_id)
        effect = call.effect

        def give_back(at: float) -> None:
            if effect is not None and effect.refund:
                world.ledger.refund(purchase, at)

        def work() -> str:
            try:
                return store_output(world, call, stem, plan.work())
            except cv2.error as exc:
                _log.exception("the work of %s failed", job_id)
                raise WorkError("Image processing failed.") from exc

        return world.jobs.open(
            job_id,
            work,
            duration_s=world.job_s,
            fate=None if effect is None else effect.job,
            on_failure=give_back,
            facts={},
        )
