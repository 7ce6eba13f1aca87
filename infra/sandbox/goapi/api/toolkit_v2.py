"""GoAPI's older image toolkit v2: `create` and `fetch`, both by POST, with their own vocabulary.

Facts from "Image Editing API" and "Segment With Prompt API" (goapi.ai/docs). It has no webhooks and
no cancellation. Its tasks are not tasks of the unified API: neither API finds the other's tasks.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.wrappers import Response

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.goapi.api.envelope import format_time, success_response
from infra.sandbox.goapi.generators import toolkit
from infra.sandbox.goapi.generators.context import BAD_IMAGE, GenerationContext, Output, with_urls
from infra.sandbox.goapi.generators.padded_files import PaddedFiles
from infra.sandbox.goapi.task_duration import task_duration_s
from infra.sandbox.goapi.task_types.fields import (
    Field,
    InputError,
    read_input,
    required,
    text,
    whole,
)
from infra.sandbox.goapi.task_types.task_type import Generator, credits_of
from infra.sandbox.jobs import Job, JobStatus, WorkError
from infra.sandbox.ledger import OutOfCreditsError, Purchase
from infra.sandbox.provider import RefusalError
from infra.sandbox.responses import request_digest

STARTING_SHARE = 0.25  # of the progress: up to it a started task is `starting`
CREATED_AHEAD_S = 8 * 3600.0  # as in the vendor's sample: this one time is in another time zone
UPSCALE_SIDE = 2048
SEGMENT_SIDE = 3072
SCALES = (2, 4, 8)


@dataclass(frozen=True)
class ToolkitTask:
    """One task type: its input, its generator, and its price in units."""

    fields: tuple[Field, ...]
    generate: Generator
    units: int


class ToolkitV2:
    """Answers `create` and `fetch`."""

    def __init__(self, state: SandboxState, padded_files: PaddedFiles) -> None:
        self._state = state
        self._padded_files = padded_files
        self._jobs: dict[str, Job] = {}

    def create(self, ctx: RequestContext) -> Response:
        """Accept a task, 400 when its body is not valid."""
        body = _read_body(ctx)
        task = TASKS.get(str(body.get("task_type")))
        raw = body.get("task_input")
        if task is None or not isinstance(raw, dict):
            raise RefusalError(400, "invalid request")
        if body.get("result_type", "url") != "url":
            raise RefusalError(400, "invalid request: result_type must be url")
        try:
            task_input = read_input(task.fields, raw)
        except InputError as exc:
            raise RefusalError(400, f"invalid request: {exc}") from exc
        return success_response(self._show(self._open(ctx, task, body, task_input), ctx.base_url))

    def fetch(self, ctx: RequestContext) -> Response:
        """Return the present status of a task, 400 when there is no such task."""
        job = self._jobs.get(str(_read_body(ctx).get("task_id")))
        if job is None:
            raise RefusalError(400, "task not found")
        return success_response(self._show(job, ctx.base_url))

    def _open(
        self,
        ctx: RequestContext,
        task: ToolkitTask,
        body: Mapping[str, object],
        task_input: dict[str, object],
    ) -> Job:
        task_id = str(uuid.uuid4())
        price = credits_of(task.units)
        purchase = Purchase(task_id, ctx.route, price, request_digest(ctx.request))
        try:
            self._state.ledger.charge(purchase)
        except OutOfCreditsError as exc:
            status = int(self._state.knobs["no_credit_status"])
            raise RefusalError(status, "failed to freeze credit") from exc
        effect = ctx.effect
        refunds = effect is None or effect.refund is not False
        task_type = str(body["task_type"])
        generation = GenerationContext(
            state=self._state,
            padded_files=self._padded_files,
            base_url=ctx.base_url,
            model="image_toolkit",
            task_type=task_type,
            input=task_input,
            takes_base64=True,
            find_output=lambda _: None,
            effect=effect,
        )

        def refund(at: float) -> None:
            if refunds:
                self._state.ledger.refund(purchase, at)

        job = self._state.jobs.open(
            task_id,
            lambda: task.generate(generation),
            duration_s=task_duration_s(self._state),
            fault=None if effect is None else effect.job,
            on_failure=refund,
            metadata={
                "task_type": task_type,
                "input": task_input,
                "credits": price,
                "refunds": refunds,
            },
        )
        self._jobs[task_id] = job
        return job

    def _show(self, job: Job, base_url: str) -> dict[str, object]:
        job_status = self._state.jobs.status_of(job)
        done, failed = job_status.phase == "done", job_status.phase == "failed"
        ended = job_status.ended_at
        credits_ = job.metadata["credits"]
        used = 0 if (failed and job.metadata["refunds"]) or ended is None else credits_
        return {
            "task_id": job.id,
            "task_type": job.metadata["task_type"],
            "status": _status(job, job_status),
            "task_info": {
                "created_at": format_time(job.created_at + CREATED_AHEAD_S),
                "started_at": format_time(job_status.started_at),
                "completed_at": format_time(ended),
                "frozen_credits": credits_ if ended is None else 0,
                "task_input": job.metadata["input"],
            },
            "task_result": {
                "used_credits": used,
                "error_messages": [job_status.error] if failed else [],
                "task_output": with_urls(job_status.result, base_url) if done else {},
            },
        }


def _status(job: Job, job_status: JobStatus) -> str:
    match job_status.phase:
        case "waiting":
            return "pending"
        case "working":
            if _has_no_image(job):
                return "retry"
            return "starting" if job_status.progress < STARTING_SHARE * 100 else "processing"
        case "done":
            return "success"
        case _:
            return "failed"


def _has_no_image(job: Job) -> bool:
    """Whether the work has failed because it could not get a valid image."""
    error = job.work.exception() if job.work.done() and not job.work.cancelled() else None
    return error is not None and str(error) == BAD_IMAGE


def _upscale(ctx: GenerationContext) -> Output:
    photo = ctx.photo(ctx.input["image"])
    if max(photo.size) > UPSCALE_SIDE:
        raise WorkError(f"{BAD_IMAGE}: larger than {UPSCALE_SIDE}x{UPSCALE_SIDE}")
    image = toolkit.enlarge_photo(photo, ctx.number("scale", 2))
    return {"image_base64": "", "image_url": ctx.store_image(image)}


def _segment(ctx: GenerationContext) -> Output:
    if max(ctx.photo(ctx.input["image"]).size) > SEGMENT_SIDE:
        raise WorkError(f"{BAD_IMAGE}: larger than {SEGMENT_SIDE}x{SEGMENT_SIDE}")
    links = [ctx.store_image(image) for image in toolkit.segment_images(ctx)]
    return {"image_base64s": None, "image_urls": links}


def _read_body(ctx: RequestContext) -> dict[str, object]:
    try:
        body = json.loads(ctx.request.get_data())
    except ValueError as exc:
        raise RefusalError(400, "invalid request") from exc
    if not isinstance(body, dict):
        raise RefusalError(400, "invalid request")
    return body


TASKS: Mapping[str, ToolkitTask] = {
    "upscale": ToolkitTask(
        (*required("image", "image"), Field("scale", "whole", required=True, choices=SCALES)),
        _upscale,
        40_000,
    ),
    "background_remove": ToolkitTask(required("image", "image"), toolkit.remove_background, 20_000),
    "segment": ToolkitTask(
        (
            *required("image", "image"),
            *required("text", "prompt"),
            text("negative_prompt"),
            whole("segment_factor", toolkit.SAMPLE_FACTOR),
        ),
        _segment,
        20_000,
    ),
    # The vendor's page says "TBD" here; the two names are those of its face-swap API.
    "face_swap": ToolkitTask(
        required("image", "target_image", "swap_image"), toolkit.swap_one_face, 40_000
    ),
}
