"""Apiframe's words for where a job stands."""

from infra.local.sandbox.jobs import Phase

STATUS: dict[Phase, str] = {
    "waiting": "QUEUED",
    "working": "PROCESSING",
    "done": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}
