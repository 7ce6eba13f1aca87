"""Reads the rows of a vendor's history; one that cannot be read leaves the others as they are."""

from collections.abc import Callable, Mapping
from typing import Any

from darkroom.domain.errors import Unclear
from darkroom.domain.vendor_history import MAX_WORD, HistoryPage, HistoryRow
from darkroom.providers import json_fields

MAX_ROWS = 1000
"""Rows of one page that are read; no vendor documents more than 100."""


def read_page(
    rows: object,
    read: Callable[[Mapping[str, Any]], HistoryRow | None],
    after: str = "",
    leaves_out: frozenset[str] = frozenset(),
) -> HistoryPage:
    """A page of these rows.

    Args:
        rows: the vendor's list.
        read: one row as a job's, None if it is about no job. Raises `Unclear` if it cannot tell.
        after: what asks for the next page; "" if there is none.
        leaves_out: the models whose jobs the history does not list.

    Raises:
        Unclear: it is no list, or too long.
    """
    found: list[HistoryRow] = []
    unreadable = 0
    items = json_fields.as_list(rows)
    if len(items) > MAX_ROWS:
        raise json_fields.unreadable_response()
    for item in items:
        try:
            row = read(json_fields.as_object(item))
        except Unclear:
            unreadable += 1
            continue
        if row is not None:
            found.append(row)
    return HistoryPage(tuple(found), after, unreadable, leaves_out)


def word(value: object) -> str:
    """A vendor's own word for people; "" if there is none."""
    return json_fields.quotable(value)[:MAX_WORD]
