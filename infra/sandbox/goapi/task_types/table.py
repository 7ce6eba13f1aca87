"""The whole task table, and the way to find a row in it."""

from collections.abc import Mapping
from types import MappingProxyType

from infra.sandbox.goapi.task_types import audio_3d, image, video
from infra.sandbox.goapi.task_types.task_type import Row

TABLE: Mapping[tuple[str, str], Row] = MappingProxyType(
    {
        (row.model, row.task_type): row
        for rows in (image.ROWS, video.ROWS, audio_3d.ROWS, audio_3d.SOLID_ROWS)
        for row in rows
    }
)


def find_row(model: object, task_type: object) -> Row | None:
    """Find a model's task; both words are case-sensitive."""
    if not (isinstance(model, str) and isinstance(task_type, str)):
        return None
    return TABLE.get((model, task_type))
