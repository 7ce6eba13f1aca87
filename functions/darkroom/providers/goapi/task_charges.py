"""What GoAPI's task history says of charges: `GET /api/open/tasks/histories`, newest first.

Facts are those of the vendor's "User Task History" (piapi.ai/docs). `usage` is in units, of which
the unified API's are known; a failed task whose usage is 0 was not charged, or was refunded. The
image toolkit v2 has no list of past tasks.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any, Final
from urllib.parse import urlencode

from darkroom.domain.vendor_history import HistoryPage, HistoryRow, VendorState
from darkroom.providers import json_fields
from darkroom.providers.adapter import Request, Response
from darkroom.providers.goapi.envelope import WORDS, credits_in_row, read_data
from darkroom.providers.goapi.history import HISTORY, PAGE_SIZE
from darkroom.providers.goapi.toolkit_v2 import MODEL
from darkroom.providers.history_rows import read_page, word
from darkroom.providers.job_status import read_job_status
from darkroom.providers.parse_time import parse_time_s

_NOT_LISTED: Final = frozenset({MODEL})


def page_request(since_s: int, after: str) -> Request:
    """The request for a page, by its number; "" is the first."""
    query = {"page": after or "1", "page_size": PAGE_SIZE, "start_time": max(0, since_s)}
    return Request("GET", f"{HISTORY}?{urlencode(query)}")


def read_charges(response: Response, after: str) -> HistoryPage:
    """The page in a 2xx response. Raises `Unclear` if there is none.

    New tasks shift the others from page to page: a task that two pages show is one, by its id.
    """
    number = int(after or "1")
    data = read_data(response)
    rows = json_fields.as_list(data.get("data") or [])
    total = json_fields.number_or_none(data.get("total"))
    # Without a total, a full page may be followed by another.
    pages = number + (len(rows) >= PAGE_SIZE) if total is None else ceil(total / PAGE_SIZE)
    following = str(number + 1) if rows and number < pages else ""
    return read_page(rows, _read_row, following, _NOT_LISTED)


def _read_row(row: Mapping[str, Any]) -> HistoryRow:
    task_id = json_fields.as_id(row.get("task_id"))
    return HistoryRow(
        entry=task_id,
        job_id=task_id,
        at_s=parse_time_s(row.get("created_at")),
        credits=credits_in_row(row),
        state=_state(row.get("status")),
        what=" ".join(filter(None, (word(row.get("task_model")), word(row.get("action"))))),
    )


def _state(status: object) -> VendorState:
    match read_job_status(status, WORDS).state:
        case "pending":
            return "running"
        case "finished":
            return "charged"
        case "failed" | "cancelled":
            return "failed"
