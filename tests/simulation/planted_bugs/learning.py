"""Planted bugs about what is learned of jobs' times, and the waits that follow from it."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import ModuleType
from typing import Any, Final

from darkroom.domain.job_times import JobTimes
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.domain.wait_policy import next_wait_s as original_wait_s
from darkroom.pipeline import poll
from darkroom.pipeline.admission import backoff, learned_waits
from darkroom.pipeline.orders import price
from darkroom.ports import Ports
from tests.simulation.planted_bugs.plant import Bug, Swap


def _poll_gaps_are_ignored() -> list[Swap]:
    def next_wait_s(*given: Any, max_poll_gap_s: float | None, **more: Any) -> int:
        del max_poll_gap_s
        return original_wait_s(*given, **more)

    def learns(_route: Route) -> bool:
        return True

    return [(backoff, "next_wait_s", next_wait_s), (learned_waits, "_learns", learns)]


def _errors_are_raised(*modules: ModuleType) -> list[Swap]:
    def suppress(*_errors: type[Exception]) -> AbstractContextManager[None]:
        return nullcontext()

    return [(module, "suppress", suppress) for module in modules]


def _every_job_is_added() -> list[Swap]:
    def takes(_times: JobTimes, *_given: float) -> bool:
        return True

    return [(JobTimes, "takes", takes)]


def _times_count_from_the_creation() -> list[Swap]:
    original = learned_waits.learn_job_time

    def learn_job_time(ports: Ports, task: Task, *given: Any) -> None:
        attempt = replace(task.last_attempt, accepted_at=task.created_at)
        original(ports, replace(task, attempts=task.with_attempt(attempt)), *given)

    return [(poll, "learn_job_time", learn_job_time)]


def _learned_waits_are_too_long() -> list[Swap]:
    def next_wait_s(times: JobTimes, *given: Any, **more: Any) -> int:
        return original_wait_s(times, *given, **more) * (20 if times.jobs else 1)

    return [(backoff, "next_wait_s", next_wait_s)]


BUGS: Final = (
    Bug(
        "a learned wait is longer than a job may be left alone",
        _poll_gaps_are_ignored,
        ("durations-known",),
    ),
    Bug(
        "a task needs to know how long jobs take",
        lambda: _errors_are_raised(learned_waits),
        ("durations-unavailable",),
    ),
    Bug(
        "a task needs to know what was charged",
        lambda: _errors_are_raised(price),
        ("charges-unavailable",),
    ),
    Bug("the time of every job is written", _every_job_is_added, ("durations-sampled",)),
    Bug(
        "the time of a job counts from its task's creation",
        _times_count_from_the_creation,
        ("event-delayed",),
    ),
    Bug(
        "a learned wait is much longer than such jobs take",
        _learned_waits_are_too_long,
        ("durations-known",),
    ),
)
