"""GoAPI's older image toolkit: `create` and `fetch`, both by POST, with words of their own.

Facts from "Image Editing API" and "Segment With Prompt API" (goapi.ai/docs). It has no webhook and
no cancel. Its tasks are not tasks of the unified API: neither finds the other's.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from werkzeug.wrappers import Response

from infra.sandbox.context import RefusalError, RequestContext, SandboxState
from infra.sandbox.goapi.api.envelope import answer, stamp
from infra.sandbox.goapi.generators import toolkit
from infra.sandbox.goapi.generators.context import BAD_IMAGE, GenerationContext, Output, with_urls
from infra.sandbox.goapi.generators.padded_files import Tails
from infra.sandbox.goapi.task_types.fields import Field, InputError, need, read_input, text, whole
from infra.sandbox.goapi.task_types.task_type import credits_of
from infra.sandbox.jobs import Job, Standing, WorkError
from infra.sandbox.ledger import OutOfCreditsError, Purchase
from infra.sandbox.responses import request_digest

STARTING_SHARE = 0.25  # of the progress: before it a started task is `starting`
CREATED_AHEAD_S = 8 * 3600.0  # as in the vendor's sample, where the one stamp is in another zone
UPSCALE_SIDE = 2048
SEGMENT_SIDE = 3072
SCALES = (2, 4, 8)


@dataclass(frozen=True)
class Kind:
    """One task type: its input, its price in units, and who makes it."""

    fields: tuple[Field, ...]
    make: Callable[[GenerationContext], Output]
    units: int


class ToolkitV2:
    """Answers `create` and `fetch`."""

    def __init__(self, world: SandboxState, tails: Tails) -> None:
        self._world = world
        self._tails = tails
        self._jobs: dict[str, Job] = {}

    def create(self, call: RequestContext) -> Response:
        """Accept a task, 400 when its body is not valid."""
        body = _read_body(call)
        kind = KINDS.get(str(body.get("task_type")))
        raw = body.get("task_input")
        if kind is None or not isinstance(raw, dict):
            raise RefusalError(400, "invalid request")
        if body.get("result_type", "url") != "url":
            raise RefusalError(400, "invalid request: result_type must be url")
        try:
            asked = read_input(kind.fields, raw)
        except InputError as exc:
            raise RefusalError(400, f"invalid request: {exc}") from exc
        return answer(self._show(self._open(call, kind, body, asked), call.base))

    def fetch(self, call: RequestContext) -> Response:
        """Answer with a task as it stands, 400 when there is none."""
        job = self._jobs.get(str(_read_body(call).get("task_id")))
        if job is None:
            raise RefusalError(400, "task not found")
        return answer(self._show(job, call.base))

    def _open(
        self, call: RequestContext, kind: Kind, body: Mapping[str, object], asked: dict[str, object]
    ) -> Job:
        task_id = str(uuid.uuid4())
        price = credits_of(kind.units)
        purchase = Purchase(task_id, call.route, price, request_digest(call.request))
        try:
            self._world.ledger.charge(purchase)
        except OutOfCreditsError as exc:
            status = int(self._world.knobs["no_credit_status"])
            raise RefusalError(status, "failed to freeze credit") from exc
        effect = call.effect
        refunds = effect is None or effect.refund is not False
        task_type = str(body["task_type"])
        bench = GenerationContext(
            world=self._world,
            tails=self._tails,
            base=call.base,
            model="image_toolkit",
            task_type=task_type,
            input=asked,
            inline=True,
            find_output=lambda _: None,
            effect=effect,
        )

        def give_back(at: float) -> None:
            if refunds:
                self._world.ledger.refund(purchase, at)

        job = self._world.jobs.open(
            task_id,
            lambda: kind.make(bench),
            duration_s=self._world.job_s,
            fate=None if effect is None else effect.job,
            on_failure=give_back,
            facts={
                "task_type": task_type,
                "asked": asked,
                "credits": price,
                "refunds": refunds,
            },
        )
        self._jobs[task_id] = job
        return job

    def _show(self, job: Job, base: str) -> dict[str, object]:
        standing = self._world.jobs.look(job)
        done, failed = standing.phase == "done", standing.phase == "failed"
        ended = standing.ended_at
        credits_ = job.facts["credits"]
        used = 0 if (failed and job.facts["refunds"]) or ended is None else credits_
        return {
            "task_id": job.id,
            "task_type": job.facts["task_type"],
            "status": _status(job, standing),
            "task_info": {
                "created_at": stamp(job.made_at + CREATED_AHEAD_S),
                "started_at": stamp(standing.started_at),
                "completed_at": stamp(ended),
                "frozen_credits": credits_ if ended is None else 0,
                "task_input": job.facts["asked"],
            },
            "task_result": {
                "used_credits": used,
                "error_messages": [standing.error] if failed else [],
                "task_output": with_urls(standing.result, base) if done else {},
            },
        }


def _status(job: Job, standing: Standing) -> str:
    match standing.phase:
        case "waiting":
            return "pending"
        case "working":
            if _has_no_image(job):
                return "retry"
            return "starting" if standing.progress < STARTING_SHARE * 100 else "processing"
        case "done":
            return "success"
        case _:
            return "failed"


def _has_no_image(job: Job) -> bool:
    """Tell whether the work is stuck at an image that cannot be had."""
    trouble = job.work.exception() if job.work.done() and not job.work.cancelled() else None
    return trouble is not None and str(trouble) == BAD_IMAGE


def _upscale(bench: GenerationContext) -> Output:
    photo = bench.photo(bench.input["image"])
    if max(photo.size) > UPSCALE_SIDE:
        raise WorkError(f"{BAD_IMAGE}: larger than {UPSCALE_SIDE}x{UPSCALE_SIDE}")
    picture = toolkit.upscaled(photo, bench.number("scale", 2))
    return {"image_base64": "", "image_url": bench.keep_image(picture)}


def _segment(bench: GenerationContext) -> Output:
    if max(bench.photo(bench.input["image"]).size) > SEGMENT_SIDE:
        raise WorkError(f"{BAD_IMAGE}: larger than {SEGMENT_SIDE}x{SEGMENT_SIDE}")
    links = [bench.keep_image(picture) for picture in toolkit.segments(bench)]
    return {"image_base64s": None, "image_urls": links}


def _read_body(call: RequestContext) -> dict[str, object]:
    try:
        body = json.loads(call.request.get_data())
    except ValueError as exc:
        raise RefusalError(400, "invalid request") from exc
    if not isinstance(body, dict):
        raise RefusalError(400, "invalid request")
    return body


KINDS: Mapping[str, Kind] = {
    "upscale": Kind(
        (*need("image", "image"), Field("scale", "whole", need=True, among=SCALES)),
        _upscale,
        40_000,
    ),
    "background_remove": Kind(need("image", "image"), toolkit.remove_background, 20_000),
    "segment": Kind(
        (
            *need("image", "image"),
            *need("text", "prompt"),
            text("negative_prompt"),
            whole("segment_factor", toolkit.SAMPLE_FACTOR),
        ),
        _segment,
        20_000,
    ),
    # The vendor's page says "TBD" here; the two names are those of its face-swap API.
    "face_swap": Kind(need("image", "target_image", "swap_image"), toolkit.swap_one_face, 40_000),
}
