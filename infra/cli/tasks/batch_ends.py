"""Whether the batches of a folder or of a name have ended, for the screens of users."""

from collections.abc import Iterable, Sequence

from darkroom.domain.batch import BatchId, Tally, describe_progress
from darkroom.domain.object_keys import default_keys, folder_of
from darkroom.domain.task_summary import TaskSummary
from darkroom.ports import Ports
from infra.cli.printing import note
from infra.cli.target import Target


def report_batch(target: Target, name: str, summaries: Iterable[TaskSummary]) -> None:
    """Say whether the batch below this name has ended, or what it waits for; if it is one."""
    folder = f"{name.strip('/')}/" if name.strip("/") else ""
    line = describe_batch(target.ports, folder, summaries)
    if line is not None:
        note(f"batch: {line}")


def describe_batch(ports: Ports, prefix: str, summaries: Iterable[TaskSummary]) -> str | None:
    """One line such as "198 of 200 expected; 3 not finished"; None if nothing is a batch there.

    Args:
        ports: the outside; its batches are read in one request.
        prefix: a folder (the nearest batch of it and of the folders above counts), or the name of
            a batch of messages.
        summaries: the tasks below the prefix, as they are shown; those of a batch of a folder
            above, or of messages, are read.
    """
    folders = [folder_of(key) for key in default_keys(prefix)]
    ids = [BatchId("message", prefix.strip("/")), *(BatchId("folder", f) for f in folders)]
    found = {batch.id: batch for batch in ports.batches.get_many(ids)}
    batch = next((found[one] for one in ids if one in found), None)
    if batch is None or not (batch.rule.says_something or batch.revision):
        return None
    tasks: Sequence[TaskSummary] = list(summaries)
    if batch.id.kind == "message":
        tasks = list(ports.tasks.in_batch(batch.id.name))
    elif batch.id.name != prefix:
        tasks = list(ports.tasks.below(batch.id.name))
    line = describe_progress(batch, Tally.of(tasks), ports.clock.now())
    where = batch.id.name or "the bucket"
    return line if batch.id.name == prefix else f"{where}: {line}"
