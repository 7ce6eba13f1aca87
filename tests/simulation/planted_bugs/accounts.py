"""Planted bugs about the providers' accounts: no credits, a refused key, another account's key."""

from dataclasses import replace
from typing import Any, Final

from darkroom.domain.errors import AccountBlocked, ProviderRefused
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline import poll, submit, sweep
from darkroom.pipeline.money import empty_accounts
from darkroom.pipeline.paid_call import (
    failed_job,
    plan,
    record_refused,
    settle_unclear,
    wait_after_refusal,
)
from darkroom.ports import Ports, Step
from tests.simulation.planted_bugs.plant import Bug, Swap

BLOCKED_KINDS: Final = ("no-credits", "key-refused")
OTHER_ACCOUNT_KINDS: Final = (
    "other-account",
    "unanswered",
    "accepted-but-unanswered",
    "free-unanswered",
)


def _blocked_counts_as_refused() -> list[Swap]:
    original = record_refused.record_refused

    def refused(ports: Ports, task: Task, attempt: Any, error: Any, *more: Any) -> Step:
        if isinstance(error, AccountBlocked):
            error = ProviderRefused(error.failure.code, error.failure.sentence)
        return original(ports, task, attempt, error, *more)

    return [(submit, "record_refused", refused)]


def _blocked_counts_as_unreachable() -> list[Swap]:
    return [(record_refused, "_unreached_count", lambda task, _error: task.unreached + 1)]


def _refused_keys_lose_jobs() -> list[Swap]:
    original = poll._not_reached

    def not_reached(ports: Ports, task: Task, route: Route, error: Any) -> Step:
        if isinstance(error, AccountBlocked):
            response = JobFailed("job-lost", error.failure.sentence, "unknown")
            return failed_job.record_failed_job(ports, task, response)
        return original(ports, task, route, error)

    return [(poll, "_not_reached", not_reached)]


def _another_key_ends_doubts() -> list[Swap]:
    def wait_for_old_key(ports: Ports, task: Task) -> Step:
        return settle_unclear._end_unknown(
            ports, task, settle_unclear._no_answer(task.last_attempt)
        )

    return [(settle_unclear, "_wait_for_old_key", wait_for_old_key)]


def _no_task_agrees() -> list[Swap]:
    return [(record_refused, "choice_elsewhere", lambda *_: None)]


def _every_task_agrees() -> list[Swap]:
    original = plan.choice_elsewhere

    def elsewhere(task: Task, provider: str) -> Any:
        order = replace(task.resolved_order, leaves_empty=True)
        return original(replace(task, order=order), provider)

    return [(record_refused, "choice_elsewhere", elsewhere)]


def _announcements_are_forgotten() -> list[Swap]:
    original = empty_accounts._note

    def note(ports: Ports, provider: str, circuit: Any, blocked: Any) -> Any:
        return original(ports, provider, circuit, replace(blocked, announced=False))

    return [(empty_accounts, "_note", note)]


def _empty_accounts_are_not_looked_at() -> list[Swap]:
    return [(sweep, "look_at_account", lambda *_: None)]


BUGS: Final = (
    Bug(
        "tasks without credits wait in their runs, and others come before them",
        lambda: [(wait_after_refusal, "NO_CREDITS", "")],
        ("no-credits",),
    ),
    Bug("an empty account sends every task elsewhere", _every_task_agrees, ("no-credits",)),
    Bug("a task that agrees to any provider waits for credits", _no_task_agrees, ("no-credits",)),
    Bug("an empty account is announced again", _announcements_are_forgotten, ("no-credits",)),
    Bug("no event says that it is empty", _empty_accounts_are_not_looked_at, ("no-credits",)),
    Bug("a blocked account fails the task", _blocked_counts_as_refused, BLOCKED_KINDS),
    Bug("a blocked account counts as unreachable", _blocked_counts_as_unreachable, BLOCKED_KINDS),
    Bug("a refused key loses the job", _refused_keys_lose_jobs, ("key-refused",)),
    Bug(
        "a doubtful call is repeated under another key",
        lambda: [(settle_unclear, "account_changed", lambda *_: False)],
        OTHER_ACCOUNT_KINDS,
    ),
    Bug("another key ends what is doubtful", _another_key_ends_doubts, OTHER_ACCOUNT_KINDS),
    Bug(
        "another account's answer about a job is believed",
        lambda: [(failed_job, "account_changed", lambda *_: False)],
        ("other-account", "job-late"),
    ),
)
