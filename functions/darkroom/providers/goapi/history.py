"""Finds the task of a paid call at GoAPI that got no response, by the attempt in its webhook URL.

The unified API has no idempotency key. A task echoes its `config`, so a webhook URL that names the
attempt identifies it. The vendor's "User Task History" lists the tasks of an account
(piapi.ai/docs, newest first, at most 100 a page), without their config. Whether a task is listed
before it has ended is not documented: a task that is not found may be found later.

One look-up asks about few tasks. So the tasks are sorted by their distance in time from the call,
and every look-up asks about two parts of that order:

    nearest first   ├─ NEAREST ─┤├─ FURTHER ─┤├─ FURTHER ─┤├─ FURTHER ─┤ ...
    every look            x
    look number                        0            1            2

The nearest are asked about every time because the task may be listed late. After the last of the
further parts, the next look-up begins with the first again.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Any, Final
from urllib.parse import quote, urlencode

from darkroom.domain.errors import Unclear
from darkroom.providers import json_fields
from darkroom.providers.adapter import Request, Response
from darkroom.providers.goapi.catalogue import Entry
from darkroom.providers.goapi.envelope import error_for, is_unknown_task, read_data
from darkroom.providers.parse_time import parse_time_s

TASK: Final = "/api/v1/task"
HISTORY: Final = "/api/open/tasks/histories"

PAGES: Final = 5
"""Pages that one look-up reads at most: those nearest to the time of the call."""
PAGE_SIZE: Final = 100
NEAREST: Final = 20
"""Tasks that every look-up asks about: those created nearest to the call."""
FURTHER: Final = 30
"""Other tasks that one look-up asks about."""
ASKED: Final = NEAREST + FURTHER
EARLIER_S: Final = 60
"""Seconds before the call that are searched too, because clocks differ."""


def webhook_url_for(url: str, task_id: str, attempt: int) -> str:
    """The webhook URL of one attempt."""
    return f"{url}{'&' if '?' in url else '?'}attempt={task_id}-{attempt}"


def find_task(
    entry: Entry, webhook_url: str, since_s: int, look: int
) -> Generator[Request, Response, Mapping[str, Any] | None]:
    """The task with this webhook URL; None if it is not among the tasks that were asked about.

    `look` is how many earlier look-ups there were. Each reads at most `PAGES` + 2 pages and asks
    about at most `ASKED` tasks. A task whose request fails may be the wanted one: the others are
    still asked about, and if none of them is the wanted one, that error is raised.
    """
    unclear: Unclear | None = None
    rows = yield from _read_rows(entry, since_s)
    for task_id in _select_for_look(_sort_by_distance(rows, entry, since_s), look):
        try:
            task = yield from _read_task(task_id)
        except Unclear as error:
            unclear = unclear or error
            continue
        if task is not None and _webhook_url(task) == webhook_url:
            return task
    if unclear is not None:
        raise unclear
    return None


def task_path(task_id: str) -> str:
    """The path of one task."""
    return f"{TASK}/{quote(task_id, safe='')}"


@dataclass(frozen=True)
class _Page:
    """A page of the history.

    Attributes:
        rows: newest first.
        total: how many rows all pages have.
    """

    rows: Sequence[Any]
    total: int


def _read_rows(entry: Entry, since_s: int) -> Generator[Request, Response, Sequence[Any]]:
    """The rows around the time of the call, newest first."""
    first = yield from _read_page(entry, since_s - EARLIER_S, 1)
    last = ceil(first.total / PAGE_SIZE)
    numbers = range(2, last + 1)
    if last > PAGES:
        # Tasks created since the call come before those created at its time.
        later = yield from _read_page(entry, since_s, 1)
        begin = min(later.total // PAGE_SIZE + 1 - PAGES // 2, last - PAGES + 1)
        numbers = range(max(1, begin), max(1, begin) + PAGES)
    rows = [*first.rows]
    # Every new task shifts the others by one: reading on may show some twice.
    for number in numbers:
        if number > 1:
            rows += (yield from _read_page(entry, since_s - EARLIER_S, number)).rows
    return rows


def _read_page(entry: Entry, start_s: int, number: int) -> Generator[Request, Response, _Page]:
    query: dict[str, Any] = {"page": number, "page_size": PAGE_SIZE, "start_time": start_s}
    if entry.history is not None:
        query["model"] = entry.history
    response = yield Request("GET", f"{HISTORY}?{urlencode(query)}")
    if not response.ok:
        raise error_for(response)
    data = read_data(response)
    rows = json_fields.as_list(data.get("data") or [])
    total = data.get("total")
    return _Page(rows, total if isinstance(total, int) else len(rows))


def _sort_by_distance(rows: Sequence[Any], entry: Entry, since_s: int) -> Sequence[str]:
    """The ids of the rows' tasks: those of the same type first, each group by distance in time.

    Other types follow, because the history may use another word for the type. A task whose time
    cannot be read comes last in its group.
    """
    ranks: dict[str, tuple[bool, float]] = {}
    for row in reversed(rows):
        task_id = _task_id_of_row(row)
        if task_id is not None:
            created_s = parse_time_s(row.get("created_at"))
            distance_s = inf if created_s is None else abs(created_s - since_s)
            ranks[task_id] = (row.get("action") != entry.task_type, distance_s)
    return sorted(ranks, key=ranks.__getitem__)


def _task_id_of_row(row: object) -> str | None:
    """The task id of a row; None if it has none."""
    try:
        return json_fields.as_id(json_fields.as_object(row).get("task_id"))
    except Unclear:
        return None


def _select_for_look(ordered: Sequence[str], look: int) -> Sequence[str]:
    """The tasks that a look-up asks about after `look` earlier ones."""
    further = ordered[NEAREST:]
    begin = look % max(1, ceil(len(further) / FURTHER)) * FURTHER
    return [*ordered[:NEAREST], *further[begin : begin + FURTHER]]


def _read_task(task_id: str) -> Generator[Request, Response, Mapping[str, Any] | None]:
    response = yield Request("GET", task_path(task_id))
    if is_unknown_task(response):
        return None
    if not response.ok:
        raise error_for(response)
    return read_data(response)


def _webhook_url(task: Mapping[str, Any]) -> object:
    config = task.get("config")
    webhook = config.get("webhook_config") if isinstance(config, dict) else None
    return webhook.get("endpoint") if isinstance(webhook, dict) else None
