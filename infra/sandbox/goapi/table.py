"""The whole task table, and the way to find a row in it."""

from collections.abc import Mapping
from types import MappingProxyType

from infra.sandbox.goapi import image_rows, sound_rows, video_rows
from infra.sandbox.goapi.rows import Row

TABLE: Mapping[tuple[str, str], Row] = MappingProxyType(
    {
        (row.model, row.task_type): row
        for rows in (image_rows.ROWS, video_rows.ROWS, sound_rows.ROWS, sound_rows.SOLID_ROWS)
        for row in rows
    }
)


def find_row(model: object, task_type: object) -> Row | None:
    """Find a model's task; both words are case-sensitive."""
    if not (isinstance(model, str) and isinstance(task_type, str)):
        return None
    return TABLE.get((model, task_type))
