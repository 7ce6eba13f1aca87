"""A task in short, as lists of many tasks show it; it changes rarely while the task runs."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import SpecRefused
from darkroom.domain.object_keys import classify_key, manifest_key, output_name, parse_spec_name
from darkroom.domain.task import FINISHED, State, Task

MAX_REASON: Final = 240
"""Characters of a reason that are kept."""
MAX_METADATA_BYTES: Final = 600
"""Of all metadata that is kept, as JSON, so that a summary stays below a kilobyte."""


@dataclass(frozen=True)
class TaskSummary:
    """A task in short. Times are UTC.

    Attributes:
        key: its spec's key, or the one that its spec would have.
        provider: the one that it called last, or will call first; None if it is not known.
        ended_at: when it reached its final state; None before.
        code: the failure code of one that failed, was cancelled or is unknown; None of others.
        reason: why it ended so, or what it waits for: at most `MAX_REASON` characters.
        spent: provider -> credits of the attempts that were charged, or may have been.
        cost_known: whether `spent` holds all of them: a provider may not say what a call cost.
        metadata: the values of the spec's metadata that are texts, numbers or booleans, as long as
            they fit into `MAX_METADATA_BYTES`.
        manifest_key: where its manifest is or will be.
        warnings: how many things may be wrong with its results; see `quality.WARNINGS`.
        warning: the code of the first of them; None if there is none.
    """

    task_id: str
    key: str
    state: State
    created_at: datetime
    ended_at: datetime | None = None
    operation: str | None = None
    provider: str | None = None
    code: str | None = None
    reason: str = ""
    spent: Mapping[str, float] = field(default_factory=dict)
    cost_known: bool = True
    metadata: Mapping[str, Any] = field(default_factory=dict)
    manifest_key: str = ""
    warnings: int = 0
    warning: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the task is in a final state."""
        return self.state in FINISHED

    @property
    def source(self) -> str | None:
        """The key of the photo that its spec's name is about; None if it has none."""
        return source_of(self.key)


def source_of(key: str) -> str | None:
    """The key of the photo that a spec's name is about; None if there is none."""
    if classify_key(key) != "spec":
        return None
    try:
        return parse_spec_name(key).source
    except SpecRefused:
        return None


def summarize(task: Task) -> TaskSummary:
    """The task in short."""
    failure = task.ending.failure if task.ending else None
    reason = failure.sentence if failure else "" if task.finished else task.wait_reason or ""
    warnings = [code for one in task.results if one.quality for code in one.quality.warnings]
    charged = [attempt for attempt in task.attempts if attempt.charged != "no"]
    return TaskSummary(
        task_id=task.task_id,
        key=task.trigger.key,
        state=task.state,
        created_at=task.created_at,
        ended_at=task.updated_at if task.finished else None,
        operation=task.operation,
        provider=task.provider,
        code=failure.code if failure else None,
        reason=_shorten(reason),
        spent=_sum_credits(charged),
        cost_known=all(attempt.credits is not None for attempt in charged),
        metadata=_short_metadata(task.metadata),
        manifest_key=task.manifest_key,
        warnings=len(warnings),
        warning=next(iter(warnings), None),
    )


def usual_manifest_key(key: str, operation: str | None) -> str:
    """Where the manifest of a task with this key lies, unless the task had to move aside."""
    try:
        name = parse_spec_name(key)
    except SpecRefused:
        return ""
    return manifest_key(output_name(name, operation or ""))


def _sum_credits(attempts: list[Attempt]) -> dict[str, float]:
    spent: defaultdict[str, float] = defaultdict(float)
    for attempt in attempts:
        spent[attempt.provider] += attempt.credits or 0
    return dict(spent)


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 3]}..."


def _short_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in metadata.items():
        if isinstance(value, str | int | float | bool):
            more = kept | {name: value}
            if len(json.dumps(more).encode()) <= MAX_METADATA_BYTES:
                kept = more
    return kept
