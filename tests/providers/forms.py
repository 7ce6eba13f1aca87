"""Each vendor's frame around a job: how it is named when it is made, and how it is asked about."""

from typing import Any

from darkroom.domain.attempt import Finished
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from tests.fakes.run_adapter import adapter_of, answer_of, route_of, run, work_of

JOBS = ("apiframe", "goapi", "goapi-v2", "perfect", "snapapi")
"""Every kind of answer about a job; GoAPI has two."""

_ROUTES = {
    "apiframe": ("apiframe", "upscale", None),
    "goapi": ("goapi", "upscale", None),
    "goapi-v2": ("goapi", "upscale", "image-toolkit-v2"),
    "perfect": ("perfect", "upscale", None),
    "snapapi": ("snapapi", "edit", "flux-kontext"),
}


def asked(kind: str, status: object, result: object = None) -> Pending | Finished | JobFailed:
    """What it means that a job has this status, with a result in the place for results."""
    provider, operation, model = _ROUTES[kind]
    route = route_of(provider, operation, model)
    answer = answer_of(200, _standing(kind, status, result))
    return run(adapter_of(provider).poll(route, "job-1"), answer)[1]


def made(kind: str, job_id: object) -> Accepted | Finished:
    """What the answer to a paid call means that names a job so."""
    provider, operation, model = _ROUTES[kind]
    body = {
        "apiframe": {"jobId": job_id, "status": "QUEUED"},
        "goapi": {"code": 200, "data": {"task_id": job_id, "status": "pending"}},
        "goapi-v2": {"code": 200, "data": {"task_id": job_id, "status": "pending"}},
        "perfect": {"status": 200, "result": {"task_id": job_id}},
        "snapapi": {"task_id": job_id, "status": "CREATED"},
    }[kind]
    work = work_of(route_of(provider, operation, model), _params(kind), {"image": ["a.jpg"]})
    return adapter_of(provider).read_submit(work, answer_of(200, body))


def _params(kind: str) -> dict[str, Any]:
    return {"prompt": "x"} if kind == "snapapi" else {}


def _standing(kind: str, status: object, result: object) -> object:
    match kind:
        case "apiframe":
            return {"id": "job-1", "status": status, "result": {"images": result}}
        case "goapi":
            output = {"image_url": result}
            return {"code": 200, "data": {"task_id": "j", "status": status, "output": output}}
        case "goapi-v2":
            told = {"task_output": {"image_url": result}}
            return {"code": 200, "data": {"task_id": "j", "status": status, "task_result": told}}
        case "perfect":
            results = [{"id": 0, "data": [{"dst_id": "D", "url": result}]}]
            return {"status": 200, "result": {"status": status, "results": results}}
        case _:
            return {"task_id": "job-1", "status": status, "output_image_url": result}
