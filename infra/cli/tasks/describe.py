"""A task as `status` and `put` tell it: what a person or a program may know.

No request, no provider's URL and no key: between intent and settlement the store holds those.
"""

from datetime import datetime
from typing import Any

from darkroom.domain.attempt import Attempt
from darkroom.domain.task import Task
from darkroom.pipeline.endings.manifest import describe_attempt
from infra.cli.printing import shown


def task_as_dict(task: Task) -> dict[str, Any]:
    """The task for `--json`; times in UTC, credits None where they are not known."""
    order = task.order
    ending = task.ending.failure if task.ending else None
    return {
        "task_id": task.task_id,
        "state": task.state,
        "run": task.run,
        "key": task.trigger.key,
        "source": task.source,
        "operation": order.operation if order else None,
        "providers": list(order.providers) if order else [],
        "created_at": _iso(task.created_at),
        "updated_at": _iso(task.updated_at),
        "deadline": None if task.finished else _iso(task.deadline),
        "waits_for": list(task.wants) if task.state == "waiting" else [],
        "wait_reason": None if task.finished else task.wait_reason,
        "attempts": [describe_attempt(attempt) for attempt in task.attempts],
        "results": [result.key for result in task.results],
        "manifest": task.manifest_key if task.finished else None,
        "failure": {
            "code": ending.code,
            "sentence": ending.sentence,
            "next_step": ending.next_step,
        }
        if ending
        else None,
    }


def task_lines(task: Task) -> list[str]:
    """The task in detail, for people; each on one line, whatever is in it."""
    told = task_as_dict(task)
    lines = [
        f"task       {task.task_id}",
        f"state      {task.state}",
        f"spec       {task.trigger.key or '(in a message)'}",
        f"source     {task.source or '-'}",
        f"operation  {told['operation'] or '-'} by {', '.join(told['providers']) or '-'}",
        f"created    {told['created_at']}",
        f"updated    {told['updated_at']}",
    ]
    if told["wait_reason"]:
        lines.append(f"waiting    {told['wait_reason']}")
    lines += [f"attempt {a.number}  {_attempt_line(a)}" for a in task.attempts]
    lines += [f"result     {key}" for key in told["results"]]
    if told["manifest"]:
        lines.append(f"manifest   {told['manifest']}")
    if told["failure"]:
        lines.append(f"because    {told['failure']['sentence']} ({told['failure']['code']})")
        if told["failure"]["next_step"]:
            lines.append(f"next       {told['failure']['next_step']}")
    return [shown(line) for line in lines]


def _attempt_line(attempt: Attempt) -> str:
    words = [f"{attempt.model} by {attempt.provider}: {attempt.outcome}"]
    if attempt.job_id:
        words.append(f"job {attempt.job_id}")
    if attempt.credits is not None and attempt.charged != "no":
        words.append(f"{attempt.credits:g} credits")
    if attempt.failure:
        words.append(attempt.failure.sentence)
    return ", ".join(words)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
