"""What the table says of a task: when it was created, each paid call, and how it ended."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from infra.cli.logs.entry import Entry

if TYPE_CHECKING:
    from darkroom.domain.attempt import Attempt
    from darkroom.domain.task import Task

TABLE: Final = "table"


def read_task(task: "Task") -> Iterator[Entry]:
    """The entries of a task and its attempts; the last one is what it waits for, or its end."""
    created = {"key": task.trigger.key or None, "operation": task.operation}
    yield Entry(task.created_at, TABLE, "created", _known(created))
    for attempt in task.attempts:
        yield from _read_attempt(attempt)
    facts: dict[str, Any] = {"run": task.run}
    if task.ending is not None:
        failure = task.ending.failure
        facts |= {"code": failure.code, "why": failure.sentence, "next": failure.next_step}
    elif task.wait_reason:
        facts["why"] = task.wait_reason
    yield Entry(task.updated_at, TABLE, f"is {task.state}", _known(facts))


def _read_attempt(attempt: "Attempt") -> Iterator[Entry]:
    number = {"attempt": attempt.number, "run": attempt.run, "provider": attempt.provider}
    yield Entry(attempt.started_at, TABLE, "paid call", number | {"model": attempt.model})
    if attempt.accepted_at is not None:
        yield Entry(
            attempt.accepted_at, TABLE, "call accepted", _known(number | {"job_id": attempt.job_id})
        )
    if attempt.ended_at is not None:
        facts = {
            "charged": attempt.charged,
            "credits": attempt.credits,
            "code": attempt.failure.code if attempt.failure else None,
            "why": attempt.failure.sentence if attempt.failure else None,
        }
        yield Entry(attempt.ended_at, TABLE, f"call {attempt.outcome}", _known(number | facts))


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value not in (None, "")}
