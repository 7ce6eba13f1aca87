"""Finding a task at GoAPI whose paid call got no answer: by the attempt in its webhook's address.

The unified API knows no idempotency key. A task echoes its `config`, so an address that names the
attempt tells it from all others; the vendor's "User Task History" lists the tasks of an account
(piapi.ai/docs, newest first, at most 100 a page), without their config. Whether a task is listed
before it has ended is not documented: one that is not found may be found later.

A look asks about few tasks. So they stand in the order of their distance in time from the call,
and every look asks about two parts of that order:

    nearest first   ├─ NEAREST ─┤├─ FURTHER ─┤├─ FURTHER ─┤├─ FURTHER ─┤ ...
    every look            x
    look number                        0            1            2

The nearest are asked about again because ours may be listed late. The look after the one that took
the last of the other parts takes the first again.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Any, Final
from urllib.parse import quote, urlencode

from darkroom.domain.errors import Unclear
from darkroom.providers import untrusted_json
from darkroom.providers.adapter import Answer, Request
from darkroom.providers.goapi import times
from darkroom.providers.goapi.catalogue import Entry
from darkroom.providers.goapi.envelope import is_unknown, read_data, refusal_of

TASK: Final = "/api/v1/task"
HISTORY: Final = "/api/open/tasks/histories"

PAGES: Final = 5
"""How many pages one look reads at most: those that are nearest to the time of the call."""
PAGE: Final = 100
NEAREST: Final = 20
"""How many tasks every look asks about: those that were made when the call was."""
FURTHER: Final = 30
"""How many of the others one look asks about."""
ASKED: Final = NEAREST + FURTHER
EARLIER_S: Final = 60
"""Clocks differ."""


def endpoint_of(url: str, task_id: str, attempt: int) -> str:
    """The webhook's address of one attempt."""
    return f"{url}{'&' if '?' in url else '?'}attempt={task_id}-{attempt}"


def find_task(
    entry: Entry, endpoint: str, since_s: int, look: int
) -> Generator[Request, Answer, Mapping[str, Any] | None]:
    """The task whose webhook has this address; None when those that were looked at have not.

    `look` is how many looks there were before. Each reads `PAGES` + 2 pages and asks about `ASKED`
    tasks at most. One that cannot be asked about may be the one: the others are asked about all
    the same, and where none of them is it, its error is raised.
    """
    unclear: Unclear | None = None
    rows = yield from _rows(entry, since_s)
    for task_id in _turn(_in_order(rows, entry, since_s), look):
        try:
            task = yield from _task(task_id)
        except Unclear as error:
            unclear = unclear or error
            continue
        if task is not None and _endpoint(task) == endpoint:
            return task
    if unclear is not None:
        raise unclear
    return None


def task_path(task_id: str) -> str:
    """Where one task is asked for."""
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


def _rows(entry: Entry, since_s: int) -> Generator[Request, Answer, Sequence[Any]]:
    """The rows around the time of the call, newest first."""
    first = yield from _page(entry, since_s - EARLIER_S, 1)
    last = ceil(first.total / PAGE)
    numbers = range(2, last + 1)
    if last > PAGES:
        # What was made since the call stands before what was made at its time.
        later = yield from _page(entry, since_s, 1)
        begin = min(later.total // PAGE + 1 - PAGES // 2, last - PAGES + 1)
        numbers = range(max(1, begin), max(1, begin) + PAGES)
    rows = [*first.rows]
    # With every new task the others move on by one: who reads downwards meets some twice.
    for number in numbers:
        if number > 1:
            rows += (yield from _page(entry, since_s - EARLIER_S, number)).rows
    return rows


def _page(entry: Entry, start_s: int, number: int) -> Generator[Request, Answer, _Page]:
    query: dict[str, Any] = {"page": number, "page_size": PAGE, "start_time": start_s}
    if entry.history is not None:
        query["model"] = entry.history
    answer = yield Request("GET", f"{HISTORY}?{urlencode(query)}")
    if not answer.ok:
        raise refusal_of(answer)
    data = read_data(answer)
    rows = untrusted_json.as_list(data.get("data") or [])
    total = data.get("total")
    return _Page(rows, total if isinstance(total, int) else len(rows))


def _in_order(rows: Sequence[Any], entry: Entry, since_s: int) -> Sequence[str]:
    """The tasks of these rows: of the same type first, then nearest to the call.

    The others come after them, because the history's word for the type may be another one; of
    either those come last whose time cannot be read.
    """
    named: dict[str, tuple[bool, float]] = {}
    for row in reversed(rows):
        task_id = _name(row)
        if task_id is not None:
            made_s = times.time_s_of(row.get("created_at"))
            away_s = inf if made_s is None else abs(made_s - since_s)
            named[task_id] = (row.get("action") != entry.task_type, away_s)
    return sorted(named, key=named.__getitem__)


def _name(row: object) -> str | None:
    """The task of a row; None for a row that names none."""
    try:
        return untrusted_json.as_id(untrusted_json.as_object(row).get("task_id"))
    except Unclear:
        return None


def _turn(ordered: Sequence[str], look: int) -> Sequence[str]:
    """What a look asks about before which there were so many."""
    further = ordered[NEAREST:]
    begin = look % max(1, ceil(len(further) / FURTHER)) * FURTHER
    return [*ordered[:NEAREST], *further[begin : begin + FURTHER]]


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
