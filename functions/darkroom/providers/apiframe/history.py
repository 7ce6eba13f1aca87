"""Apiframe's list of jobs: `GET /v2/jobs`, newest first, with a cursor.

Facts are those of the vendor's OpenAPI document and its page on jobs: `creditCost` is there from
the beginning, and 0 once a failed job was refunded. Jobs are kept for 90 days.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from darkroom.domain.vendor_history import HistoryPage, HistoryRow, VendorState
from darkroom.providers import json_fields
from darkroom.providers.adapter import Request, Response
from darkroom.providers.history_rows import read_page, word
from darkroom.providers.job_status import StatusWords, read_job_status
from darkroom.providers.parse_time import parse_time_s

JOBS: Final = "/v2/jobs"
PAGE_SIZE: Final = 100
"""The most that the vendor allows."""


def page_request(after: str) -> Request:
    """The request for the page after this cursor; "" is the first."""
    query = {"limit": str(PAGE_SIZE)} | ({"cursor": after} if after else {})
    return Request("GET", f"{JOBS}?{urlencode(query)}")


def read_history(response: Response, words: StatusWords) -> HistoryPage:
    """The page in a 2xx response. Raises `Unclear` if there is none."""

    def read(job: Mapping[str, Any]) -> HistoryRow:
        job_id = json_fields.as_id(job.get("id"))
        credits_ = json_fields.credits_or_none(job.get("creditCost"))
        return HistoryRow(
            entry=job_id,
            job_id=job_id,
            at_s=parse_time_s(job.get("createdAt")),
            credits=credits_,
            state=_state(job.get("status"), words),
            what=word(job.get("model")),
        )

    body = json_fields.as_object(response.json())
    cursor = body.get("nextCursor")
    more = body.get("hasMore", cursor) and cursor
    return read_page(body.get("jobs"), read, json_fields.as_id(cursor) if more else "")


def _state(status: object, words: StatusWords) -> VendorState:
    match read_job_status(status, words).state:
        case "pending":
            return "running"
        case "finished":
            return "charged"
        case "failed" | "cancelled":
            return "failed"
