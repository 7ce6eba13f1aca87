"""Finding a task at GoAPI whose paid call got no answer: by the attempt in its webhook's address.

The unified API knows no idempotency key. A task echoes its `config`, so an address that names the
attempt tells it from all others; the vendor's "User Task History" lists the tasks of an account
(piapi.ai/docs, newest first, at most 100 a page), without their config. Whether a task is listed
before it has ended is not documented: one that is not found may be found later.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from darkroom.providers import reading
from darkroom.providers.goapi_catalogue import Entry
from darkroom.providers.goapi_envelope import is_unknown, read_data, refusal_of
from darkroom.providers.protocol import Answer, Request

TASK: Final = "/api/v1/task"
HISTORY: Final = "/api/open/tasks/histories"

PAGES: Final = 5
"""How many pages one look reads at most, from the oldest one on: the task began when the call
did, and whatever the account did since stands before it."""
PAGE: Final = 100
ASKED: Final = 50
"""How many tasks one look asks about at most, those of the same task type first."""
EARLIER_S: Final = 60
"""Clocks differ."""


def endpoint_of(url: str, task_id: str, attempt: int) -> str:
    """The webhook's address of one attempt."""
    return f"{url}{'&' if '?' in url else '?'}attempt={task_id}-{attempt}"


def find_task(
    entry: Entry, endpoint: str, since_s: int
) -> Generator[Request, Answer, Mapping[str, Any] | None]:
    """The task whose webhook has this address; None when those that were looked at have not.

    Reads `PAGES` pages and asks about `ASKED` tasks at most.
    """
    asked = 0
    newest, last = yield from _page(entry, since_s, 1)
    for number in range(last, max(last - PAGES, 0), -1):
        rows = newest if number == 1 else (yield from _page(entry, since_s, number))[0]
        for task_id in _candidates(rows, entry):
            if asked == ASKED:
                return None
            asked += 1
            task = yield from _task(task_id)
            if task is not None and _endpoint(task) == endpoint:
                return task
    return None


def task_path(task_id: str) -> str:
    """Where one task is asked for."""
    return f"{TASK}/{quote(task_id, safe='')}"


def _page(
    entry: Entry, since_s: int, number: int
) -> Generator[Request, Answer, tuple[Sequence[Any], int]]:
    """The rows of a page, newest first, and the number of the last page."""
    query: dict[str, Any] = {"page": number, "page_size": PAGE, "start_time": since_s - EARLIER_S}
    if entry.history is not None:
        query["model"] = entry.history
    answer = yield Request("GET", f"{HISTORY}?{urlencode(query)}")
    if not answer.ok:
        raise refusal_of(answer)
    data = read_data(answer)
    total = data.get("total")
    last = -(-total // PAGE) if isinstance(total, int) else 1
    return reading.as_list(data.get("data") or []), max(1, last)


def _candidates(rows: Sequence[Any], entry: Entry) -> Sequence[str]:
    """The tasks of a page, oldest first; before them those that are of the same type."""
    named = [
        (row.get("action") != entry.task_type, row["task_id"])
        for row in reversed(rows)
        if isinstance(row, dict) and isinstance(row.get("task_id"), str) and row["task_id"]
    ]
    return [task_id for _, task_id in sorted(named, key=lambda pair: pair[0])]


def _task(task_id: str) -> Generator[Request, Answer, Mapping[str, Any] | None]:
    answer = yield Request("GET", task_path(task_id))
    if is_unknown(answer):
        return None
    if not answer.ok:
        raise refusal_of(answer)
    return read_data(answer)


def _endpoint(task: Mapping[str, Any]) -> object:
    config = task.get("config")
    webhook = config.get("webhook_config") if isinstance(config, dict) else None
    return webhook.get("endpoint") if isinstance(webhook, dict) else None
