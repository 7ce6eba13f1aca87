"""Apiframe's words for a job's status, and the `result` of a job."""

from infra.sandbox.jobs import JobStatus, Phase

STATUS: dict[Phase, str] = {
    "waiting": "QUEUED",
    "working": "PROCESSING",
    "done": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}


def write_result(job_status: JobStatus, base_url: str) -> dict[str, object] | None:
    """Return a job's `result`: the URLs of its images, or None while there are none."""
    if job_status.phase != "done":
        return None
    return {"images": [base_url + str(job_status.result)]}
