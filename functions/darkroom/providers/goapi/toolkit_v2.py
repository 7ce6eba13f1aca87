"""GoAPI's older image toolkit, v2: four kinds of work with words and answers of their own.

Facts are those of the vendor's page "Image Editing API" (goapi.ai/docs). A task is fetched by
POST. There is no webhook and no list of past tasks, so a doubtful call cannot be settled: it is
used only where a spec names it. The unified API does the same work.
"""

from collections.abc import Generator, Mapping
from typing import Any, Final

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.provider_jobs import JobFailed, Pending
from darkroom.domain.routes import Route
from darkroom.providers import result_forms, untrusted_json
from darkroom.providers.adapter import Answer, Request
from darkroom.providers.goapi.envelope import LABEL, is_unknown, read_data, refusal_of
from darkroom.providers.job_words import Words, standing_of

BAD_REQUEST: Final = 400

MODEL: Final = "image-toolkit-v2"

CREATE: Final = "/api/image_toolkit/v2/create"
FETCH: Final = "/api/image_toolkit/v2/fetch"

# The page shows all four; base64 is empty where an address is asked for.
_PLACES: Final = ("image_urls", "image_url", "image_base64s", "image_base64")

# `retry`: the photo is hard to download, and is tried again.
WORDS: Final[Words] = {
    "pending": "pending",
    "starting": "pending",
    "processing": "pending",
    "retry": "pending",
    "success": "finished",
    "failed": "failed",
}

# The page leaves face_swap to be told; its fields are those of the unified API's face-swap.
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


def fetch(route: Route, job_id: str) -> Generator[Request, Answer, Pending | Finished | JobFailed]:
    """How the task stands. `used_credits` is in a unit that the page does not explain."""
    answer = yield Request("POST", FETCH, json={"task_id": job_id})
    # The page knows no 404; a well-formed question that is refused is one about an unknown task.
    if is_unknown(answer) or answer.status == BAD_REQUEST:
        return JobFailed("job-lost", f"{LABEL} no longer knows the job.", "unknown")
    if not answer.ok:
        raise refusal_of(answer)
    task = read_data(answer)
    standing = standing_of(task.get("status"), WORDS)
    match standing.state:
        case "finished":
            return Finished(_images(untrusted_json.as_object(task.get("task_result"))))
        case "failed" | "cancelled":
            result = task.get("task_result")
            said = result.get("error_messages") if isinstance(result, dict) else None
            return untrusted_json.job_failed(LABEL, said, route.charged_on_failure)
        case "pending":
            return Pending(note=standing.note)


def _images(result: Mapping[str, Any]) -> tuple[ResultRef, ...]:
    """The masks of a segmentation, or the one picture of everything else."""
    output = result.get("task_output")
    if not isinstance(output, dict):
        return result_forms.need(result_forms.refs_of(output, "image"))
    found = (
        result_forms.refs_of(output.get(name), "image", encoded=result_forms.is_encoded(name))
        for name in _PLACES
    )
    return result_forms.need(next(filter(None, found), ()))
