"""Writes a file only while its name belongs to the task, over older files and never over newer."""

from typing import BinaryIO

from darkroom.domain.errors import Conflict
from darkroom.domain.retries import retry_on_conflict
from darkroom.domain.task import Task
from darkroom.pipeline.endings import move_aside
from darkroom.ports import Ports


def put_if_owner(
    ports: Ports, task: Task, key: str, body: BinaryIO | bytes, content_type: str
) -> bool:
    """Write a file under the task's name, over its own or an older task's file, not a newer one's.

    A write may be in flight for longer than another task takes from its spec to its results, so
    every write states the ETag that it replaces.

    Args:
        ports: the outside.
        task: as returned by `claim_output_name`.
        key: begins with one of the task's names.
        body: bytes, or a seekable file.
        content_type: its media type.

    Returns:
        Whether the task had written the file before, in a call that died or in one of this call's
        own tries.

    Raises:
        Conflict: a newer task has taken the name, or the task was changed.
        Busy: too many others write there.
    """
    etag: str | None = None
    first, written_before = True, False

    def write() -> Conflict | None:
        """Why the file must not be written; a lost write raises, and is tried again."""
        nonlocal etag, first, written_before
        if not move_aside.may_write(ports, task, key):
            return Conflict(f"A newer task took the name of task {task.task_id}.")
        if not first and _has_changed(ports, task):
            return Conflict(f"Task {task.task_id} changed while its files were written.")
        first = False
        if not isinstance(body, bytes):
            body.seek(0)
        try:
            ports.outputs.put_over(key, body, content_type, etag, task.task_id)
        except Conflict:
            # Read before owner and task are: a later change of these also writes later.
            etag = ports.outputs.find(key)
            written_before = written_before or ports.outputs.writer(key) == task.task_id
            raise
        return None

    conflict = retry_on_conflict(write, key)
    if conflict is not None:
        raise conflict
    return written_before


def _has_changed(ports: Ports, task: Task) -> bool:
    stored = ports.tasks.get(task.task_id)
    return stored is None or stored.revision != task.revision
