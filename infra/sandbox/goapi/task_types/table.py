"""The table of all task types, by model and name."""

from collections.abc import Mapping
from types import MappingProxyType

from infra.sandbox.goapi.task_types import audio_3d, image, video
from infra.sandbox.goapi.task_types.task_type import TaskType

TASK_TYPES: Mapping[tuple[str, str], TaskType] = MappingProxyType(
    {
        (task_type.model, task_type.name): task_type
        for types in (image.TASK_TYPES, video.TASK_TYPES, audio_3d.TASK_TYPES, audio_3d.MESH_TYPES)
        for task_type in types
    }
)


def find_task_type(model: object, name: object) -> TaskType | None:
    """Find a task type; both words are case-sensitive."""
    if not (isinstance(model, str) and isinstance(name, str)):
        return None
    return TASK_TYPES.get((model, name))
