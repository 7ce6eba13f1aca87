"""What the contract must know of each provider: the least that it takes, and its wire's words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from darkroom.domain.provider_jobs import JobFailed
from tests.contract.providers import goapi_needs, perfect_needs

Body = Mapping[str, Any]
Params = Mapping[Any, Mapping[str, Any]]

JOB_S = 60.0
"""Jobs end when the sandbox's clock is moved on, not by waiting."""


@dataclass(frozen=True)
class Needs:
    """One provider.

    Attributes:
        label: its name in sentences.
        usual: the operation that stands for it where any would do.
        with_jobs: operation and model of a route whose work becomes a job.
        paid: which requests cost something, for a fault to match.
        poll: which requests ask about a job.
        upload: which requests bring a file before the paid one; None where there are none.
        complaint: the body of a refusal.
        unknown_word: a 200 about a job whose status no document names.
        no_result: a 200 about a finished job without a result.
        lost: what becomes of a job that the provider does not know.
        params: operation, or (operation, model), -> the params that it cannot do without.
        origin: the param that names an earlier job of the same model.
        pictures: operation -> format and size of its picture, where a small PNG will not do.
        every_role: whether optional files are given, too.
        step_s: the clock moves on by no more between two questions.
    """

    label: str
    usual: str
    with_jobs: tuple[str, str]
    paid: Mapping[str, str]
    poll: Mapping[str, str]
    complaint: Body
    unknown_word: Body
    no_result: Body
    lost: JobFailed
    upload: Mapping[str, str] | None = None
    params: Params = field(default_factory=dict)
    pictures: Mapping[str, tuple[str, int, int]] = field(default_factory=dict)
    origin: str | None = None
    every_role: bool = True
    step_s: float = JOB_S


def _lost(label: str, charged: Any = "unknown") -> JobFailed:
    return JobFailed("job-lost", f"{label} no longer knows the job.", charged)


NEEDS: Mapping[str, Needs] = {
    "snapapi": Needs(
        label="SnapAPI",
        usual="remove-background",
        with_jobs=("edit", "flux-kontext"),
        paid={"method": "POST", "path": "/v?/images/*"},
        poll={"method": "GET", "path": "/v?/*"},
        complaint={"error": {"message": "no"}},
        unknown_word={"status": "DREAMING", "progress": "some"},
        no_result={"status": "COMPLETED", "result": {}},
        lost=_lost("SnapAPI"),
        params={
            "generate": {"prompt": "a red bicycle"},
            "edit": {"prompt": "make it snow"},
            "headshot": {"prompt": "a headshot in a studio"},
            "cartoon": {"prompt": "as a sticker"},
            "inpaint": {"prompt": "an empty wall"},
            "combine": {"prompt": "put both in a stadium"},
            "hairstyle": {"style": "bob"},
        },
    ),
    "apiframe": Needs(
        label="Apiframe",
        usual="upscale",
        with_jobs=("upscale", "clarity"),
        paid={"method": "POST", "path": "/v?/images/*"},
        poll={"method": "GET", "path": "/v?/*"},
        upload={"method": "POST", "path": "/v2/uploads"},
        complaint={"error": "no"},
        unknown_word={"status": "DREAMING", "progress": "some"},
        no_result={"status": "COMPLETED", "result": {}},
        lost=_lost("Apiframe"),
        params={
            "inpaint": {"prompt": "an empty wall"},
            "outpaint": {"prompt": "more meadow", "outpaint": "Zoom out 1.5x"},
        },
    ),
    "perfect": Needs(
        label="Perfect Corp",
        usual=perfect_needs.USUAL,
        with_jobs=perfect_needs.WITH_JOBS,
        paid={"method": "POST", "path": "/s2s/v1.0/task/*"},
        poll={"method": "GET", "path": "/s2s/v1.0/task/*"},
        upload={"method": "POST", "path": "/s2s/v1.0/file/*"},
        complaint={"status": 400, "error": "no"},
        unknown_word={"status": 200, "result": {"status": "dreaming"}},
        no_result={"status": 200, "result": {"status": "success", "results": []}},
        lost=_lost("Perfect Corp", "no"),
        params=perfect_needs.MIN_PARAMS,
        pictures=perfect_needs.PICTURES,
        step_s=perfect_needs.STEP_S,
    ),
    "goapi": Needs(
        label="GoAPI",
        usual=goapi_needs.USUAL,
        with_jobs=goapi_needs.WITH_JOBS,
        paid={"method": "POST", "path": "/api/v1/task"},
        poll={"method": "GET", "path": "/api/v1/task/*"},
        upload={"method": "POST", "path": "/api/ephemeral_resource"},
        complaint={"code": 400, "message": "no"},
        unknown_word={"code": 200, "data": {"task_id": "t", "status": "dreaming", "output": None}},
        no_result={"code": 200, "data": {"task_id": "t", "status": "completed", "output": {}}},
        lost=_lost("GoAPI"),
        params=goapi_needs.MIN_PARAMS,
        origin=goapi_needs.ORIGIN,
        every_role=False,
    ),
}
