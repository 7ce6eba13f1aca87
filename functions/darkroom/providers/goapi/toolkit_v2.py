"""GoAPI's older image toolkit, v2: four operations with their own words and responses.

Facts are those of the vendor's page "Image Editing API" (goapi.ai/docs). A task is polled by POST.
There is no webhook and no list of past tasks, so an unclear call cannot be reconciled: the toolkit
is used only if a spec names it. The unified API offers the same operations.
"""

from collections.abc import Generator, Mapping
from typing import Any, Final

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.provider_jobs import JobFailed, Pending
from darkroom.domain.routes import Route
from darkroom.providers import json_fields, result_refs
from darkroom.providers.adapter import Request, Response
from darkroom.providers.goapi.envelope import (
    LABEL,
    error_for,
    failed_job,
    is_unknown_task,
    read_data,
)
from darkroom.providers.job_status import StatusWords, read_job_status

BAD_REQUEST: Final = 400

MODEL: Final = "image-toolkit-v2"

CREATE: Final = "/api/image_toolkit/v2/create"
FETCH: Final = "/api/image_toolkit/v2/fetch"

# The page shows all four; the base64 fields are empty if URLs are requested.
_RESULT_FIELDS: Final = ("image_urls", "image_url", "image_base64s", "image_base64")

# `retry`: the download of the photo failed and is retried.
WORDS: Final[StatusWords] = {
    "pending": "pending",
    "starting": "pending",
    "processing": "pending",
    "retry": "pending",
    "success": "finished",
    "failed": "failed",
}

# The page does not describe face_swap; its fields are those of the unified API's face swap.
TASK_TYPES: Final[Mapping[str, str]] = {
    "upscale": "upscale",
    "remove-background": "background_remove",
    "segment": "segment",
    "face-swap": "face_swap",
}


def build_create(operation: str, task_input: Mapping[str, Any]) -> Request:
    """The paid request."""
    body = {"task_type": TASK_TYPES[operation], "result_type": "url", "task_input": task_input}
    return Request("POST", CREATE, json=body)


def fetch(
    route: Route, job_id: str
) -> Generator[Request, Response, Pending | Finished | JobFailed]:
    """The task's status. `used_credits` is in a unit that the page does not explain."""
    response = yield Request("POST", FETCH, json={"task_id": job_id})
    # The page has no 404; a refused well-formed request is one for an unknown task.
    if is_unknown_task(response) or response.status == BAD_REQUEST:
        return JobFailed("job-lost", f"{LABEL} no longer knows the job.", "unknown")
    if not response.ok:
        raise error_for(response)
    task = read_data(response)
    status = read_job_status(task.get("status"), WORDS)
    match status.state:
        case "finished":
            return Finished(_images(json_fields.as_object(task.get("task_result"))))
        case "failed" | "cancelled":
            result = task.get("task_result")
            messages = result.get("error_messages") if isinstance(result, dict) else None
            words = messages if isinstance(messages, list) else [messages]
            return failed_job([*map(json_fields.find_text, words)], route.charged_on_failure)
        case "pending":
            return Pending(note=status.note)


def _images(result: Mapping[str, Any]) -> tuple[ResultRef, ...]:
    """The masks of a segmentation, or the one image of the other operations."""
    output = result.get("task_output")
    if not isinstance(output, dict):
        return result_refs.require_results(result_refs.find_results(output, "image"))
    found = (
        result_refs.find_results(
            output.get(name), "image", encoded=result_refs.is_base64_field(name)
        )
        for name in _RESULT_FIELDS
    )
    return result_refs.require_results(next(filter(None, found), ()))
