"""Apiframe's words for where a job stands and what it made."""

from infra.sandbox.jobs import Phase, Standing

STATUS: dict[Phase, str] = {
    "waiting": "QUEUED",
    "working": "PROCESSING",
    "done": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}


def write_result(standing: Standing, base: str) -> dict[str, object] | None:
    """Return a job's `result`: the URLs of its images, or None while there are none."""
    if standing.phase != "done":
        return None
    return {"images": [base + str(standing.result)]}
