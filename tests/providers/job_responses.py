"""Each vendor's form of a job: its id in a new one's response, its status in a poll's."""

from typing import Any

from darkroom.domain.attempt import Finished
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from tests.fakes.run_adapter import adapter_of, job_request_of, response_of, route_of, run

JOBS = ("apiframe", "goapi", "goapi-v2", "perfect", "snapapi")
"""Every kind of answer about a job; GoAPI has two."""

_ROUTES = {
    "apiframe": ("apiframe", "upscale", None),
    "goapi": ("goapi", "upscale", None),
    "goapi-v2": ("goapi", "upscale", "image-toolkit-v2"),
    "perfect": ("perfect", "upscale", None),
    "snapapi": ("snapapi", "edit", "flux-kontext"),
}


def poll_outcome(
    kind: str, status: object, result: object = None
) -> Pending | Finished | JobFailed:
    """The outcome of a poll with this status, and a result in its field."""
    provider, operation, model = _ROUTES[kind]
    route = route_of(provider, operation, model)
    response = response_of(200, _status_body(kind, status, result))
    return run(adapter_of(provider).poll(route, "job-1"), response)[1]


def submit_outcome(kind: str, job_id: object) -> Accepted | Finished:
    """The outcome of a paid call with this job id in its response."""
    provider, operation, model = _ROUTES[kind]
    body = {
        "apiframe": {"jobId": job_id, "status": "QUEUED"},
        "goapi": {"code": 200, "data": {"task_id": job_id, "status": "pending"}},
        "goapi-v2": {"code": 200, "data": {"task_id": job_id, "status": "pending"}},
        "perfect": {"status": 200, "result": {"task_id": job_id}},
        "snapapi": {"task_id": job_id, "status": "CREATED"},
    }[kind]
    work = job_request_of(route_of(provider, operation, model), _params(kind), {"image": ["a.jpg"]})
    return adapter_of(provider).read_submit(work, response_of(200, body))


def _params(kind: str) -> dict[str, Any]:
    return {"prompt": "x"} if kind == "snapapi" else {}


def _status_body(kind: str, status: object, result: object) -> object:
    match kind:
        case "apiframe":
            return {"id": "job-1", "status": status, "result": {"images": result}}
        case "goapi":
            output = {"image_url": result}
            return {"code": 200, "data": {"task_id": "j", "status": status, "output": output}}
        case "goapi-v2":
            task_result = {"task_output": {"image_url": result}}
            return {
                "code": 200,
                "data": {"task_id": "j", "status": status, "task_result": task_result},
            }
        case "perfect":
            results = [{"id": 0, "data": [{"dst_id": "D", "url": result}]}]
            return {"status": 200, "result": {"status": status, "results": results}}
        case _:
            return {"task_id": "job-1", "status": status, "output_image_url": result}
