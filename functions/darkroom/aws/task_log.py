"""Writes one log line for each change of a task that was stored, in whatever function that was.

Ids, states, codes and figures only: no keys of objects, no sentences, no URLs. `darkroom logs`
reads these lines. In Lambda the root logger writes them as JSON, with these fields beside its own.
"""

import logging
from datetime import UTC, datetime
from typing import Any, Final

from darkroom.domain.task import Task

LOG: Final = logging.getLogger(__name__)


def log_change(old: Task | None, new: Task) -> None:
    """Log what a write has changed, at level INFO; `old` is None for a new task."""
    if LOG.isEnabledFor(logging.INFO):
        LOG.info(name_change(old, new), extra=describe_change(old, new))


def name_change(old: Task | None, new: Task) -> str:
    """The event's name: "task created", "task submitting", "task run 2", "task changed"."""
    if old is None:
        return "task created"
    if old.state != new.state:
        return f"task {new.state}"
    return f"task run {new.run}" if old.run != new.run else "task changed"


def describe_change(old: Task | None, new: Task) -> dict[str, Any]:
    """The fields of the line, without those that are not known.

    `at` is the time in milliseconds: the runtime's own has seconds. `code` is that of the task's
    ending, else of its last attempt's failure.
    """
    attempt = new.attempts[-1] if new.attempts else None
    failure = new.ending.failure if new.ending else attempt.failure if attempt else None
    facts = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "task_id": new.task_id,
        "run": new.run,
        "state": new.state,
        "was": old.state if old else None,
        "operation": new.operation,
        "provider": new.provider,
        "attempt": attempt.number if attempt else None,
        "outcome": attempt.outcome if attempt else None,
        "job_id": attempt.job_id if attempt else None,
        "charged": attempt.charged if attempt else None,
        "credits": attempt.credits if attempt else None,
        "code": failure.code if failure else None,
        "in_line": True if new.place else None,
        "results": len(new.results) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}
