"""The measurements of a task that has ended."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from darkroom.domain.attempt import Attempt, Outcome
from darkroom.domain.measurements import Measurement
from darkroom.domain.routes import Tariff
from darkroom.domain.task import Task

FAILED: Final[frozenset[Outcome]] = frozenset({"failed", "lost", "given-up", "unknown"})
"""The provider took the call, or nobody knows, and there is no result. A refusal is an answer."""
NO_OPERATION: Final = "none"
"""In place of an operation that a spec only asked for: it may be any text."""


def measure_end(task: Task, tariffs: Mapping[str, Tariff], now: datetime) -> Iterator[Measurement]:
    """What is measured when a task's end is published.

    Args:
        task: in its final state.
        tariffs: provider -> its tariff, for each of its attempts.
        now: when its end is published.
    """
    outcome = {"outcome": task.state}
    operation = task.order.operation if task.order else NO_OPERATION
    yield Measurement("TasksEnded", 1, dimensions=outcome)
    yield Measurement("TasksEnded", 1, dimensions=outcome | {"operation": operation})
    if task.state == "succeeded" and not task.reused_from:
        begun = task.queued_at or task.created_at
        yield Measurement("TaskSeconds", _seconds(task.created_at, now), "Seconds")
        at_provider = sum(_attempt_seconds(each, now) for each in task.attempts)
        waited = _seconds(begun, task.attempts[0].started_at) if task.attempts else 0.0
        files = _seconds(task.created_at, begun)
        overhead = _seconds(task.created_at, now) - at_provider - waited - files
        yield Measurement("OverheadSeconds", max(0.0, overhead), "Seconds")
    for attempt in task.attempts:
        yield from _measure_attempt(attempt, tariffs.get(attempt.provider), now)


def _measure_attempt(
    attempt: Attempt, tariff: Tariff | None, now: datetime
) -> Iterator[Measurement]:
    at = {"provider": attempt.provider}
    yield Measurement("Attempts", 1, dimensions=at)
    yield Measurement("AttemptsFailed", float(attempt.outcome in FAILED), dimensions=at)
    if attempt.outcome == "succeeded":
        yield Measurement("ProviderSeconds", _attempt_seconds(attempt, now), "Seconds", at)
    if attempt.charged == "yes" and attempt.credits is not None:
        yield Measurement("Credits", attempt.credits, "None", at)
        if tariff is not None and tariff.usd_per_credit is not None:
            yield Measurement("Usd", attempt.credits * tariff.usd_per_credit, "None", at)


def _attempt_seconds(attempt: Attempt, now: datetime) -> float:
    return _seconds(attempt.started_at, attempt.ended_at or now)


def _seconds(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())
