"""The task table's secondary indexes, and the entries that `by-key` shows of a task.

| index          | partition           | sort key                        | what it shows          |
|----------------|---------------------|---------------------------------|------------------------|
| `by-due`       | `due#<shard>`       | when SWEEP has to check it      | the keys only          |
| `by-key`       | `tree#<shard>`      | `/` and the key of its spec     | the task's `summary`   |
| `by-batch`     | `batch#<name>#<shard>` | the same                     | the same               |
| `by-attention` | `attention#<shard>` | when it was written last        | the keys only          |

An index costs a write whenever something changes that it shows. So none shows the task itself, and
the summary has nothing in it that changes with every write.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from darkroom.domain.object_keys import MAX_KEY_BYTES
from darkroom.domain.task import Task
from darkroom.domain.task_summary import TaskSummary, summarize, usual_manifest_key

SHARDS: Final = 8
"""Partitions of each index, which together hold every task.
One partition takes 1,000 writes a second."""


@dataclass(frozen=True)
class Index:
    """A secondary index.

    Attributes:
        partition: the attribute that is its partition key.
        sort: the attribute that is its sort key.
        shows: further attributes that it shows, beside both keys and the table's own.
    """

    partition: str
    sort: str
    shows: tuple[str, ...] = ()


BY_DUE: Final = "by-due"
BY_KEY: Final = "by-key"
BY_BATCH: Final = "by-batch"
BY_ATTENTION: Final = "by-attention"
INDEXES: Final[Mapping[str, Index]] = {
    BY_DUE: Index("due", "due_at"),
    BY_KEY: Index("tree", "tree_key", ("summary",)),
    BY_BATCH: Index("batch", "tree_key", ("summary",)),
    BY_ATTENTION: Index("attention", "updated_at"),
}


def shard_of(task_id: str) -> int:
    """The task's shard of the indexes, 0 to SHARDS - 1."""
    return int(task_id[:4], 16) % SHARDS


def tree_partition(shard: int) -> str:
    """A partition of `by-key`."""
    return f"tree#{shard}"


def batch_partition(name: str, shard: int) -> str:
    """A partition of `by-batch`, which holds only tasks of messages that name a batch."""
    return f"batch#{name}#{shard}"


def tree_key(key: str) -> str:
    """The sort key of `by-key`: it begins with that of every folder that the key is in.

    DynamoDB takes no empty one and none above 1,024 bytes; the key of a message's spec can be
    both. The end of a longer one is cut off.
    """
    return f"/{key}".encode()[:MAX_KEY_BYTES].decode(errors="ignore")


def write_entry(task: Task) -> dict[str, Any]:
    """The attributes of a task's item that `by-key` shows."""
    summary = summarize(task)
    document = {
        "key": summary.key,
        "state": summary.state,
        "created_at": summary.created_at.isoformat(),
        "ended_at": summary.ended_at.isoformat() if summary.ended_at else None,
        "operation": summary.operation,
        "provider": summary.provider,
        "code": summary.code,
        "reason": summary.reason,
        "spent": summary.spent,
        "cost_known": summary.cost_known,
        "metadata": summary.metadata,
        "manifest_key": summary.manifest_key,
        "warnings": summary.warnings or None,
        "warning": summary.warning,
    }
    if summary.manifest_key == usual_manifest_key(summary.key, summary.operation):
        del document["manifest_key"]
    if tree_key(summary.key) == f"/{summary.key}":
        del document["key"]  # the sort key says it
    short = {name: value for name, value in document.items() if value not in (None, "", {})}
    shard = shard_of(task.task_id)
    batch = {"batch": batch_partition(task.batch, shard)} if task.batch is not None else {}
    return {
        **batch,
        "tree": tree_partition(shard),
        "tree_key": tree_key(summary.key),
        "summary": json.dumps(short, ensure_ascii=False, separators=(",", ":")),
    }


def read_entry(item: Mapping[str, Any]) -> TaskSummary:
    """The summary that `write_entry` wrote.

    Raises:
        ValueError: another version of the code wrote it; the message holds nothing of the item.
    """
    try:
        document = json.loads(item["summary"])
        fields = {"key": str(item["tree_key"])[1:], **document}
        fields.setdefault(
            "manifest_key", usual_manifest_key(fields["key"], fields.get("operation"))
        )
        return TaskSummary(
            task_id=str(item["pk"]).removeprefix("task#"),
            **fields
            | {
                name: datetime.fromisoformat(fields[name])
                for name in ("created_at", "ended_at")
                if name in fields
            },
        )
    except (ValueError, TypeError, KeyError):
        raise ValueError(
            f"the summary of {item['pk']} is not one that this version knows"
        ) from None
